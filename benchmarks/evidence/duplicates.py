"""Copies: altered ones are found, pictures of one scene are none, and a copy does not vouch for a wrong label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from evidence.claim import Claim, Effort, Measured
from images import mnist_images
from inkling import ImageDataset, Splits, find_duplicates, find_label_errors, load_images, recipe
from inkling.diagnosis.duplicates import NEAR, Duplicates
from inkling.images.sources.downloads import data_folder
from inkling.images.splitting import stratified_folds
from inkling.labels.out_of_fold import rate_folds, train_to_the_end
from inkling.training.settings import TrainingSettings

Pictures = NDArray[np.uint8]  # (N, H, W, 3), or of one picture (H, W, 3)


def shifted(picture: Pictures) -> Pictures:
    """Return it 1 pixel higher."""
    return np.pad(picture, ((0, 1), (0, 0), (0, 0)), mode="edge")[1:]


def rotated(picture: Pictures) -> Pictures:
    """Return it rotated by 3 degrees, with black corners."""
    return np.asarray(Image.fromarray(picture).rotate(3, Image.Resampling.BICUBIC))


def cropped(picture: Pictures) -> Pictures:
    """Return it without 5% at each side, enlarged."""
    size = picture.shape[:2]
    cut = round(0.05 * size[0])
    return np.asarray(Image.fromarray(picture[cut:-cut, cut:-cut]).resize(size[::-1], Image.Resampling.BICUBIC))


def mirrored(picture: Pictures) -> Pictures:
    """Return it left for right."""
    return picture[:, ::-1]


def found(effort: Effort, alter: Callable[[Pictures], Pictures], least: float) -> Measured:
    """Return how many altered copies are found among photos of flowers, or generated pictures where those are not."""
    rng, folder = np.random.default_rng(0), data_folder() / "flowers"
    if folder.is_dir() and not effort.quick:
        what, photos = "flowers", load_images(str(folder)).train.images[:]
    else:
        what, photos = "generated pictures", _generated(rng, effort.times(600, 40))
    chosen = rng.choice(len(photos), min(len(photos) // 2, effort.times(400)), replace=False)
    copies = np.stack([alter(photos[place]) for place in chosen])
    pairs = find_duplicates({"train": photos, "test": copies}, NEAR).pairs
    across = {(pair.index, pair.of_index) for pair in pairs if (pair.split, pair.of_split) == ("test", "train")}
    recall = np.mean([(i, place) in across for i, place in enumerate(chosen)])
    return Measured(f"{recall:.3f} of {len(chosen)} copies among {len(photos):,} {what}", bool(recall >= least))


def one_scene(effort: Effort) -> Measured:
    """Return how many pictures of a fixed scene, 2 of its 10 objects moved in each, are called altered copies."""
    rng, called, near, n = np.random.default_rng(0), 0, 0, 0
    for noise in (2.0, 2.0, 6.0) if not effort.quick else (2.0,):
        pictures = _scene(rng, effort.times(400, 30), noise)
        pairs = find_duplicates({"train": pictures}, NEAR)
        called += len(_images(pairs, altered=True))
        near += len(_images(pairs, altered=False))
        n += len(pictures)
    shown = (
        f"{called / n:.1%} of {n:,} (the pixels of {near / n:.0%} correlate by {NEAR} or more with those of another)"
    )
    return Measured(shown, called <= 0.01 * n)


def ones(effort: Effort) -> Measured:
    """Return how many of MNIST's 1s, enlarged so that altered copies are sought among them, are called such."""
    train = mnist_images(effort.quick).train
    images = train.images[train.labels == 1][: effort.times(3000)].repeat(2, axis=1).repeat(2, axis=2)
    called = len(_images(find_duplicates({"train": images}, NEAR), altered=True))
    return Measured(f"{called / len(images):.1%} of {len(images):,}", called <= 0.01 * len(images))


def wrong_labels_with_copies(effort: Effort) -> Measured:
    """Return which part of wrong labels with a copy each comes first, with the copies in one fold and in any."""
    drawings = [_recalls(effort, seed) for seed in range(effort.times(3, 1))]
    kept, let_go = np.mean(drawings, axis=0)
    shown = f"{kept:.2f}, with copies in any fold {let_go:.2f}; {len(drawings)} drawings"
    return Measured(shown, bool(kept >= let_go + 0.2))


