"""Copies and groups in one fold: no image vouches for the label of its copy, and nothing else is tied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from inkling.diagnosis.copy_clusters import cluster_copies
from inkling.diagnosis.duplicates import NEAR
from inkling.diagnosis.label_errors import find_label_errors
from inkling.errors import DataError, SettingsError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.images.splitting import stratified_folds
from inkling.labels import out_of_fold as folding
from inkling.labels.kept_together import find_ties, kept_together
from inkling.labels.out_of_fold import out_of_fold
from inkling.networks.protocols import Network
from inkling.training.recipes.registry import recipe

Bytes = NDArray[np.uint8]


def noise(n: int, side: int = 8, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)


def nearly(images: Bytes, seed: int = 0) -> Bytes:
    """The images with a little noise."""
    changed = images + np.random.default_rng(seed).integers(-2, 3, images.shape)
    return np.clip(changed, 0, 255).astype(np.uint8)


def dataset(images: Bytes, groups: tuple[str, ...] = ()) -> ImageDataset:
    return ImageDataset(images, np.arange(len(images)) % 2, ("a", "b"), groups=groups)


def partition(numbers: NDArray[np.intp]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in set(numbers.tolist())}


def together(numbers: NDArray[np.intp]) -> set[frozenset[int]]:
    """What is not alone."""
    return {part for part in partition(numbers) if len(part) > 1}


def test_clusters_of_exact_and_near_copies() -> None:
    images = noise(60)
    images[7], images[9] = images[3], images[3]
    images[20:22] = nearly(images[10:12])
    assert together(cluster_copies(images)) == {frozenset({3, 7, 9})}
    near = cluster_copies(images, NEAR)
    assert together(near) == {frozenset({3, 7, 9}), frozenset({10, 20}), frozenset({11, 21})}
    assert set(near) == set(range(near.max() + 1))


def test_copies_hang_together_by_way_of_others() -> None:
    """The first and the last of a slow change are no near duplicates of each other."""
    start, end = noise(2).astype(float)
    change = np.stack([start + (end - start) * part for part in np.linspace(0, 0.4, 12)]).astype(np.uint8)
    images = np.concatenate([noise(40, seed=1), change])
    ends = np.corrcoef(images[40].ravel(), images[51].ravel())[0, 1]
    assert ends < 0.9
    assert together(cluster_copies(images, NEAR)) == {frozenset(range(40, 52))}


def test_copies_and_groups_are_kept_together() -> None:
    images = noise(60)
    images[[31, 41]] = images[[1, 2]]
    images[50] = nearly(images[[3]])[0]
    groups = ("p", "q", *(f"r{i}" for i in range(2, 59)), "p")
    assert together(kept_together(dataset(images), 5)) == {
        frozenset({1, 31}), frozenset({2, 41}), frozenset({3, 50})
    }  # fmt: skip
    # A copy ties the groups that it is in.
    assert together(kept_together(dataset(images, groups), 5)) == {
        frozenset({0, 59}), frozenset({1, 31}), frozenset({2, 41}), frozenset({3, 50})
    }  # fmt: skip


def test_series_of_one_scene_are_let_go_but_not_exact_copies_among_them() -> None:
    images = np.concatenate([noise(40), np.stack([nearly(noise(1, seed=9), i)[0] for i in range(20)])])
    images[59] = images[58]
    assert together(kept_together(dataset(images), 5)) == {frozenset({58, 59})}


def test_a_class_of_copies_alone_is_let_go() -> None:
    images = noise(60)
    images[[10, 20]] = images[0]
    labels = np.ones(60, np.int64)
    labels[[0, 10, 20]] = 0
    assert together(kept_together(ImageDataset(images, labels, ("a", "b")), 5)) == set()


def photos(n: int, side: int = 64) -> Bytes:
    rng = np.random.default_rng(0)
    smooth = [gaussian_filter(rng.normal(size=(n, side, side, 3)), (0, s, s, 0)) * 40 * s for s in (1, 2, 4, 8)]
    return np.clip(120 + np.sum(smooth, axis=0), 0, 255).astype(np.uint8)


def test_a_mirrored_copy_is_kept_together_and_let_go_before_a_near_one() -> None:
    images = photos(60)
    images[40], images[50] = images[3][:, ::-1], nearly(images[[3]])[0]
    found = find_ties(dataset(images), 5)
    assert together(found.numbers) == {frozenset({3, 40, 50})}
    assert found.how == "exact, near and altered copies in one fold"
    # Were they all of their class, it could not be learnt; then the near copy alone is kept, and the mirrored one not.
    labels = np.ones(60, np.int64)
    labels[[3, 40, 50]] = 0
    found = find_ties(ImageDataset(images, labels, ("a", "b")), 5)
    assert together(found.numbers) == {frozenset({3, 50})}
    assert (
        found.how
        == "exact, near and altered copies in one fold, except among 3 images: too many alike, or all of a class"
    )


def test_why_altered_copies_are_not_sought_is_said() -> None:
    groups = tuple(str(i // 2) for i in range(60))
    assert find_ties(dataset(noise(60), groups), 5).how == (
        "exact and near copies and groups in one fold; altered copies not sought: images of 48 pixels a side or more "
        "are needed"
    )


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(20, 120), st.integers(2, 6))
def test_folds_hold_groups_whole_and_are_of_about_one_size(seed: int, n: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, 3, n), np.unique(rng.integers(0, n, n), return_inverse=True)[1]
    fold_of = stratified_folds(labels, folds, seed, groups)
    assert all(len(set(fold_of[groups == group])) == 1 for group in set(groups))
    sizes = np.bincount(fold_of, minlength=folds)
    assert sizes.max() - sizes.min() <= 2 + np.bincount(groups).max()
    assert np.array_equal(fold_of, stratified_folds(labels, folds, seed, groups))
    alone = stratified_folds(labels, folds, seed, np.arange(n))
    assert np.array_equal(alone, stratified_folds(labels, folds, seed))
    assert np.ptp(np.bincount(alone)) <= 1


def twins(count: int) -> tuple[Splits, NDArray[np.intp]]:
    """The digits with wrong labels, each on an image and on its copy, and where they are."""
    digits, rng = load_digits(), np.random.default_rng(0)
    wrong = rng.choice(len(digits.train), count, replace=False)
    labels = digits.train.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, count)) % 10
    images = np.concatenate([digits.train.images, nearly(digits.train.images[wrong])])
    planted = ImageDataset(images, np.concatenate([labels, labels[wrong]]), digits.train.class_names)
    return replace(digits, train=planted), np.append(wrong, len(labels) + np.arange(count))


def test_a_wrong_label_with_a_copy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy, with the same wrong label, would teach it to a network that memorizes its images."""
    splits, wrong = twins(60)

    def recall() -> float:
        rated = out_of_fold(splits, "perceptron", recipe("reference", epochs=60, batch_size=16))
        ranked = find_label_errors(splits.train.labels, rated, count=len(wrong))
        return float(np.isin(wrong, [error.index for error in ranked]).mean())

    assert recall() >= 0.9
    monkeypatch.setattr(folding, "kept_together", lambda images, *_: np.arange(len(images)))
    assert recall() < 0.5


