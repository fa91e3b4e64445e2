"""Labelled images: what they refuse, that they never change, and that every subset is a fair one."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits, split_stratified, stratified_order
from inkling.images.sources.digits import load_digits

IMAGES = np.arange(5 * 12, dtype=np.uint8).reshape(5, 2, 2, 3)
LABELS = np.array([0, 1, 1, 0, 1])
NAMES = ("cat", "dog")

# Any number of classes, any imbalance; every class 0..K-1 need not be there.
label_arrays = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(np.array)
seeds = st.integers(0, 2**32)


def numbered(labels: np.ndarray) -> ImageDataset:
    """Images that carry their own position in their pixels, so that any subset says where it came from."""
    position = np.arange(len(labels))
    images = np.stack([position // 256, position % 256], axis=1).astype(np.uint8).reshape(-1, 1, 2, 1)
    return ImageDataset(images, labels, tuple("abcde"))


def positions(dataset: ImageDataset) -> set[int]:
    return {int(high) * 256 + int(low) for high, low in dataset.images.reshape(-1, 2)}


class MapStyle:
    """A data set as PyTorch's map-style ones are: items for ever, and no IndexError that ends them."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> np.ndarray:
        if index > 100:
            raise AssertionError("somebody walks through all of it")
        return IMAGES[index % 5]


@pytest.mark.parametrize("images", [MapStyle(), [MapStyle()], iter(IMAGES), {"images": IMAGES}, "photos", None])
def test_what_is_no_array_is_refused_at_once(images: object) -> None:
    with pytest.raises(DataError, match=r"images must be an array, found \w+: .*np\.stack"):
        ImageDataset(images, LABELS, NAMES)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="labels must be an array, found"):
        ImageDataset(IMAGES, images, NAMES)  # type: ignore[arg-type]


def test_class_names_without_an_end_are_refused() -> None:
    with pytest.raises(DataError, match="class names must be a list of words, found MapStyle"):
        ImageDataset(IMAGES, LABELS, MapStyle())  # type: ignore[arg-type]


def test_whatever_is_an_array_is_taken() -> None:
    torch = pytest.importorskip("torch")
    pictures = [Image.fromarray(image) for image in IMAGES]
    for images in (list(IMAGES), tuple(IMAGES), torch.tensor(IMAGES), pictures, IMAGES.view(np.memmap)):
        assert np.array_equal(ImageDataset(images, LABELS.tolist(), NAMES).images, IMAGES)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="images must be one array of one shape"):
        ImageDataset([IMAGES[0], IMAGES[1, :1]], LABELS[:2], NAMES)  # type: ignore[arg-type]


def test_hashing_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    monkeypatch.setattr("inkling.images.dataset._HASHED_BYTES", 24)  # two images
    part = ImageDataset(IMAGES, LABELS, NAMES)
    seen: list[tuple[int, int]] = []
    splits = Splits(part, part.subset([0]), part.subset([1, 2, 3]))
    fingerprint = splits.compute_fingerprint(lambda done, total: seen.append((done, total)))
    assert seen == [(2, 9), (4, 9), (5, 9), (6, 9), (8, 9), (9, 9)]
    monkeypatch.undo()
    assert fingerprint == Splits(part, part.subset([0]), part.subset([1, 2, 3])).fingerprint


def test_files_go_with_their_images_and_are_no_part_of_the_fingerprint() -> None:
    files = ("cat/0.png", "dog/1.png", "", "cat/3.png", "dog/4.png")
    dataset = ImageDataset(IMAGES, LABELS, NAMES, files)
    assert dataset.fingerprint == ImageDataset(IMAGES, LABELS, NAMES).fingerprint
    for indices in ([3, 0], np.array([False, True, False, False, True]), slice(1, 4), np.array([4])):
        assert dataset.subset(indices).files == tuple(np.array(files)[indices])
    assert [dataset.image_name(i, "test") for i in (1, 2)] == ["dog/1.png", "test image 2"]
    assert ImageDataset(IMAGES, LABELS, NAMES).image_name(2, "train") == "train image 2"
    with pytest.raises(DataError, match="5 images but 4 files"):
        ImageDataset(IMAGES, LABELS, NAMES, files[:4])


def test_callers_arrays_are_kept_apart() -> None:
    images, labels = IMAGES.copy(), LABELS.copy()
    dataset = ImageDataset(images, labels, NAMES)
    images[:], labels[:] = 0, 0
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert images.flags.writeable, "the caller's array was locked"


