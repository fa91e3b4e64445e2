"""Labelled images as immutable arrays, and the three splits that an unbiased evaluation needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.classes import number_labels
from inkling.images.options import AS_THE_SOURCE_HAS_IT, PAD, LoadOptions
from inkling.images.pixels import check_layout, to_bytes, warn_of_zeros_and_ones
from inkling.images.progress import Progress, paced, part_of
from inkling.images.sampling import stratified_order
from inkling.images.splitting import SPLITS, split_indices

_HASHED_BYTES = 16 * 1024**2
"""Images are hashed in blocks of about so many bytes."""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Labelled images: never changed after construction, and never the caller's own writable arrays.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C) or (N, H, W)
        Pixels 0..255; C is 1 (grey) or 3 (RGB). May be memory-mapped. Whatever NumPy takes for an array is good: a
        tensor, a list of arrays.
    labels : ndarray of integers, shape (N,)
        Class of each image, 0..K-1. Kept as int64.
    class_names : sequence of str, length K
        One distinct, non-empty name per class.
    files : sequence of str, length N or 0
        The picture file of each image, relative to the source with `/` between folders ("cat/1.png"), '' for an
        image that has none; empty where no image comes from a file of its own. Not part of the fingerprint.
    groups : sequence of str, length N or 0
        What each image belongs to (a patient, a burst of photos); empty where nothing is known. Not part of the
        fingerprint.

    Raises
    ------
    DataError
        If something is no array, or shapes, dtypes, labels or names do not fit together.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels = _array(self.images, "images"), np.asarray(_array(self.labels, "labels"))
        names = tuple(str(name) for name in _finite(self.class_names, "class names"))
        if images.ndim == 3:
            images = images[..., np.newaxis]
        if images.dtype != np.uint8:
            floats = np.issubdtype(images.dtype, np.floating)
            advice = "multiply floats in 0..1 by 255 and round" if floats else "give the pixels of each image"
            raise DataError(f"images must be uint8 (0..255), found {images.dtype}: {advice}")
        if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:]:
            raise DataError(
                f"images must have shape (N, H, W, C) with C 1 or 3, found {images.shape}: grey or RGB pictures fit"
            )
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"labels must be integers of shape (N,), found {labels.dtype} of shape {labels.shape}: give the "
                "place of each image's class among the class names, counted from 0"
            )
        if len(labels) != len(images):
            raise DataError(f"{len(images)} images but {len(labels)} labels: each image needs exactly one label")
        if len(set(names)) != len(names) or "" in names:
            raise DataError("class names must be distinct and not empty")
        if len(labels) and (labels.min() < 0 or labels.max() >= len(names)):
            raise DataError(
                f"labels must lie in 0..{len(names) - 1} for {len(names)} classes, "
                f"found {labels.min()}..{labels.max()}: check the label file"
            )
        files = tuple(_finite(self.files, "files"))
        if files and len(files) != len(images):
            raise DataError(f"{len(images)} images but {len(files)} files: name one file per image, or none")
        groups = tuple(_finite(self.groups, "groups"))
        if groups and len(groups) != len(images):
            raise DataError(f"{len(images)} images but {len(groups)} groups: give one for each image")
        object.__setattr__(self, "images", _read_only(images, self.images))
        object.__setattr__(self, "labels", _read_only(labels.astype(np.int64), None))
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "groups", groups)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was pickled or copied: NumPy gives back arrays that could be written to."""
        self.__dict__.update(state)
        self.images.flags.writeable = self.labels.flags.writeable = False

    @classmethod
    def from_arrays(cls, images: Any, labels: Any, class_names: Sequence[str] | None = None) -> ImageDataset:
        """Return a data set of arrays as libraries hold them.

        Parameters
        ----------
        images : array-like, shape (N, H, W) or (N, H, W, C)
            C is 1 or 3. Integers in 0..255; floats in 0..1, which become 0..255, rounded; or booleans.
        labels : array-like, shape (N,) or (N, 1)
            Integers or words.
        class_names : sequence of str, optional
            With names, integers are places among them, and words must be among them. Without, every different label is
            a class, called as it is written: numbers in their order, words in sorted order.

        Raises
        ------
        DataError
            If there is no image, or shapes, pixels, labels or names do not fit.
        """
        pixels = _array(images, "images")
        check_layout(pixels.shape)
        if not len(pixels):
            raise DataError(f"images: expected one image or more, found shape {pixels.shape}: give some")
        warn_of_zeros_and_ones(pixels)
        listed = isinstance(labels, (list, tuple))  # as an array, a list of words and numbers would be one of words
        places, names = number_labels(labels if listed else _array(labels, "labels"), class_names)
        return cls(to_bytes(pixels), places, names)

    @classmethod
    def from_files(
        cls,
        paths: Sequence[str | Path],
        labels: Any,
        class_names: Sequence[str] | None = None,
        image_size: int | None = None,
        fit: str = PAD,
    ) -> ImageDataset:
        """Return a data set of picture files; what `conversion.from_files` does."""
        from inkling.images.conversion import from_files

        return from_files(paths, labels, class_names, image_size, fit)

    @classmethod
    def from_torch(cls, dataset: Any) -> ImageDataset:
        """Return a data set of the items of a PyTorch `Dataset`; what `conversion.from_torch` does."""
        from inkling.images.conversion import from_torch

        return from_torch(dataset)

    @classmethod
    def from_huggingface(cls, dataset: Any, image_size: int | None = None, fit: str = PAD) -> ImageDataset:
        """Return a data set of the rows of a Hugging Face `Dataset`; what `conversion.from_huggingface` does."""
        from inkling.images.conversion import from_huggingface

        return from_huggingface(dataset, image_size, fit)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        h, w, c = self.image_shape
        return f"ImageDataset({len(self):,} images of {h}x{w}x{c}, {self.n_classes} classes)"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        h, w, c = self.images.shape[1:]
        return int(h), int(w), int(c)

    @property
    def n_classes(self) -> int:
        """K, the number of classes (also those without an image here)."""
        return len(self.class_names)

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of images of each class, by name."""
        counts = np.bincount(self.labels, minlength=self.n_classes)
        return {name: int(count) for name, count in zip(self.class_names, counts, strict=True)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of shape, labels, class names and every pixel: equal content, equal fingerprint."""
        return self.compute_fingerprint()

    def compute_fingerprint(self, progress: Progress | None = None) -> str:
        """Return `fingerprint`, and keep it; `progress` is called with (images hashed, images), unless it is known."""
        if "fingerprint" in self.__dict__:
            return self.fingerprint
        report = paced(progress)
        digest = hashlib.sha256()
        digest.update(repr((self.images.shape, self.class_names)).encode())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        block = max(1, _HASHED_BYTES // int(np.prod(self.image_shape)))
        for start in range(0, len(self), block):
            digest.update(np.ascontiguousarray(self.images[start : start + block]).data)
            report(min(start + block, len(self)), len(self))
        self.__dict__["fingerprint"] = digest.hexdigest()
        return self.fingerprint

    def know_fingerprint(self, fingerprint: str) -> None:
        """Take the fingerprint from whoever hashed the same images, labels and class names before: a cache."""
        self.__dict__["fingerprint"] = fingerprint

    def image_name(self, index: int, split: str) -> str:
        """Return what to call an image: its picture file ("cat/1.png"), or "test image 12" where it has none."""
        return (self.files[index] if self.files else "") or f"{split} image {index}"

    def subset(self, indices: Any) -> ImageDataset:
        """Return the images at `indices` (integers or a boolean mask), in that order."""
        places = np.arange(len(self))[indices] if self.files or self.groups else ()
        files = tuple(self.files[i] for i in places) if self.files else ()
        groups = tuple(self.groups[i] for i in places) if self.groups else ()
        images = self.images[indices]
        images.flags.writeable = False  # nobody else has it: the new data set needs no copy of its own
        return ImageDataset(images, self.labels[indices], self.class_names, files, groups)

    def check_size(self, size: int) -> None:
        """Raise DataError unless a subset of `size` images can hold every class."""
        if size > len(self):
            raise DataError(f"a training size of {size:,} was asked for, but there are {len(self):,} training images")
        if size < self.n_classes:
            raise DataError(
                f"a training size of {size:,} is smaller than the {self.n_classes} classes: "
                f"use at least {self.n_classes}, one image per class"
            )

    def stratified_subset(self, size: int, seed: int) -> ImageDataset:
        """Return `size` images in the class proportions of all of them.

        Subsets of one seed are nested: the 2,000-image subset is contained in the 50,000-image one, so that a
        comparison of sizes adds images and changes nothing else. Every class that has an image keeps at least one.

        Raises
        ------
        DataError
            If `size` is larger than the data set or smaller than its number of classes.
        """
        return self.subset(self.stratified_indices(size, seed))

    def stratified_indices(self, size: int, seed: int) -> NDArray[np.intp]:
        """Return which images `stratified_subset` takes, in rising order."""
        self.check_size(size)
        return np.sort(stratified_order(self.labels, seed)[:size])


@dataclass(frozen=True)
class Splits:
    """Three disjoint sets of one kind of image: to fit, to choose, and to evaluate.

    Parameters
    ----------
    train, validation, test : ImageDataset
        Same image shape and class names.
    name : str
        What the data is called in run folders and reports.
    options : LoadOptions
        What made these images of their source; with it, `load_images` makes the same again.
    notes : sequence of str
        What loading has to say aloud, a sentence each: the size that was chosen, files that were passed over.
    skipped : sequence of str
        Files that could not be read and were left out, because `options.skip_unreadable` said so.
    bits_used : int, optional
        Of pictures of 16 bits a pixel, how many hold what they show: 8, 10, 12, 14 or 16. None: there were none.
    sides : tuple of int, optional
        Shortest and longest of the shorter sides of the source's pictures, in pixels. None: it holds images of one
        size.

    Raises
    ------
    DataError
        If shapes or class names differ, or a split is empty.
    """

    train: ImageDataset
    validation: ImageDataset
    test: ImageDataset
    name: str = "images"
    options: LoadOptions = AS_THE_SOURCE_HAS_IT
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    bits_used: int | None = None
    sides: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for split, dataset in self.items():
            if len(dataset) == 0:
                raise DataError(f"the {split} split is empty: at least one image is needed")
            if dataset.image_shape != self.train.image_shape:
                raise DataError(
                    f"the {split} images are {dataset.image_shape}, the training images {self.train.image_shape}"
                )
            if dataset.class_names != self.train.class_names:
                raise DataError(f"the {split} split has other class names than the training split")

    @classmethod
    def from_dataset(
        cls,
        dataset: ImageDataset,
        name: str = "images",
        splits: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
    ) -> Splits:
        """Return a data set cut into three, always the same way.

        Parameters
        ----------
        dataset : ImageDataset
        name : str
        splits : sequence of str, length N, optional
            "train", "validation" or "test" of each image; validation or test, where no image has it, is a sixth of the
            training images. None: 70% training, 15% validation and 15% test images. What is cut is stratified by class.
        groups : sequence of str, length N, optional
            Images of one group (a patient, a burst of photos) are never in two splits. By default those of the data
            set, if it has any.

        Raises
        ------
        DataError
            If there are too few images or groups, or a group is in two of the splits that are given.
        """
        for what, words in (("splits", splits), ("groups", groups)):
            if words is not None and len(words) != len(dataset):
                raise DataError(f"{len(dataset)} images but {len(words)} {what}: give one for each image")
        if groups is not None:
            dataset = replace(dataset, groups=tuple(groups))
        parts = split_indices(dataset.labels, name, splits, dataset.groups or None)
        train, validation, test = (dataset.subset(parts[split]) for split in SPLITS)
        return cls(train, validation, test, name)

    def items(self) -> Iterator[tuple[str, ImageDataset]]:
        """Yield (split name, data set): train, validation, test."""
        yield "train", self.train
        yield "validation", self.validation
        yield "test", self.test

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the fingerprints of the three splits."""
        return hashlib.sha256("".join(dataset.fingerprint for _, dataset in self.items()).encode()).hexdigest()

    def compute_fingerprint(self, progress: Progress | None = None) -> str:
        """Return `fingerprint`; `progress` is called with (images hashed, images)."""
        datasets = (self.train, self.validation, self.test)
        done, total = 0, sum(map(len, datasets))
        for dataset in datasets:
            dataset.compute_fingerprint(part_of(progress, done, total))
            done += len(dataset)
        return self.fingerprint

    def with_train_size(self, size: int, seed: int) -> Splits:
        """Return the same splits with a stratified, seeded, nested training subset of `size` images."""
        return replace(self, train=self.train.stratified_subset(size, seed))


def split_stratified(dataset: ImageDataset, sizes: Sequence[int], seed: int = 0) -> list[ImageDataset]:
    """Cut a data set into disjoint stratified parts of the given sizes, which must sum to its length."""
    if sum(sizes) != len(dataset):
        raise DataError(f"parts of {list(sizes)} images do not sum to the {len(dataset)} there are")
    order = stratified_order(dataset.labels, seed)
    # A prefix of the order is stratified and so is every later slice, but for the one image per class at its start.
    return [dataset.subset(np.sort(part)) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _array(values: Any, what: str) -> NDArray[Any]:
    """Return what NumPy takes for an array, and refuse what it would iterate over, perhaps without end."""
    if not _is_array(values):
        raise DataError(
            f"{what} must be an array, found {type(values).__name__}: read what it holds into one, for example by "
            "np.stack([np.asarray(item) for item in items])"
        )
    try:
        return np.asanyarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of different lengths; a tensor on a GPU
        raise DataError(f"{what} must be one array of one shape: {' '.join(str(error).split())}") from None


def _is_array(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return all(isinstance(value, (int, float, str)) or _is_array(value) for value in values)
    return any(hasattr(values, name) for name in ("__array__", "__array_interface__", "__array_struct__"))


def _finite(values: Any, what: str) -> Iterable[Any]:
    if not isinstance(values, Iterable):
        raise DataError(f"{what} must be a list of words, found {type(values).__name__}")
    return values


def _read_only(array: NDArray[Any], callers: Any) -> NDArray[Any]:
    """A read-only view; a copy first where the caller holds the same memory and could write to it."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if callers is not None and (owner.flags.writeable or array.flags.writeable):
        array = array.copy()
        array.flags.writeable = False  # so that no later data set made of it takes it for the caller's
    view = array.view()
    view.flags.writeable = False
    return view
