"""Which images are for training, validation and test, and folds: stratified by class, groups kept together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.naming import and_list, some
from inkling.images.sampling import stratified_order

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

_HELD_OUT = 0.15
"""Part of all images that is validation, and again that is test, where a source has no splits."""

_CUT = 6
"""A split that is missing beside others is one of so many parts of the training images, as MNIST's users have it."""


@dataclass(frozen=True)
class TornGroups:
    """Groups that lie in two of the splits that a source has."""

    groups: Mapping[str, tuple[str, ...]]  # group -> its splits, in order of names
    of: int  # groups in all
    trained: Mapping[str, int]  # "validation" and "test" -> images there whose group has training images


class TornGroupsError(DataError):
    """Groups were to be kept in one split each, and the source has some in two.

    Parameters
    ----------
    message : str
    torn : TornGroups
    """

    def __init__(self, message: str, torn: TornGroups) -> None:
        super().__init__(message, torn)
        self.torn = torn

    def __str__(self) -> str:
        return str(self.args[0])


def split_indices(
    labels: NDArray[np.int64],
    where: str,
    given: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> dict[str, NDArray[np.intp]]:
    """Return which images are in each split, in rising order.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    where : str
        The source, for messages.
    given : sequence of str, length N, optional
        The split of each image, where the source says it; a test or validation split that no image has is cut from the
        training images, a sixth of them. None: 70% are for training, 15% for validation and 15% for test.
    groups : sequence of str, length N, optional
        Images of one group are never in two splits.

    Returns
    -------
    dict of str to ndarray of intp
        By "train", "validation" and "test"; disjoint, and together all N.

    Raises
    ------
    DataError
        If a given split is none of these, none is for training, there are too few images or groups, or a group is in
        two of the splits that are given (`TornGroupsError`).
    """
    if given is None:
        held_out = max(1, round(_HELD_OUT * len(labels)))
        everything = np.arange(len(labels))
        train, validation, test = _cut(everything, labels, groups, [held_out, held_out], where)
        parts = {TRAIN: train, VALIDATION: validation, TEST: test}
    else:
        parts = _given(given, where)
        _check_groups(parts, groups, where)
        for split in (TEST, VALIDATION):
            if not len(parts[split]):
                held_out = max(1, len(parts[TRAIN]) // _CUT)
                parts[TRAIN], parts[split] = _cut(parts[TRAIN], labels, groups, [held_out], where)
    if not len(parts[TRAIN]):
        raise DataError(f"{where}: too few pictures to split: each of train, validation and test needs one at least")
    return parts


def _given(given: Sequence[str], where: str) -> dict[str, NDArray[np.intp]]:
    words = np.asarray(given, dtype=np.str_)
    unknown = sorted(set(words.tolist()) - set(SPLITS))
    if unknown:
        raise DataError(f"{where}: expected the splits {', '.join(SPLITS)}, found {some(unknown)}")
    parts = {split: np.flatnonzero(words == split) for split in SPLITS}
    if not len(parts[TRAIN]):
        raise DataError(f"{where}: expected pictures for training, found {some(sorted(set(words.tolist())))} alone")
    return parts


def _check_groups(parts: Mapping[str, NDArray[np.intp]], groups: Sequence[str] | None, where: str) -> None:
    """Raise TornGroupsError if a group is in two of the splits that are given."""
    if groups is None:
        return
    of_part = {split: [groups[i] for i in part] for split, part in parts.items()}
    splits_of: dict[str, list[str]] = {group: [] for group in sorted(set(groups))}
    for split, names in of_part.items():
        for group in set(names):
            splits_of[group].append(split)
    splits = {group: tuple(within) for group, within in splits_of.items() if len(within) > 1}
    if splits:
        trained = set(of_part[TRAIN])
        torn = TornGroups(
            splits, len(splits_of), {split: sum(group in trained for group in of_part[split]) for split in SPLITS[1:]}
        )
        listed = some([f"{group} (in {and_list(within)})" for group, within in splits.items()])
        raise TornGroupsError(
            f"{where}: {len(splits):,} group{'s are' if len(splits) > 1 else ' is'} in more than one split: {listed}: "
            "put all pictures of a group into one split",
            torn,
        )


def _cut(
    indices: NDArray[np.intp],
    labels: NDArray[np.int64],
    groups: Sequence[str] | None,
    held_out: list[int],
    where: str,
) -> list[NDArray[np.intp]]:
    """Return what is left of some images, and stratified parts of the given sizes: with groups, about these sizes."""
    sizes = [max(0, len(indices) - sum(held_out)), *held_out]
    if groups is None:
        order = stratified_order(labels[indices], seed=0)
        return [indices[np.sort(part)] for part in np.split(order, np.cumsum(sizes)[:-1])]
    names, group_of = np.unique(np.asarray([groups[i] for i in indices], np.str_), return_inverse=True)
    if len(names) < len(sizes):
        raise DataError(
            f"{where}: {len(names)} group{'s' * (len(names) != 1)} of pictures cannot be split in {len(sizes)}: "
            f"at least {len(sizes)} groups are needed"
        )
    part_of = grouped_parts(labels[indices], group_of, sizes)
    return [indices[part_of == part] for part in range(len(sizes))]


def stratified_folds(
    labels: NDArray[np.int64], folds: int, seed: int, groups: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Return the fold of each image, 0..folds - 1: of about equal sizes, with classes in proportion.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    folds : int
        At most as many as there are images and groups.
    seed : int
    groups : ndarray of intp, shape (N,), optional
        Numbers 0..G-1: images of one group are in one fold.

    Returns
    -------
    ndarray of intp, shape (N,)
    """
    sizes = [len(part) for part in np.array_split(labels, folds)]
    if groups is not None and groups.max(initial=0) + 1 < len(labels):
        return grouped_parts(labels, groups, sizes, seed)
    fold_of = np.empty(len(labels), np.intp)
    # A slice of this order holds the classes in proportion.
    fold_of[stratified_order(labels, seed)] = np.repeat(np.arange(folds), sizes)
    return fold_of


def grouped_parts(
    labels: NDArray[np.int64], groups: NDArray[np.intp], sizes: Sequence[int], seed: int = 0
) -> NDArray[np.intp]:
    """Return the part that each image belongs to, groups undivided, classes in proportion as well as that can be.

    The largest group is placed first, each where the squared distance to the numbers that are wanted, of every class
    and of all images, becomes smallest (the greedy rule of scikit-learn's `StratifiedGroupKFold`, for parts of unequal
    sizes). No part is left empty.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    groups : ndarray of intp, shape (N,)
        0..G-1, G at least the number of parts.
    sizes : sequence of int
        Images wanted in each part; they sum to N.
    seed : int
        Decides which of several groups of one size comes first.

    Returns
    -------
    ndarray of intp, shape (N,)
        0 for the first part.
    """
    _, labels = np.unique(labels, return_inverse=True)
    class_counts = np.bincount(labels)  # (K,)
    shares = np.array(sizes) / len(labels)
    # One column more than there are classes: all images of a part count like another class.
    lacking = shares[:, np.newaxis] * np.append(class_counts, len(labels))  # (P, K + 1)
    weights = 1 / np.append(class_counts, len(labels)).astype(float) ** 2
    group_sizes = np.bincount(groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(group_sizes)[:-1])
    shuffled = np.random.default_rng(seed).permutation(len(group_sizes))
    order = shuffled[np.argsort(-group_sizes[shuffled], kind="stable")]
    part_of_group = np.empty(len(group_sizes), np.intp)
    empty = set(range(len(sizes)))
    for placed, group in enumerate(order):
        classes, counts = np.unique(labels[members[group]], return_counts=True)
        columns, numbers = np.append(classes, len(class_counts)), np.append(counts, counts.sum())
        gains = (weights[columns] * numbers * (2 * lacking[:, columns] - numbers)).sum(axis=1)  # (P,)
        if len(empty) == len(order) - placed:
            gains[[part for part in range(len(sizes)) if part not in empty]] = -np.inf
        part = int(gains.argmax())
        part_of_group[group] = part
        lacking[part, columns] -= numbers
        empty.discard(part)
    return part_of_group[groups]