def test_images_are_copied_once_at_most() -> None:
    dataset = ImageDataset(IMAGES.copy(), LABELS, NAMES)
    assert np.shares_memory(replace(dataset, labels=1 - LABELS).images, dataset.images)
    assert np.shares_memory(dataset.subset(slice(1, 3)).images, dataset.images)
    large = ImageDataset(np.zeros((1000, 64, 64), np.uint8), np.zeros(1000, int), ("a",))
    tracemalloc.start()
    try:
        large.subset(np.arange(1000))
        assert tracemalloc.get_traced_memory()[1] < 1.5 * large.images.nbytes
    finally:
        tracemalloc.stop()


def test_nothing_can_be_changed() -> None:
    dataset = ImageDataset(IMAGES.copy(), LABELS, NAMES)
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.labels[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.subset([0, 1]).images[0] = 0
    with pytest.raises(AttributeError):
        dataset.labels = LABELS  # type: ignore[misc]


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy, copy.copy])
def test_copies_cannot_be_changed_either(again: Callable[[ImageDataset], ImageDataset]) -> None:
    first = numbered(np.arange(10) % 3)
    assert first.fingerprint
    made = again(first)
    for array in (made.images, made.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert made.fingerprint == replace(made).fingerprint == first.fingerprint


def test_facts() -> None:
    dataset = ImageDataset(IMAGES, LABELS.astype(np.uint8), (*NAMES, "owl"))
    assert len(dataset) == 5
    assert dataset.labels.dtype == np.int64
    assert dataset.image_shape == (2, 2, 3)
    assert dataset.n_classes == 3
    assert dataset.class_counts == {"cat": 2, "dog": 3, "owl": 0}
    assert repr(dataset) == "ImageDataset(5 images of 2x2x3, 3 classes)"
    assert ImageDataset(IMAGES[..., 0], LABELS, NAMES).image_shape == (2, 2, 1)


@pytest.mark.parametrize(
    ("images", "labels", "names", "message"),
    [
        (IMAGES / 255, LABELS, NAMES, "must be uint8.*found float64"),
        (IMAGES[..., :2], LABELS, NAMES, r"C 1 or 3, found \(5, 2, 2, 2\)"),
        (IMAGES[:, :0], LABELS, NAMES, r"found \(5, 0, 2, 3\)"),
        (IMAGES[0, 0], LABELS, NAMES, "must have shape"),
        (IMAGES, LABELS / 2, NAMES, "labels must be integers.*found float64"),
        (IMAGES.astype(np.int64), LABELS, NAMES, "found int64: give the pixels"),
        (["cat/1.png"] * 5, LABELS, NAMES, "images must be uint8.*found <U9: give the pixels"),
        (IMAGES, ["cat", "dog", "dog", "cat", "dog"], NAMES, "labels must be integers.*found <U3.*counted from 0"),
        (IMAGES, LABELS.reshape(5, 1), NAMES, r"found int64 of shape \(5, 1\)"),
        (IMAGES, LABELS[:4], NAMES, "5 images but 4 labels"),
        (IMAGES, LABELS, ("cat", "cat"), "distinct"),
        (IMAGES, LABELS, ("cat", ""), "not empty"),
        (IMAGES, LABELS, ("cat",), r"lie in 0\.\.0 for 1 classes, found 0\.\.1"),
        (IMAGES, LABELS - 1, NAMES, r"found -1\.\.0"),
    ],
)
def test_what_does_not_fit_is_refused(images: np.ndarray, labels: np.ndarray, names: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset(images, labels, names)  # type: ignore[arg-type]


@given(label_arrays, seeds)
def test_every_prefix_is_proportional(labels: np.ndarray, seed: int) -> None:
    order = stratified_order(labels, seed)
    assert sorted(order) == list(range(len(labels)))
    classes, counts = np.unique(labels, return_counts=True)
    assert set(labels[order[: len(classes)]]) == set(classes), "a class is missing from the first images"
    for size in range(len(classes), len(labels) + 1):
        counted = np.array([np.count_nonzero(labels[order[:size]] == label) for label in classes])
        # Half an image by rounding, and one a class that the guarantee of one image each may bring forward.
        assert (np.abs(counted - size * counts / len(labels)) <= 1 + len(classes) / 2).all()


@given(label_arrays, seeds, st.data())
def test_subsets_are_nested_and_seeded(labels: np.ndarray, seed: int, data: st.DataObject) -> None:
    labels = np.concatenate([np.arange(5), labels])
    dataset = numbered(labels)
    small = data.draw(st.integers(5, len(labels)))
    large = data.draw(st.integers(small, len(labels)))
    inner, outer = dataset.stratified_subset(small, seed), dataset.stratified_subset(large, seed)
    assert len(inner) == small
    assert positions(inner) <= positions(outer)
    assert min(inner.class_counts.values()) >= 1
    assert inner.fingerprint == dataset.stratified_subset(small, seed).fingerprint


def test_another_seed_is_another_subset() -> None:
    train = load_digits().train
    assert train.stratified_subset(100, 0).fingerprint != train.stratified_subset(100, 1).fingerprint


@given(label_arrays, seeds, st.data())
def test_splits_are_disjoint_and_complete(labels: np.ndarray, seed: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(labels)))
    second = data.draw(st.integers(0, len(labels) - first))
    sizes = [first, second, len(labels) - first - second]
    parts = split_stratified(numbered(labels), sizes, seed)
    assert [len(part) for part in parts] == sizes
    places = [positions(part) for part in parts]
    assert set.union(*places) == set(range(len(labels)))
    assert sum(len(part) for part in places) == len(labels)
    for part in parts:
        for image, label in zip(part.images.reshape(-1, 2), part.labels, strict=True):
            assert labels[int(image[0]) * 256 + int(image[1])] == label, "an image lost its label"


def test_split_sizes_must_sum() -> None:
    with pytest.raises(DataError, match=r"parts of \[2, 2\] images do not sum to the 5"):
        split_stratified(numbered(LABELS), [2, 2])


@pytest.mark.parametrize(("size", "message"), [(6, "asked for, but there are 5"), (1, "smaller than the 2 classes")])
def test_impossible_sizes_are_refused(size: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset(IMAGES, LABELS, NAMES).stratified_subset(size, 0)


def test_fingerprint_is_of_the_content() -> None:
    original = ImageDataset(IMAGES, LABELS, NAMES)
    strided = ImageDataset(np.repeat(IMAGES, 2, axis=0)[::2], LABELS.astype(np.int16), list(NAMES))  # type: ignore[arg-type]
    assert original.fingerprint == strided.fingerprint
    pixel = IMAGES.copy()
    pixel[4, 1, 1, 2] ^= 1
    others = [
        ImageDataset(pixel, LABELS, NAMES),
        ImageDataset(IMAGES, 1 - LABELS, NAMES),
        ImageDataset(IMAGES, LABELS, ("cat", "fox")),
        ImageDataset(IMAGES[::-1], LABELS, NAMES),
        ImageDataset(IMAGES[:4], LABELS[:4], NAMES),
        ImageDataset(IMAGES.reshape(5, 4, 1, 3), LABELS, NAMES),
    ]
    fingerprints = {dataset.fingerprint for dataset in [original, *others]}
    assert len(fingerprints) == 7


def test_splits_must_fit_together() -> None:
    dataset = ImageDataset(IMAGES, LABELS, NAMES)
    with pytest.raises(DataError, match="the test split is empty"):
        Splits(dataset, dataset, dataset.subset([]))
    with pytest.raises(DataError, match=r"validation images are \(4, 1, 3\), the training images \(2, 2, 3\)"):
        Splits(dataset, ImageDataset(IMAGES.reshape(5, 4, 1, 3), LABELS, NAMES), dataset)
    with pytest.raises(DataError, match="test split has other class names"):
        Splits(dataset, dataset, ImageDataset(IMAGES, LABELS, ("dog", "cat")))


def test_splits_with_a_smaller_training_part() -> None:
    splits = load_digits()
    smaller = splits.with_train_size(50, 3)
    assert len(smaller.train) == 50
    assert smaller.validation is splits.validation
    assert smaller.test is splits.test
    assert smaller.name == "digits"
    assert smaller.fingerprint != splits.fingerprint
    assert [name for name, _ in smaller.items()] == ["train", "validation", "test"]


def test_digits_are_always_the_same() -> None:
    splits = load_digits()
    assert [len(dataset) for _, dataset in splits.items()] == [1077, 360, 360]
    assert splits.fingerprint == load_digits().fingerprint
    assert splits.train.images.max() == 255
