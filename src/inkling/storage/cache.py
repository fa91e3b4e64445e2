"""The cache: decoded pictures, features and pretrained weights, kept so that they are made once.

Nothing in it is needed: `inkling data cache` shows and clears it, and what is missing or damaged is made again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from inkling.errors import DataError
from inkling.storage.atomic import write_atomically

PICTURES, FEATURES, WEIGHTS = "pictures", "features", "weights"
KINDS = (PICTURES, FEATURES, WEIGHTS)
"""What is kept, one folder each: images as networks take them, what pretrained networks make of them, their weights."""

ABOUT = "about.txt"
"""File of an entry that says in a line what it was made of."""

_ABANDONED = 24 * 3600
"""Seconds after which an entry that is not finished counts as left by a killed process."""


@dataclass(frozen=True)
class CacheEntry:
    """One folder of the cache."""

    kind: str  # one of KINDS
    folder: Path
    bytes: int
    about: str  # what it was made of


def cache_folder() -> Path:
    """Return the folder of the cache: `INKLING_CACHE`, or else the user's cache folder."""
    return Path(os.environ.get("INKLING_CACHE") or Path(platformdirs.user_cache_dir("inkling"), "cache"))


def entry_folder(kind: str, key: str) -> Path:
    """Return where an entry lives, whether it is there or not.

    Parameters
    ----------
    kind : str
        One of KINDS.
    key : str
        Letters, digits and hyphens: what the entry was made of, usually a digest.
    """
    return cache_folder() / kind / key


@contextmanager
def new_entry(kind: str, key: str, about: str) -> Iterator[Path]:
    """Yield a new folder, which becomes the entry once the block ends: whole or not at all.

    Where another process was first, its entry stays, and the folder is removed like after an exception. What is
    written into it must have been synced.

    Parameters
    ----------
    kind, key : str
        As of `entry_folder`.
    about : str
        In a line, what the entry is made of.

    Raises
    ------
    OSError, RunError
        If it cannot be written.
    """
    entry = entry_folder(kind, key)
    entry.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(entry.parent)
    folder = entry.with_name(f".{key}.{secrets.token_hex(4)}")
    folder.mkdir()
    try:
        yield folder
        write_atomically(folder / ABOUT, " ".join(about.split()).encode(errors="replace"))
        try:
            folder.rename(entry)
        except OSError:
            if not entry.exists():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".*"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # removed meanwhile
            continue


def cache_entries() -> list[CacheEntry]:
    """Return all entries, the largest first.

    Raises
    ------
    DataError
        If the cache is no folder, or cannot be read.
    """
    if cache_folder().exists() and not cache_folder().is_dir():
        raise DataError(
            f"{cache_folder()}: expected the folder of the cache, found a file: set INKLING_CACHE to a folder"
        )
    entries = []
    for kind in KINDS:
        for folder in _folders(cache_folder() / kind):
            try:
                about = (folder / ABOUT).read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                about = ""
            entries.append(CacheEntry(kind, folder, _size(folder), about))
    return sorted(entries, key=lambda entry: -entry.bytes)


def clear_cache(kind: str | None = None) -> int:
    """Remove every entry, or those of one kind, and return how many bytes they had.

    Raises
    ------
    DataError
        If an entry cannot be removed.
    """
    freed = 0
    for entry in cache_entries():
        if kind in (None, entry.kind):
            try:
                shutil.rmtree(entry.folder)
            except FileNotFoundError:  # another process was first
                continue
            except OSError as error:
                raise DataError(
                    f"{entry.folder}: cannot be removed ({error.strerror}): check its permissions"
                ) from None
            freed += entry.bytes
    return freed


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}): check its permissions") from None


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:  # removed meanwhile
            continue
    return size
