"""Which class and which split a picture belongs to, by the folders that it lies in: of folders and archives alike.

photos/cat/1.png                photos/train/cat/1.png
photos/dog/2.png       or       photos/test/cat/7.png
                                photos/train/dog/2.png …

Only names are looked at. A layout that could be meant in two ways is refused, by name: what silently becomes a class
or is silently left out is found by nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, did_you_mean
from inkling.images.naming import shown, some
from inkling.images.sources.split_names import SPLIT_WORDS
from inkling.images.splitting import SPLITS, TRAIN

_NOT_UNDERSTOOD = frozenset(
    {
        "dev", "devel", "development", "eval", "evaluation", "extra", "heldout", "holdout", "trainval", "unlabeled",
        "unlabelled", "unsup", "unsupervised",
    }
)  # fmt: skip
"""Words for parts of a data set that are neither training, validation nor test, or that may be one or the other."""

_ENDINGS = ("dataset", "data", "set", "images", "imgs", "photos", "pictures", "split")
"""What may follow the word for a split: training_set, Test Images."""


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Pictures of a source by class and split.

    Attributes
    ----------
    class_names : tuple of str, length K
        Sorted.
    places : ndarray of intp, shape (N,)
        Which of the names that were given are pictures of a class, in rising order.
    labels : ndarray of int64, shape (N,)
    splits : list of str, length N, optional
        "train", "validation" or "test"; None where there are no folders of splits.
    notes : tuple of str
        What is left out.
    """

    class_names: tuple[str, ...]
    places: NDArray[np.intp]
    labels: NDArray[np.int64]
    splits: list[str] | None
    notes: tuple[str, ...]


def arrange(names: Sequence[str], where: str, folders: Iterable[str] = ()) -> Arrangement:
    """Return the class and split of every picture.

    Folders directly in the source are classes, whatever lies below them; or, if their names say so, splits that hold
    class folders: train (training, training_set, …), validation (val, valid) and test (testing), in any case, of which
    all but the first may be missing. A folder that is the only one and holds folders alone is passed through, above
    the classes and above the splits.

    Parameters
    ----------
    names : sequence of str
        Of all pictures, relative to the source, with `/` between folders; sorted by `walk_order`.
    where : str
        The source, for messages.
    folders : iterable of str
        Names of all folders, for those without a picture to be found.

    Raises
    ------
    DataError
        If there are fewer than two classes, classes without a picture for training, names of splits that are not
        understood, or a test or validation folder with classes that training lacks.
    """
    tree = _Tree(names, folders)
    base = tree.unwrapped("")
    children = tree.children(base)
    splits = _split_folders(tree, base, where)
    notes = [_beside(tree, base, "class")] if not splits else [_beside(tree, base, "split")]
    if splits:
        class_names, class_folders = _classes_of_splits(tree, splits, where)
        notes += [_beside(tree, tree.unwrapped(folder, in_split=True), "class") for folder in splits.values()]
        unsorted = [child for child in children if _joined(base, child) not in splits.values()]
        if unsorted:
            notes.append(f"Left out, because they hold no pictures: {some(unsorted)} in {_joined(where, base)}.")
    else:
        class_names = tuple(children)
        _check_classes(tree, base, class_names, where)
        class_folders = {_joined(base, name): (label, None) for label, name in enumerate(class_names)}
    found = _members(names, class_folders)
    given = [split for _, _, split in found if split is not None]
    return Arrangement(
        class_names,
        np.array([place for place, _, _ in found], np.intp),
        np.array([label for _, label, _ in found], np.int64),
        given if splits else None,
        tuple(note for note in notes if note),
    )


def walk_order(name: str) -> list[tuple[bool, str]]:
    """Return what sorts names as folders are walked: of each, first its files, then its folders, by their names."""
    *folders, file = name.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


class _Tree:
    """Folders, by the names of what lies in them."""

    def __init__(self, names: Sequence[str], folders: Iterable[str]) -> None:
        self.pictures = Counter(name.rpartition("/")[0] for name in names)  # folder -> pictures directly in it
        self._children: dict[str, set[str]] = {"": set()}
        self._filled = {folder for filled in self.pictures for folder in _and_above(filled)}
        for folder in [*self.pictures, *folders]:
            for below in _and_above(folder):
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
            only = _joined(folder, children[0])
            if not self.children(only) or self.pictures[only] or (_split_word(children[0]) and not in_split):
                break
            folder = only
        return folder


