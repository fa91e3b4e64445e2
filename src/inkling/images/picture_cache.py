"""Pictures that were measured and decoded once, kept in the cache: sizes as JSON, images as bytes that are mapped.

An entry is read only if it has the version, the number and the shape that are expected and its file the right length.
What is damaged is removed, and said.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import ENOSPC
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import PIL
from numpy.typing import NDArray

from inkling.storage.atomic import write_atomically
from inkling.storage.cache import PICTURES, entry_folder, new_entry

_VERSION = f"1 Pillow {PIL.__version__}"
"""Of what is written here, and of what decodes: its next version may round another way."""

_FACTS, _IMAGES, _FINGERPRINTS = "facts.json", "images.bin", "fingerprints.json"

_BLOCK = 16 * 1024**2
"""Bytes that are read at a time where colours that are none are left out."""

Fingerprints = tuple[str, str, str]
"""Of training, validation and test images."""

Facts = TypeVar("Facts", bound="_Facts")


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    version: str = _VERSION


class Measured(_Facts, frozen=True, kw_only=True):
    """What the headers of all pictures say."""

    sizes: list[tuple[int, int, int]]  # (width, height, pictures), turned as their cameras say
    bits_used: int | None  # of pictures of 16 bits a pixel; None where there are none
    unreadable: dict[int, str]  # place among the pictures -> why


class Decoded(_Facts, frozen=True, kw_only=True):
    """What lies beside the bytes of images."""

    shape: tuple[int, int, int, int]  # (N, H, W, C)
    unreadable: dict[int, str]  # place among the pictures -> why it is not among the images


class DamagedEntryError(Exception):
    """An entry of the cache was not what it must be; it is removed."""


def digest(*values: Any) -> str:
    """Return the key, of 32 letters and digits, of JSON values; it is another in another version."""
    return hashlib.sha256(msgspec.json.encode([_VERSION, *values])).hexdigest()[:32]


def read_measured(key: str, n: int) -> Measured | None:
    """Return what is kept of n pictures, or None where nothing is.

    Raises
    ------
    DamagedEntryError
        After it was removed.
    """
    folder = entry_folder(PICTURES, key)
    if not os.path.exists(folder):  # nor may be looked for
        return None
    with _removing_damaged(folder):
        measured = _read_facts(folder, Measured)
        _check(sum(count for *_, count in measured.sizes) + len(measured.unreadable) == n)
    return measured


def write_measured(key: str, measured: Measured, about: str) -> None:
    """Keep it.

    Raises
    ------
    OSError, RunError
        If it cannot be written.
    """
    with new_entry(PICTURES, key, about) as folder:
        write_atomically(folder / _FACTS, msgspec.json.encode(measured))


def read_images(
    key: str, n: int, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], Decoded, Fingerprints | None] | None:
    """Return images, what is known of them, and the fingerprints of their splits; or None where nothing is kept.

    Parameters
    ----------
    key : str
    n : int
        Images and unreadable pictures together.
    size : tuple of int
        (H, W) of the images.

    Returns
    -------
    images : ndarray of uint8, shape (N, H, W, C)
        Read-only, memory-mapped: they outlive the entry where the system lets mapped files be removed.
    decoded : Decoded
    fingerprints : tuple of str, optional
        As `write_fingerprints` was given them.

    Raises
    ------
    DamagedEntryError
        After it was removed.
    """
    folder = entry_folder(PICTURES, key)
    if not os.path.exists(folder):  # nor may be looked for
        return None
    with _removing_damaged(folder):
        decoded = _read_facts(folder, Decoded)
        _check(decoded.shape[0] + len(decoded.unreadable) == n and decoded.shape[0] > 0)
        _check(decoded.shape[1:3] == size and decoded.shape[3] in (1, 3))
        _check(os.path.getsize(folder / _IMAGES) == prod(decoded.shape))
        # A view that is a plain array, so that it is pickled and copied as one.
        images = np.memmap(folder / _IMAGES, np.uint8, "r", shape=decoded.shape).view(np.ndarray)
    try:
        fingerprints = msgspec.json.decode((folder / _FINGERPRINTS).read_bytes(), type=Fingerprints)
    except (OSError, msgspec.MsgspecError):  # they can be computed again
        fingerprints = None
    return images, decoded, fingerprints


def write_images(
    key: str, about: str, shape: tuple[int, int, int], blocks: Iterable[NDArray[np.uint8]], unreadable: dict[int, str]
) -> None:
    """Keep images, one block after the other; without channels where all are grey.

    Parameters
    ----------
    key, about : str
    shape : tuple of int
        (N, H, W) of all images at most: space for so many is made sure of before the first is asked for.
    blocks : iterable of ndarray of uint8, shape (n, H, W, 3)
        An exception that it raises leaves nothing behind.
    unreadable : dict of int to str
        Read when the blocks are at their end.

    Raises
    ------
    OSError, RunError
        If they cannot be written.
    """
    n, height, width = shape
    with new_entry(PICTURES, key, about) as folder:
        if shutil.disk_usage(folder).free < n * height * width * 4:  # and a third more, if they are grey
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        path, n, grey = folder / _IMAGES, 0, True
        with open(path, "xb") as file:
            for block in blocks:
                file.write(block.data)
                n, grey = n + len(block), grey and is_grey(block)
        channels = 3
        if grey and n:
            _keep_one_channel(path, n * height * width)
            channels = 1
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        decoded = Decoded(shape=(n, height, width, channels), unreadable=unreadable)
        write_atomically(folder / _FACTS, msgspec.json.encode(decoded))


def write_fingerprints(key: str, fingerprints: Sequence[str]) -> None:
    """Keep the fingerprints of the splits beside their images.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    write_atomically(entry_folder(PICTURES, key) / _FINGERPRINTS, msgspec.json.encode(fingerprints))


def is_grey(images: NDArray[np.uint8]) -> bool:
    """Whether three equal channels carry no colour: many a grey picture is saved as RGB."""
    return all(bool((image[..., :1] == image[..., 1:]).all()) for image in images)


def _keep_one_channel(path: Path, pixels: int) -> None:
    """Replace a file of RGB pixels by their first channel."""
    colours, grey = np.memmap(path, np.uint8, "r", shape=(pixels, 3)), path.with_suffix(".grey")
    with open(grey, "xb") as file:
        for start in range(0, pixels, _BLOCK // 3):
            file.write(np.ascontiguousarray(colours[start : start + _BLOCK // 3, 0]).data)
    del colours  # Windows replaces no file that is mapped
    os.replace(grey, path)


def _read_facts(folder: Path, kind: type[Facts]) -> Facts:
    facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=kind)
    _check(facts.version == _VERSION)
    return facts


def _check(right: bool) -> None:
    if not right:
        raise ValueError


@contextmanager
def _removing_damaged(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, msgspec.MsgspecError):
        shutil.rmtree(folder, ignore_errors=True)
        raise DamagedEntryError from None
