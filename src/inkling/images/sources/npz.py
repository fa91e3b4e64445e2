"""Reader of .npz files of images and labels, such as Keras' mnist.npz; headers are checked before memory is taken."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from inkling.errors import DataError, did_you_mean
from inkling.images.classes import label_vector
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.pixels import check_layout, to_bytes
from inkling.images.progress import Progress
from inkling.images.sources.arrays import split_arrays
from inkling.images.sources.idx import MAX_BYTES
from inkling.images.sources.protocol import LoadObserver, stage
from inkling.images.sources.split_names import SPLIT_WORDS

_HEADER_BYTES = 64 * 1024
"""A header of numbers or words has about a hundred."""

_WHOLE = (("images", "labels"), ("x", "y"), ("data", "target"), ("arr_0", "arr_1"))
"""Names of the two arrays of a set that is not split yet; capitals do not matter."""

_PART = re.compile(r"(?P<what>x|y|images|labels)_(?P<split>[a-z]+)|(?P<first>[a-z]+)_(?P<last>images|labels)")
_EXPECTED = "x_train, y_train, x_test and y_test (or train_images, train_labels, …), or images and labels"


class NpzFile:
    """An .npz file."""

    names = ()
    description = "an .npz file of images and labels"
    takes = ("groups",)

    def matches(self, source: str) -> bool:
        """Whether it is a file that is called so."""
        return source.lower().endswith(".npz") and Path(source).expanduser().is_file()

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_npz` does."""
        return load_npz(Path(source).expanduser(), observer, options)


def load_npz(path: Path, observer: LoadObserver | None = None, options: LoadOptions = AS_THE_SOURCE_HAS_IT) -> Splits:
    """Load an .npz file: two arrays of one set, or of a training and other splits.

    The arrays are called x_train and y_train (and so for test and for validation, valid or val), train_images and
    train_labels, or, of a set that is yet to be split, images and labels, x and y, data and target, or arr_0 and arr_1.
    An array `class_names` may name the classes. Others are passed over. Splits that are missing are made as
    `split_indices` does.

    Parameters
    ----------
    path : Path
        Images of shape (N, H, W) or (N, H, W, C); pixels as `to_bytes` takes them, labels as `number_labels` does.
    observer : callable, optional
        Told how many bytes are read.
    options : LoadOptions
        `groups` names an array of integers or words, one for each image: ``groups``; or one for every split,
        ``groups_train`` or ``train_groups`` (and so for the others that there are).

    Raises
    ------
    DataError
        If the file is damaged, holds other arrays, Python objects or more than `MAX_BYTES`, or the arrays do not fit.
    """
    with _opened(path) as archive:
        headers = _headers(archive, path)
        pairs = _find_pairs(headers, path)
        groups = _find_groups(headers, pairs, options.groups, path) if options.groups is not None else []
        names = [*(name for pair in pairs.values() for name in pair), *groups]
        for (images, labels), header in ((pair, headers[pair[0]]) for pair in pairs.values()):
            check_layout(header.shape, f"{path}: {images}")
            if header.shape[0] != (n_labels := (headers[labels].shape or (0,))[0]):
                raise DataError(f"{path}: {header.shape[0]:,} {images} but {n_labels:,} {labels}: they are not a pair")
        class_names = next((name for name in headers if name.lower() == "class_names"), None)
        names += [class_names] if class_names else []
        _check_sizes({name: headers[name] for name in names}, path)
        total = sum(headers[name].member.file_size for name in names)
        read = _Reader(archive, total, stage(observer, f"reading {path.name}", "bytes"))
        arrays = {name: read(headers[name].member) for name in names}
    pixels = [to_bytes(arrays.pop(images), f"{path}: {images}") for images, _ in pairs.values()]
    words = [label_vector(arrays[labels], f"{path}: {labels}") for _, labels in pairs.values()]
    return split_arrays(
        _joined(pixels, path),
        np.concatenate(words),
        path,
        class_names=_words(arrays[class_names], path) if class_names else None,
        splits=None if "" in pairs else [split for split, part in zip(pairs, pixels, strict=True) for _ in part],
        groups=[str(group) for name in groups for group in arrays[name].tolist()] or None,
        options=options,
    )


@dataclass(frozen=True)
class _Header:
    """What an array in the file says of itself."""

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    length: int  # of the header itself, in bytes


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the file; what goes wrong with it, also while it is read, is a DataError that names it."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: expected an .npz file, found a damaged one or something else ({reason}): write it again with "
            "np.savez_compressed"
        ) from None


def _headers(archive: zipfile.ZipFile, path: Path) -> dict[str, _Header]:
    """Return the header of every array, by name; nothing else of them is read."""
    headers = {}
    for member in archive.infolist():
        if member.flag_bits & 1:
            raise DataError(f"{path}: is encrypted: save the arrays again, without a password")
        if not member.filename.endswith(".npy"):
            continue
        with archive.open(member) as file:
            # NumPy would read as long a header as a file promises, before it finds it too long.
            start = io.BytesIO(file.read(_HEADER_BYTES))
        read = npy.read_array_header_1_0 if npy.read_magic(start) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(start)
        headers[member.filename.removesuffix(".npy")] = _Header(member, shape, dtype, start.tell())
    return headers


