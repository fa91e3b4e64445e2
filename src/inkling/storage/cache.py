"""The cache: decoded pictures, features and pretrained weights, kept so that they are made once.

Nothing in it is needed: `inkling data cache` shows and clears it, and what is missing or damaged is made again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from inkling.errors import DataError

PICTURES, FEATURES, WEIGHTS = "pictures", "features", "weights"
KINDS = (PICTURES, FEATURES, WEIGHTS)
"""What is kept, one folder each: images as networks take them, what pretrained networks make of them, their weights."""

ABOUT = "about.txt"
"""File of an entry that says in a line what it was made of."""


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


def cache_entries() -> list[CacheEntry]:
    """Return all entries, the largest first."""
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


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:  # removed meanwhile
            continue
    return size