def _recalls(effort: Effort, seed: int) -> tuple[float, float]:
    splits, rng = mnist_images(effort.quick), np.random.default_rng(seed)
    splits = replace(splits, validation=splits.validation.subset(np.arange(100)))  # they choose nothing here
    train = splits.with_train_size(min(2000, len(splits.train)), seed).train
    wrong = rng.choice(len(train), len(train) // 20, replace=False)
    labels = train.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    noise = rng.integers(-3, 4, (len(wrong), *train.image_shape))
    copies = np.clip(train.images[wrong] + noise, 0, 255).astype(np.uint8)
    images = np.concatenate([train.images, copies])
    planted = ImageDataset(images, np.concatenate([labels, labels[wrong]]), train.class_names)
    wrong = np.append(wrong, len(train) + np.arange(len(wrong)))
    settings = recipe("reference", epochs=5 if effort.quick else 60, batch_size=16, seed=seed)
    planted_splits = replace(splits, train=planted)
    recalls = []
    together = rate_folds(planted_splits, "perceptron", settings)
    in_any_fold = _in_any_fold(planted_splits, settings)
    for rated, over_epochs in ((together.held_out, together.over_epochs), (in_any_fold, None)):
        ranked = find_label_errors(planted.labels, rated, len(wrong), over_epochs)
        recalls.append(float(np.isin(wrong, [error.index for error in ranked]).mean()))
    return recalls[0], recalls[1]


def _in_any_fold(splits: Splits, settings: TrainingSettings) -> NDArray[np.float32]:
    """Rate labels by networks of other folds, copies wherever they fall."""
    train = splits.train
    probabilities = np.empty((len(train), train.n_classes), np.float32)
    fold_of = stratified_folds(train.labels, 5, settings.seed)
    for fold in range(5):
        others = replace(splits, train=train.subset(fold_of != fold))
        network = train_to_the_end(others, "perceptron", settings)
        probabilities[fold_of == fold] = network.predict_proba(train.images[fold_of == fold])
    return probabilities


def _images(found: Duplicates, altered: bool) -> set[int]:
    """Return the images that are in such pairs."""
    pairs = [pair for pair in found.pairs if bool(pair.alteration) == altered]
    return {index for pair in pairs for index in (pair.index, pair.of_index)}


def _generated(rng: np.random.Generator, n: int) -> Pictures:
    """Draw pictures that have nothing in common, with as much detail in each size as photos have."""
    return np.stack([_drawn(_background(rng), _objects(rng, 12), rng, 2.0) for _ in range(n)])


def _scene(rng: np.random.Generator, n: int, noise: float) -> Pictures:
    background, objects = _background(rng), _objects(rng, 10)
    pictures = []
    for _ in range(n):
        moved = objects.copy()
        moved[rng.choice(10, 2, replace=False), :2] = rng.uniform(0.1, 0.9, (2, 2))
        pictures.append(_drawn(background, moved, rng, noise))
    return np.stack(pictures)


def _background(rng: np.random.Generator, side: int = 128) -> NDArray[np.float64]:
    background = np.full((side, side, 3), 120.0)
    for size in (1, 3, 8):
        background += 40 * size * gaussian_filter(rng.normal(size=(side, side, 3)), (size, size, 0))
    return background


def _objects(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw ellipses and boxes: place, half axes, direction, roundness, colour."""
    parts = [rng.uniform(0.1, 0.9, (n, 2)), rng.uniform(0.05, 0.14, (n, 2)), rng.uniform(0, np.pi, (n, 1))]
    return np.hstack([*parts, rng.random((n, 1)), rng.uniform(0, 255, (n, 3))])


def _drawn(
    background: NDArray[np.float64], objects: NDArray[np.float64], rng: np.random.Generator, noise: float
) -> Pictures:
    side, pixels = len(background), background.copy()
    y, x = np.mgrid[:side, :side] / side
    for across, down, a, b, turn, round_, *colour in objects:
        u = ((x - across) * np.cos(turn) + (y - down) * np.sin(turn)) / a
        v = ((y - down) * np.cos(turn) - (x - across) * np.sin(turn)) / b
        pixels[(u**2 + v**2 < 1) if round_ < 0.5 else (np.maximum(np.abs(u), np.abs(v)) < 1)] = colour
    return np.clip(pixels + rng.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)


CLAIMS = (
    Claim("copies of photos shifted by 1 pixel are found", ".95", lambda effort: found(effort, shifted, 0.95)),
    Claim("copies of photos rotated by 3 degrees are found", ".8", lambda effort: found(effort, rotated, 0.8)),
    Claim("copies of photos cropped by 5% are found", ".8", lambda effort: found(effort, cropped, 0.8)),
    Claim("copies of photos mirrored are found", ".95", lambda effort: found(effort, mirrored, 0.95)),
    Claim("pictures of a fixed scene, 2 of 10 objects moved, called altered copies", "at most 1%", one_scene),
    Claim("1s of MNIST, enlarged, called altered copies", "at most 1%", ones),
    Claim(
        "wrong labels with a copy each, by a perceptron that memorizes: in the first n of n",
        ".2 more than with copies in any fold",
        wrong_labels_with_copies,
        trains=True,
    ),
)
