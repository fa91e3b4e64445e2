"""Picture files without labels, as a person names them: files, folders, patterns, a list on standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inkling.errors import DataError
from inkling.images.pictures import readable_suffixes
from inkling.images.sources.folder import walk
from inkling.images.sources.passed_over import PassedOver, suffix

STANDARD_INPUT = "-"
"""Stands for a list of paths on standard input."""


@dataclass(frozen=True)
class LooseFiles:
    """Picture files in the order that they were named in, those of a folder sorted."""

    files: tuple[str, ...]
    notes: tuple[str, ...]  # what was passed over in folders, a sentence each


def expanded(words: Iterable[str]) -> list[str]:
    """Return words with patterns (`*`, `?`, `[a-z]`, `**` for any folders) replaced by the sorted paths they match.

    A word that is the path of something is no pattern.

    Raises
    ------
    DataError
        If a pattern matches nothing.
    """
    found = []
    for word in words:
        if word == STANDARD_INPUT or os.path.lexists(word) or not glob.has_magic(word):
            found.append(word)
            continue
        matches = sorted(glob.glob(os.path.expanduser(word), recursive=True))
        if not matches:
            raise DataError(f"{word}: matches no file: name files or folders that exist")
        found += matches
    return found


def paths_on(stream: BinaryIO) -> list[str]:
    """Return the paths on a stream, one a line; empty lines are passed over."""
    return [os.fsdecode(line) for line in stream.read().splitlines() if line.strip()]


def find_loose_files(paths: Sequence[str]) -> LooseFiles:
    """Return the files that paths name: a folder stands for the pictures in it and below it.

    Pictures in folders are told by their endings; hidden files are passed over there, other files counted. A path
    that is no folder is a picture, whatever its ending.

    Raises
    ------
    DataError
        If a folder cannot be read or holds no picture, or there is no path.
    """
    files: list[str] = []
    passed, suffixes = PassedOver(), frozenset(readable_suffixes())
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        before = len(files)
        for _, entry in walk(Path(path), [], passed):
            ending = suffix(entry.name)
            if ending in suffixes:
                files.append(entry.path)
            else:
                passed.suffixes[ending] += 1
        if len(files) == before:
            raise DataError(
                ". ".join([f"{path}: expected a run or a folder of pictures, found neither in it", *passed.notes()])
            )
    return LooseFiles(tuple(files), passed.notes())