def test_groups_are_rated_by_networks_that_saw_none_of_them(tiny_splits: Splits) -> None:
    groups = tuple(f"patient {i // 4}" for i in range(60))
    grouped = replace(tiny_splits, train=replace(tiny_splits.train, groups=groups))
    seen: list[ImageDataset] = []
    train = folding.train_to_the_end

    def watched(splits: Splits, *how: Any) -> Network:
        seen.append(splits.train)
        return train(splits, *how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "train_to_the_end", watched)
        out_of_fold(grouped, "perceptron", recipe("reference", epochs=1), folds=3)
    assert [len(set(part.groups)) for part in seen] == [10, 10, 10]


def test_groups_too_few_for_the_folds_or_for_a_class(tiny_splits: Splits) -> None:
    def of(groups: list[str]) -> Splits:
        return replace(tiny_splits, train=replace(tiny_splits.train, groups=tuple(groups)))

    settings = recipe("reference", epochs=1)
    with pytest.raises(SettingsError, match=r"2\.\.3, the number of groups"):
        out_of_fold(of([f"p{i % 3}" for i in range(60)]), "perceptron", settings, folds=5)
    tops_alone = ["x" if i % 3 == 0 else f"p{i}" for i in range(60)]
    with pytest.raises(DataError, match="all images of class 'top' are in one fold"):
        out_of_fold(of(tops_alone), "perceptron", settings, folds=3)
