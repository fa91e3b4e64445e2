"""Pictures beside how the training images look: own test images called unlike or inverted, and photos of ink found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evidence.claim import Claim, Effort, Measured, rate
from inkling.images.appearance import Appearance, measure_appearance
from inkling.images.dataset import Splits
from inkling.images.sources.downloads import data_folder
from inkling.images.sources.registry import load_images

BATCHES = (1, 2, 5, 8, 20, 64)
"""Pictures in a batch; one is the hardest."""


def _alarms(splits: Splits, effort: Effort, train_size: int) -> Measured:
    """Batches of test images, under training sets drawn again and again; all sizes together, one picture by itself."""
    rng, times, seeds = np.random.default_rng(0), effort.times(100), effort.times(20)
    test = np.asarray(splits.test.images)
    measured, side = measure_appearance(test), min(test.shape[1:3])
    alarms = 0
    for seed in range(seeds):
        appearance = Appearance.of(splits.train.stratified_subset(train_size, seed).images)
        turned = appearance.turned(test)
        for n in BATCHES:
            for _ in range(times):
                places = rng.permutation(len(test))[:n]
                named = turned[places].sum() > n // 20
                alarms += bool(named or appearance.differences(measured[places], [side] * n))
    return rate(alarms, seeds * times * len(BATCHES), high=0.01)


def _of_ink(effort: Effort) -> Measured:
    return _alarms(load_images("digits" if effort.quick else "mnist"), effort, 50)


def _of_photos(effort: Effort) -> Measured:
    folder = data_folder() / "flowers"
    return _alarms(load_images("digits" if effort.quick or not folder.is_dir() else f"{folder}@96"), effort, 50)


def photographed(digit: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return light ink on black, (H, W), as a small photo of dark ink on paper: uneven light, noise, soft edges."""
    side = 10 * len(digit)
    ink = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255
    down, across = np.mgrid[0:side, 0:side] / side
    paper = rng.uniform(0.7, 0.95) - rng.uniform(0, 0.2) * down - rng.uniform(0, 0.15) * across
    photo = paper * (1 - ink) + 0.15 * ink + rng.normal(0, 0.02, ink.shape)
    shown = Image.fromarray((255 * photo.clip(0, 1)).round().astype(np.uint8)).resize(digit.shape[::-1])
    return np.asarray(shown)


def _found(effort: Effort) -> Measured:
    splits, rng, times = (
        load_images("digits" if effort.quick else "mnist"),
        np.random.default_rng(0),
        effort.times(1000),
    )
    appearance = Appearance.of(splits.train.images)
    ink = splits.test.images[rng.permutation(len(splits.test))[:times], :, :, 0]
    photos = np.stack([photographed(digit, rng) for digit in ink])[..., np.newaxis]
    return rate(int(appearance.turned(photos).sum()), times, low=0.5 if effort.quick else 0.99)


CLAIMS = (
    Claim("own test images called unlike or inverted: MNIST, 50 training images", "at most 1%", _of_ink),
    Claim("own test images called unlike or inverted: flower photos, 50 training images", "at most 1%", _of_photos),
    Claim("MNIST digits photographed dark on white called inverted", "at least 99%", _found),
)