def _split_folders(tree: _Tree, base: str, where: str) -> dict[str, str]:
    """Return the folder of each split, or nothing where the folders are classes."""
    children = tree.children(base)
    words = {child: word for child in children if (word := _split_word(child))}
    others = [child for child in children if child not in words and not tree.is_empty(_joined(base, child))]
    holders = [
        child for child in words if tree.children(_joined(base, child)) and not tree.pictures[_joined(base, child)]
    ]
    if not words or (others and not holders):
        return {}  # a train among other vehicles
    place = _joined(where, base)
    if others:
        raise DataError(
            f"{place}: {some(holders)} hold{'s' * (len(holders) == 1)} class folders as splits do, but beside lie "
            f"{some(others)}: put these into the splits, or take them out"
        )
    unknown = [child for child, word in words.items() if word not in SPLIT_WORDS]
    if unknown:
        raise DataError(
            f"{place}: expected splits called train, validation (val, valid) and test, found {some(unknown)} beside "
            f"{some([child for child in words if child not in unknown]) or 'nothing else'}: rename or remove "
            f"{'it' if len(unknown) == 1 else 'them'}"
        )
    splits = {split: [child for child, word in words.items() if SPLIT_WORDS[word] == split] for split in SPLITS}
    twice = [child for of_split in splits.values() if len(of_split) > 1 for child in of_split]
    if twice:
        raise DataError(f"{place}: expected one folder per split, found {some(twice)}: join those that are the same")
    if not splits[TRAIN]:
        raise DataError(
            f"{place}: expected a folder of training pictures (train) beside {some(list(words))}, found none: add it, "
            "or rename the folders if they are classes"
        )
    if not holders:
        raise DataError(
            f"{place}: expected class folders in {some(list(words))}, found pictures: put those of each class into a "
            "folder of its own"
        )
    return {split: _joined(base, of_split[0]) for split, of_split in splits.items() if of_split}


def _classes_of_splits(
    tree: _Tree, splits: Mapping[str, str], where: str
) -> tuple[tuple[str, ...], dict[str, tuple[int, str | None]]]:
    """Return the class names, which are those of training, and the label and split of each class folder."""
    bases = {split: tree.unwrapped(folder, in_split=True) for split, folder in splits.items()}
    class_names = tuple(tree.children(bases[TRAIN]))
    _check_classes(tree, bases[TRAIN], class_names, where)
    class_folders: dict[str, tuple[int, str | None]] = {}
    for split, base in bases.items():
        unknown = [name for name in tree.children(base) if name not in class_names]
        if unknown:
            raise DataError(
                f"{_joined(where, base)}: expected the classes of the training folder, found "
                f"{', '.join(repr(shown(name)) for name in unknown[:10])}{did_you_mean(unknown[0], class_names)}: add "
                "training pictures, or remove what is not in training"
            )
        class_folders |= {_joined(base, name): (label, split) for label, name in enumerate(class_names)}
    return class_names, class_folders


def _check_classes(tree: _Tree, base: str, class_names: tuple[str, ...], where: str) -> None:
    place = _joined(where, base)
    if len(class_names) < 2:
        raise DataError(f"{place}: expected two class folders or more, found {len(class_names)}")
    empty = [name for name in class_names if tree.is_empty(_joined(base, name))]
    if empty:
        raise DataError(
            f"{_joined(place, empty[0])}: no pictures that can be read in this class folder"
            + (f", nor in {some(empty[1:])}" if empty[1:] else "")
            + ": put some in, or remove it"
        )


def _beside(tree: _Tree, base: str, what: str) -> str:
    """Say how many pictures lie where folders are expected; an empty string where none do."""
    n = tree.pictures[base]
    place = f" of {base}" if base else ""
    return f"Left out: {n:,} picture{'s' * (n != 1)} beside the {what} folders{place}, without a class." if n else ""


def _members(
    names: Sequence[str], class_folders: Mapping[str, tuple[int, str | None]]
) -> list[tuple[int, int, str | None]]:
    """Return (place, label, split) of the names that lie in class folders or below."""
    known: dict[str, tuple[int, str | None] | None] = {}
    members = []
    for place, name in enumerate(names):
        folder = name.rpartition("/")[0]
        if folder not in known:
            known[folder] = next((class_folders[each] for each in _and_above(folder) if each in class_folders), None)
        belongs = known[folder]
        if belongs is not None:
            members.append((place, *belongs))
    return members


def _split_word(folder: str) -> str:
    """Return the word for a split that a folder is called by: Training_Set -> training; or an empty string."""
    word = re.sub(r"[\s_.-]+", "", folder.lower())
    for candidate in (word, *(word.removesuffix(ending) for ending in _ENDINGS)):
        if candidate in SPLIT_WORDS or candidate in _NOT_UNDERSTOOD:
            return candidate
    return ""


def _and_above(folder: str) -> list[str]:
    """Return a folder, and those above it up to the source itself."""
    folders = [folder]
    while folder:
        folder = folder.rpartition("/")[0]
        folders.append(folder)
    return folders


def _joined(above: str, below: str) -> str:
    return f"{above}/{below}" if above and below else above or below
