"""Which class and which split a picture belongs to, by the folders that it lies in: of folders and archives alike.

photos/cat/1.png                photos/train/cat/1.png           photos/cat/train/1.png
photos/dog/2.png       or       photos/test/cat/7.png     or     photos/cat/test/7.png
                                photos/train/dog/2.png …         photos/dog/train/2.png …

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
from inkling.images.naming import one_form, shown, some
from inkling.images.sources.folder_tree import FolderTree, and_above, joined
from inkling.images.sources.split_names import SPLIT_WORDS, part_named, split_word
from inkling.images.splitting import SPLITS, TRAIN


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
    all but the first may be missing; splits may lie below the classes as well. A folder that is the only one and holds
    folders alone is passed through, above the classes and above the splits. Names of classes are compared, and given,
    without spaces around them and in one Unicode form (NFC).

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
        understood, folders that hold folders of the same names, which may be splits or classes, or a test or validation
        folder with classes that training lacks.
    """
    tree = FolderTree(names, folders)
    base = tree.unwrapped("")
    children = tree.children(base)
    splits = _split_folders(tree, base, where)
    notes = [_beside(tree, base, "class")] if not splits else [_beside(tree, base, "split")]
    if splits:
        class_names, class_folders = _classes_of_splits(tree, splits, where)
        notes += [_beside(tree, tree.unwrapped(folder, in_split=True), "class") for folder in splits.values()]
        unsorted = [child for child in children if joined(base, child) not in splits.values()]
        if unsorted:
            notes.append(f"Left out, because they hold no pictures: {some(unsorted)} in {joined(where, base)}.")
    else:
        classes = _named_once(tree, base, where)
        class_names = tuple(classes)
        _check_classes(tree, base, class_names, where)
        class_folders = _splits_of_classes(tree, base, classes, where) or {
            joined(base, folder): (label, None) for label, folder in enumerate(classes.values())
        }
        if not any(split for _, split in class_folders.values()):
            notes.append(_repeated(tree, base, where))
    found = _members(names, class_folders)
    given = [split for _, _, split in found if split is not None]
    notes += [
        f"No picture of a class lies in {joined(where, folder)}: {split} pictures are taken from the training pictures."
        for split, folder in splits.items()
        if split not in given
    ]
    return Arrangement(
        class_names,
        np.array([place for place, _, _ in found], np.intp),
        np.array([label for _, label, _ in found], np.int64),
        given or None,
        tuple(note for note in notes if note),
    )


def walk_order(name: str) -> list[tuple[bool, str]]:
    """Return what sorts names as folders are walked: of each, first its files, then its folders, by their names."""
    *folders, file = name.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


def _split_folders(tree: FolderTree, base: str, where: str) -> dict[str, str]:
    """Return the folder of each split, or nothing where the folders are classes."""
    children = tree.children(base)
    _check_parts([child for child in children if not tree.is_empty(joined(base, child))], joined(where, base))
    words = {child: word for child in children if (word := split_word(child))}
    others = [child for child in children if child not in words and not tree.is_empty(joined(base, child))]
    holders = [
        child for child in words if tree.children(joined(base, child)) and not tree.pictures[joined(base, child)]
    ]
    if not words or (others and not holders):
        return {}  # a train among other vehicles
    place = joined(where, base)
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
    return {split: joined(base, of_split[0]) for split, of_split in splits.items() if of_split}


def _check_parts(children: Sequence[str], place: str) -> None:
    """Refuse folders that are all called like parts of a data set, but not as splits are."""
    parts = {part_named(child) for child in children}
    if "" in parts or len(parts) < 2 or all(split_word(child) for child in children):
        return  # among other classes, one may be called a train; test1 and test2 are no two splits
    raise DataError(
        f"{place}: {some(children)} are called like splits: call them train, validation (val, valid) and "
        "test, with a folder for each class in them, and take out what is none; or rename them if they are classes"
    )


def _repeated(tree: FolderTree, base: str, where: str) -> str:
    """Refuse folders that hold folders of the same names: each of the two may be the classes.

    Return what is to be said where the inner ones are rather numbered than named (2020, 2021), as no class is.
    """
    within = {child: set(tree.children(tree.unwrapped(joined(base, child)))) for child in tree.children(base)}
    within = {child: names for child, names in within.items() if len(names) > 1}
    counts = Counter(name for names in within.values() for name in names)
    alike = {child: {name for name in names if counts[name] > 1} for child, names in within.items()}
    holders = [child for child, names in within.items() if 2 * len(alike[child]) > len(names) and len(alike[child]) > 1]
    if len(holders) < 2:
        return ""
    same = some(sorted(set().union(*(alike[child] for child in holders))))
    numbered = all(re.search(r"\d", name) for child in holders for name in alike[child])
    stems = {re.sub(r"[\W\d_]+", "", child) for child in holders}
    parts = any(part_named(child) for child in holders) or (len(stems) == 1 and "" not in stems)
    if numbered and not parts:
        return f"Folders of the same names ({same}) lie in {some(holders)}, which are read as the classes."
    raise DataError(
        f"{joined(where, base)}: {some(holders)} hold folders of the same names ({same}), so that either may be the "
        f"classes: if {same} are, call the folders above them train, validation and test, or join them; otherwise put "
        "the pictures directly into the folders of their classes"
    )