def _check_sizes(headers: Mapping[str, _Header], path: Path) -> None:
    """Raise DataError if arrays hold Python objects, are too large, or are not in the file as a whole."""
    total = 0
    for name, header in headers.items():
        if header.dtype.hasobject:
            raise DataError(
                f"{path}: {name} holds Python objects, which may run a program when they are read: save it as "
                f"numbers or as words, np.asarray({name}, dtype=str)"
            )
        size = math.prod(header.shape) * header.dtype.itemsize
        if size != header.member.file_size - header.length:
            raise DataError(
                f"{path}: the header of {name} promises {size:,} bytes, found "
                f"{header.member.file_size - header.length:,}: write it again with np.savez_compressed"
            )
        total += size
    if total > MAX_BYTES:
        raise DataError(f"{path}: its headers promise {total:,} bytes, more than the {MAX_BYTES:,} allowed")


def _find_pairs(headers: Mapping[str, _Header], path: Path) -> dict[str, tuple[str, str]]:
    """Return the names of the images and labels of each split; the split is '' where the set is yet to be split."""
    found: dict[str, dict[str, str]] = {}
    for name in headers:
        match = _PART.fullmatch(name.lower())
        split = match and SPLIT_WORDS.get(match["split"] or match["first"])
        if match and split:
            what = "labels" if (match["what"] or match["last"]) in ("y", "labels") else "images"
            first = found.setdefault(split, {}).setdefault(what, name)
            if first != name:
                raise DataError(
                    f"{path}: expected one array of {split} {what}, found {first} and {name}: leave one out"
                )
    pairs = {}
    for split, names in found.items():
        if len(names) < 2:
            (name,), missing = names.values(), "labels" if "images" in names else "images"
            raise DataError(f"{path}: there is {name} but no array with its {missing}: expected {_EXPECTED}")
        pairs[split] = (names["images"], names["labels"])
    if pairs:
        return pairs
    lower = {name.lower(): name for name in headers}
    for images, labels in _WHOLE:
        if images in lower and labels in lower:
            return {"": (lower[images], lower[labels])}
    arrays = ", ".join(headers)[:200] or "none"
    raise DataError(f"{path}: expected arrays called {_EXPECTED}, found {arrays}: save them under these names")


def _find_groups(
    headers: Mapping[str, _Header], pairs: Mapping[str, tuple[str, str]], groups: str, path: Path
) -> list[str]:
    """Return the name of the array that holds the groups of each split."""
    found = []
    for split, (images, _) in pairs.items():
        words = [word for word, means in SPLIT_WORDS.items() if means == split]
        wanted = (
            {groups.lower()}
            if not split
            else {name.lower() for word in words for name in (f"{groups}_{word}", f"{word}_{groups}")}
        )
        name = next((name for name in headers if name.lower() in wanted), None)
        if name is None:
            expected = f"{groups}_{split}" if split else groups
            raise DataError(
                f"{path}: no array is called '{expected}'{did_you_mean(expected, headers)}: --groups names the array "
                "that says which images belong together"
            )
        n, header = headers[images].shape[0], headers[name]
        if header.shape != (n,) or header.dtype.kind not in "iuU":
            raise DataError(
                f"{path}: {name} must hold integers or words of shape ({n:,},), one for each of {images}, found "
                f"{header.dtype} of shape {header.shape}"
            )
        found.append(name)
    return found


def _joined(images: list[NDArray[np.uint8]], path: Path) -> NDArray[np.uint8]:
    """Return the images of all splits as one array, (N, H, W) or (N, H, W, C)."""
    shapes = [part.shape[1:] for part in images]
    if len(set(shapes)) > 1:
        raise DataError(f"{path}: expected images of one shape in all splits, found {shapes}: make them one size")
    if len(images) == 1:
        return images[0]
    joined = np.concatenate(images)
    joined.flags.writeable = False
    return joined


def _words(array: NDArray[Any], path: Path) -> list[str]:
    if array.ndim != 1 or array.dtype.kind != "U":
        raise DataError(f"{path}: class_names must be words of shape (K,), found {array.dtype} of shape {array.shape}")
    return [str(name) for name in array]


class _Reader:
    """Reads arrays out of the file, saying how far it is with all of them."""

    def __init__(self, archive: zipfile.ZipFile, total: int, progress: Progress) -> None:
        self.archive, self.total, self.progress = archive, total, progress
        self.done = 0

    def __call__(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        with self.archive.open(member) as file:
            self.file = file
            array: NDArray[Any] = npy.read_array(self, allow_pickle=False)
            if file.read(1):  # also checks the check sum of the whole
                raise ValueError("more bytes than its header says")
        return array

    def read(self, size: int = -1, /) -> bytes:
        """Read as a file does; NumPy asks for small blocks."""
        block = self.file.read(size)
        self.done += len(block)
        self.progress(self.done, self.total)
        return block
