"""From what other libraries hold, item by item, to a data set: PyTorch, Hugging Face, and picture files by their paths.

Neither PyTorch nor Hugging Face's `datasets` is imported: who gives a data set has it already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling.errors import DataError
from inkling.images.classes import number_labels
from inkling.images.dataset import ImageDataset
from inkling.images.decoding import Pictures, load_dataset
from inkling.images.options import PAD, LoadOptions
from inkling.images.pixels import check_layout, to_bytes
from inkling.images.sources.arrow_tables import Shard, find_columns, read_labels, to_pictures
from inkling.images.sources.picture_list import picture_files

_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
"""Modes of PIL images that are taken, and what they become: what has 16 bits or is transparent needs a decision."""


def from_files(
    paths: Sequence[str | Path],
    labels: Any,
    class_names: Sequence[str] | None = None,
    image_size: int | None = None,
    fit: str = PAD,
) -> ImageDataset:
    """Return a data set of picture files, as they are decoded of a folder of class folders.

    Parameters
    ----------
    paths : sequence of str or Path, length N
    labels : array-like of integers or str, shape (N,)
    class_names : sequence of str, optional
        As `ImageDataset.from_arrays` takes them.
    image_size : int, optional
        Side in pixels; None: pictures of one size keep it, others become squares of a size chosen from all.
    fit : str
        "pad", "crop" or "stretch": what is done with a picture of another shape.

    Returns
    -------
    ImageDataset
        With `files`, the paths as they were given.

    Raises
    ------
    DataError
        If pictures are missing or cannot be read (all are counted), or labels do not fit.
    """
    files = picture_files([str(path) for path in paths], Path(), "paths", by_command=False)
    places, names = number_labels(labels, class_names)
    if len(places) != len(files):
        raise DataError(f"{len(files)} paths but {len(places)} labels: each picture needs exactly one label")
    return load_dataset(Pictures("images", "paths", names, files, places), LoadOptions(image_size, fit))


def from_torch(dataset: Any) -> ImageDataset:
    """Return a data set of the items of a PyTorch `Dataset`.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset, or whatever has a length and items
        Every item is a pair: an image, which is a PIL image, a tensor (C, H, W) or (H, W), or an array (H, W, C) or
        (H, W), all of one shape; and a label, an integer or a word. Pixels are as `ImageDataset.from_arrays` takes
        them. `classes`, its own or of the data set that it is a subset of, names the classes.

    Returns
    -------
    ImageDataset
        In the order of the items; every item is asked for once.

    Raises
    ------
    DataError
        If it has no length, or an item cannot be had, is something else or does not fit to the others.
    """
    n = _length(dataset)
    images, labels = None, []
    for place in range(n):
        pixels, label = _item(dataset, place)
        if images is None:
            images = np.empty((n, *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise DataError(
                f"item {place}: expected an image of {_words(images.shape[1:])} like item 0, found "
                f"{_words(pixels.shape)}: have the data set's transform make all images one size and mode"
            )
        images[place] = pixels
        labels.append(label)
    if images is None:
        raise DataError("expected a data set with images, found an empty one")
    images.flags.writeable = False
    places, names = number_labels(labels, _classes(dataset))
    return ImageDataset(images, places, names)


def from_huggingface(dataset: Any, image_size: int | None = None, fit: str = PAD) -> ImageDataset:
    """Return a data set of the rows of a Hugging Face `Dataset`.

    Parameters
    ----------
    dataset : datasets.Dataset
        One split, with a column of images and a column of labels, as `sources.arrow_tables.find_columns` finds them.
        Pictures are decoded here, and not by `datasets`; its format and transform are not heeded.
    image_size, fit
        As of `from_files`.

    Raises
    ------
    DataError
        If it is something else, has no such columns, or a picture cannot be read.
    """
    if isinstance(dataset, Mapping):
        raise DataError(f"expected one data set, found its splits {', '.join(dataset)}: give one, as dataset['train']")
    if not hasattr(dataset, "with_format") or not hasattr(dataset, "features"):
        raise DataError(f"expected a Dataset of Hugging Face, found {type(dataset).__name__}")
    _length(dataset)  # a stream has none
    rows = dataset.with_format("arrow")
    columns = find_columns(dataset.features.arrow_schema, "the data set")
    table = rows.select_columns([columns.label])[:]
    shard = Shard(
        where="the data set",
        name="",
        key=(),
        split=None,
        columns=columns,
        labels=read_labels(table.column(columns.label), "the data set"),
        groups=None,
        paths=(),
        value=lambda row: rows[row].column(columns.image)[0],
        follows_paths=True,
    )
    pictures = to_pictures("images", "the data set", [shard])
    files = [file._replace(key=_digest(file.open)) for file in pictures.files]
    return load_dataset(replace(pictures, files=files), LoadOptions(image_size, fit))


def _digest(open_picture: Callable[[], BinaryIO]) -> tuple[str, ...]:
    """Return what is another when the bytes of a picture are; nothing where it has none, which is said later."""
    try:
        with open_picture() as file:
            return (hashlib.sha256(file.read()).hexdigest(),)
    except (DataError, OSError):
        return ()


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        raise DataError(
            f"expected a data set with a length and items by number, found {type(dataset).__name__}: give a map-style "
            "data set, or arrays to ImageDataset.from_arrays"
        ) from None


def _item(dataset: Any, place: int) -> tuple[NDArray[np.uint8], Any]:
    """Return the pixels, (H, W, C), and the label of an item."""
    try:
        item = dataset[place]
    except Exception as error:  # whatever the code of the data set and its transform raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(
            f"item {place}: the data set does not give it ({reason}): look for why dataset[{place}] fails"
        ) from error
    if isinstance(item, Mapping) or not isinstance(item, (tuple, list)) or len(item) != 2:
        raise DataError(f"item {place}: expected a pair of an image and its label, found {type(item).__name__}")
    image, label = item
    pixels = _pixels(image, f"item {place}")
    return to_bytes(pixels, f"item {place}"), label.tolist() if hasattr(label, "tolist") else label


def _pixels(image: Any, what: str) -> NDArray[Any]:
    """Return an image as (H, W, C), with the values that it has."""
    is_tensor = hasattr(image, "detach")
    if isinstance(image, Image.Image):
        if image.mode not in _MODES:
            raise DataError(
                f"{what}: expected a grey or RGB image, found mode {image.mode}: convert it in the data set's transform"
            )
        image = image.convert(_MODES[image.mode])
    try:
        pixels = np.asarray(image.detach().cpu() if is_tensor else image)
    except (TypeError, ValueError, RuntimeError) as error:  # bfloat16; rows of different lengths
        raise DataError(f"{what}: expected an image as an array ({' '.join(str(error).split())})") from None
    if is_tensor and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    check_layout((1, *pixels.shape), what)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _classes(dataset: Any) -> list[str] | None:
    """Return what a data set calls its classes; of a subset, what the whole does."""
    while not hasattr(dataset, "classes") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    classes = getattr(dataset, "classes", None)
    return [str(name) for name in classes] if isinstance(classes, (list, tuple)) else None


def _words(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