def _named_once(tree: FolderTree, base: str, where: str) -> dict[str, str]:
    """Return the folder of each class by its name, sorted; refuse two of one name."""
    folders: dict[str, list[str]] = {}
    for child in tree.children(base):
        folders.setdefault(one_form(child), []).append(child)
    for name, several in folders.items():
        if len(several) > 1:
            raise DataError(
                f"{joined(where, base)}: {len(several)} folders are called '{shown(name)}', in two Unicode forms or "
                f"with spaces around ({', '.join(map(ascii, several))}): join them, or rename one"
            )
    return {name: folders[name][0] for name in sorted(folders)}


def _classes_of_splits(
    tree: FolderTree, splits: Mapping[str, str], where: str
) -> tuple[tuple[str, ...], dict[str, tuple[int, str | None]]]:
    """Return the class names, which are those of training, and the label and split of each class folder."""
    bases = {split: tree.unwrapped(folder, in_split=True) for split, folder in splits.items()}
    folders = {split: _named_once(tree, base, where) for split, base in bases.items()}
    class_names = tuple(folders[TRAIN])
    _check_classes(tree, bases[TRAIN], class_names, where)
    class_folders: dict[str, tuple[int, str | None]] = {}
    for split, base in bases.items():
        unknown = [name for name in folders[split] if name not in class_names]
        if unknown:
            raise DataError(
                f"{joined(where, base)}: expected the classes of the training folder, found "
                f"{', '.join(repr(shown(name)) for name in unknown[:10])}{did_you_mean(unknown[0], class_names)}: add "
                "training pictures, or remove what is not in training"
            )
        for label, name in enumerate(class_names):
            if name in folders[split]:
                class_folders[joined(base, folders[split][name])] = (label, split)
    return class_names, class_folders


def _splits_of_classes(
    tree: FolderTree, base: str, classes: Mapping[str, str], where: str
) -> dict[str, tuple[int, str | None]]:
    """Return the label and split of each folder of a split that lies in a class, or nothing where none does."""
    words = {
        folder: {child: word for child in tree.children(joined(base, folder)) if (word := split_word(child))}
        for folder in classes.values()
    }
    divided = [folder for folder, of_class in words.items() if len(of_class) > 1]
    if not divided:
        return {}  # a train among the vehicles
    for folder, of_class in words.items():
        others = [child for child in tree.children(joined(base, folder)) if child not in of_class]
        splits = [SPLIT_WORDS.get(word) for word in of_class.values()]
        if others or tree.pictures[joined(base, folder)] or None in splits or len(set(splits)) < len(splits):
            raise DataError(
                f"{joined(where, base)}: {some(divided)} hold{'s' * (len(divided) == 1)} splits "
                f"({some(sorted(words[divided[0]]))}): expected train, validation (val, valid) and test alone, once "
                f"each, in every class folder, found something else in {shown(folder)}: make all alike"
            )
    return {
        joined(joined(base, folder), child): (label, SPLIT_WORDS[word])
        for label, folder in enumerate(classes.values())
        for child, word in words[folder].items()
    }


def _check_classes(tree: FolderTree, base: str, class_names: tuple[str, ...], where: str) -> None:
    place, children, beside = joined(where, base), tree.children(base), tree.pictures[base]
    if len(children) < 2 and beside:
        inside = joined(place, children[0]) if children else ""
        raise DataError(
            f"{place}: {beside:,} picture{'s lie' if beside != 1 else ' lies'} directly in it"
            + (f" beside {shown(children[0])}, the only folder" if children else "")
            + ": put those of each class into a folder of its own"
            + (
                f", or give {inside} if its folders are the classes"
                if children and tree.children(joined(base, children[0]))
                else ""
            )
        )
    if len(class_names) < 2:
        raise DataError(f"{place}: expected two class folders or more, found {len(class_names)}")
    empty = [name for name in children if tree.is_empty(joined(base, name))]
    if empty:
        raise DataError(
            f"{joined(place, empty[0])}: no pictures that can be read in this class folder"
            + (f", nor in {some(empty[1:])}" if empty[1:] else "")
            + ": put some in, or remove it"
        )


def _beside(tree: FolderTree, base: str, what: str) -> str:
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
            known[folder] = next((class_folders[each] for each in and_above(folder) if each in class_folders), None)
        belongs = known[folder]
        if belongs is not None:
            members.append((place, *belongs))
    return members
