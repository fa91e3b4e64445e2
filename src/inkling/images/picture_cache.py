"""Pictures that were measured and decoded once, kept in the cache: sizes as JSON, images as bytes that are mapped.

An entry is read only if it has the version, the number and the shape that are expected, and every byte of it its
checksum: what is recorded of the images is true of the pixels that are used. What is damaged is removed, and said.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import ENOSPC
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import PIL
from numpy.typing import NDArray

from inkling.images.parallel import in_threads
from inkling.images.progress import Progress, paced
from inkling.storage.atomic import write_atomically
from inkling.storage.cache import PICTURES, entry_folder, new_entry

_VERSION = f"2 Pillow {PIL.__version__}"
"""Of what is written here, and of what decodes: its next version may round another way."""

_KEYS = f"1 Pillow {PIL.__version__}"
"""Part of every key. It stays when the layout of entries changes: one of an earlier layout is found, and replaced."""

_FACTS, _IMAGES, _FINGERPRINTS = "facts.json", "images.bin", "fingerprints.json"

_BLOCK = 16 * 1024**2
"""Bytes that are read at a time where colours that are none are left out, and that have a checksum together."""

Fingerprints = tuple[str, str, str]
"""Of training, validation and test images."""


class _Sealed(msgspec.Struct):
    """A JSON file of an entry: all but `version` may look otherwise in another version."""

    version: str = ""
    sha256: str = ""  # of the content as it is written
    content: msgspec.Raw = msgspec.Raw(b"null")


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of all pictures say."""

    sizes: list[tuple[int, int, int]]  # (width, height, pictures), turned as their cameras say
    bits_used: int | None  # of pictures of 16 bits a pixel; None where there are none
    unreadable: dict[int, str]  # place among the pictures -> why


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside the bytes of images."""

    shape: tuple[int, int, int, int]  # (N, H, W, C)
    unreadable: dict[int, str]  # place among the pictures -> why it is not among the images
    crc32: list[int]  # of each _BLOCK of bytes of the images


class DamagedEntryError(Exception):
    """An entry of the cache was not what it must be, which the message says ("damaged"); it is removed."""


class _OtherVersionError(Exception):
    """A file is of another version."""


def digest(*values: Any) -> str:
    """Return the key, of 32 letters and digits, of JSON values; it is another with another version of Pillow."""
    return hashlib.sha256(msgspec.json.encode([_KEYS, *values])).hexdigest()[:32]


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
        measured: Measured = _read(folder / _FACTS, Measured)
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
        _write(folder / _FACTS, measured)


def read_images(
    key: str, n: int, size: tuple[int, int], progress: Progress | None = None
) -> tuple[NDArray[np.uint8], Decoded, Fingerprints | None] | None:
    """Return images, what is known of them, and the fingerprints of their splits; or None where nothing is kept.

    Parameters
    ----------
    key : str
    n : int
        Images and unreadable pictures together.
    size : tuple of int
        (H, W) of the images.
    progress : callable, optional
        Called with (bytes of images that are checked, bytes in all).

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
        decoded: Decoded = _read(folder / _FACTS, Decoded)
        _check(decoded.shape[0] + len(decoded.unreadable) == n and decoded.shape[0] > 0)
        _check(decoded.shape[1:3] == size and decoded.shape[3] in (1, 3))
        _check(os.path.getsize(folder / _IMAGES) == prod(decoded.shape))
        # A view that is a plain array, so that it is pickled and copied as one.
        images = np.memmap(folder / _IMAGES, np.uint8, "r", shape=decoded.shape).view(np.ndarray)
        _check(_checksums(images, progress) == decoded.crc32)
        path = folder / _FINGERPRINTS
        fingerprints = _read(path, Fingerprints) if path.exists() else None
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
        checksums = _checksums(np.memmap(path, np.uint8, "r")) if n else []
        _write(folder / _FACTS, Decoded(shape=(n, height, width, channels), unreadable=unreadable, crc32=checksums))


def write_fingerprints(key: str, fingerprints: Sequence[str]) -> None:
    """Keep the fingerprints of the splits beside their images.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    _write(entry_folder(PICTURES, key) / _FINGERPRINTS, fingerprints)


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


def _checksums(images: NDArray[np.uint8], progress: Progress | None = None) -> list[int]:
    """CRC-32 of each block of bytes: of what zlib and hashlib have, the one that takes least time, on all cores."""
    flat, report, checksums = images.reshape(-1), paced(progress), []
    for done, checksum in in_threads(zlib.crc32, flat, _BLOCK):  # type: ignore[arg-type] # an array is a sequence here
        checksums.append(checksum)
        report(done, len(flat))
    return checksums


def _write(path: Path, value: Any) -> None:
    content = msgspec.json.encode(value)
    sealed = _Sealed(_VERSION, hashlib.sha256(content).hexdigest(), msgspec.Raw(content))
    write_atomically(path, msgspec.json.encode(sealed))


def _read(path: Path, kind: Any) -> Any:
    sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
    if sealed.version != _VERSION:
        raise _OtherVersionError
    _check(hashlib.sha256(sealed.content).hexdigest() == sealed.sha256)
    return msgspec.json.decode(sealed.content, type=kind)


def _check(right: bool) -> None:
    if not right:
        raise ValueError


@contextmanager
def _removing_damaged(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, msgspec.MsgspecError, _OtherVersionError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        another = isinstance(error, _OtherVersionError)
        raise DamagedEntryError("written by another version" if another else "damaged") from None
