"""Folders of a source as a tree, built of the names of the pictures and folders in it; no disk is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from inkling.images.sources.split_names import split_word


class FolderTree:
    """Folders, by the names of what lies in them.

    Parameters
    ----------
    names : sequence of str
        Of pictures, relative to the source, with `/` between folders.
    folders : iterable of str
        Of those without a picture as well.
    """

    def __init__(self, names: Sequence[str], folders: Iterable[str]) -> None:
        self.pictures = Counter(name.rpartition("/")[0] for name in names)  # folder -> pictures directly in it
        self._children: dict[str, set[str]] = {"": set()}
        self._filled = {folder for filled in self.pictures for folder in and_above(filled)}
        for folder in [*self.pictures, *folders]:
            for below in and_above(folder):
                above, _, name = below.rpartition("/")
                self._children.setdefault(below, set())
                if below:
                    self._children.setdefault(above, set()).add(name)

    def children(self, folder: str) -> list[str]:
        """Names of the folders in a folder, sorted."""
        return sorted(self._children[folder])

    def is_empty(self, folder: str) -> bool:
        """Whether no picture lies in it or below it."""
        return folder not in self._filled

    def unwrapped(self, folder: str, in_split: bool = False) -> str:
        """Pass through folders that hold nothing but one folder of folders, unless that is a split itself."""
        while len(children := self.children(folder)) == 1 and not self.pictures[folder]:
            only = joined(folder, children[0])
            if not self.children(only) or self.pictures[only] or (split_word(children[0]) and not in_split):
                break
            folder = only
        return folder


def and_above(folder: str) -> list[str]:
    """Return a folder, and those above it up to the source itself."""
    folders = [folder]
    while folder:
        folder = folder.rpartition("/")[0]
        folders.append(folder)
    return folders


def joined(above: str, below: str) -> str:
    """Return a folder below another; an empty name is the source itself."""
    return f"{above}/{below}" if above and below else above or below
