"""Groups (a patient, a burst) that lie in two splits: how many, and what that does to the accuracy measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from inkling.diagnosis.slices import is_missing
from inkling.errors import DataError
from inkling.metrics.clusters import clustered_difference
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval


@dataclass(frozen=True)
class GroupLeak:
    """Images whose group the network was trained on, against those of groups that are new to it.

    Attributes
    ----------
    split : str
    groups : int
        Among the images.
    shared : tuple of str
        Those that training images belong to as well.
    seen, seen_correct : int
        Images of a shared group, and how many of them are classified correctly.
    unseen, unseen_correct : int
        Images of the other groups.
    unknown : int
        Images without a group, which are left out.
    interval : Interval or None
        95%, of the accuracy on the former less that on the latter; None where one side has fewer than two groups.
    """

    split: str
    groups: int
    shared: tuple[str, ...]
    seen: int
    seen_correct: int
    unseen: int
    unseen_correct: int
    unknown: int
    interval: Interval | None

    @property
    def difference(self) -> float | None:
        """Accuracy on images of shared groups less that on the others; None where one of the two has no image."""
        return self.seen_correct / self.seen - self.unseen_correct / self.unseen if self.seen and self.unseen else None

    @property
    def shown(self) -> bool:
        """Whether accuracy is shown to be higher where the group was seen in training."""
        return self.interval is not None and self.interval.low > 0

    @property
    def verdict(self) -> str:
        """One sentence."""
        left_out = f"; {self.unknown:,} images without a group are left out" if self.unknown else ""
        if not self.shared:
            return f"None of the {self.groups:,} groups of {self.split} images has training images{left_out}."
        of_all = self.seen + self.unseen
        lie = (
            f"{len(self.shared):,} of the {self.groups:,} groups of {self.split} images "
            f"{'have' if len(self.shared) > 1 else 'has'} training images too ({self.seen:,} of {of_all:,} images"
            f"{left_out})"
        )
        if self.difference is None or self.interval is None:
            return f"{lie}: what that does to the accuracy cannot be measured, for it takes two groups of either kind."
        n = min(self.seen, self.unseen)
        found = (
            f"accuracy is {percent(self.seen_correct / self.seen, self.seen)} on them and "
            f"{percent(self.unseen_correct / self.unseen, self.unseen)} on the others, a difference of "
            f"{points(self.difference, n)} points {points_interval(self.interval, n)}"
        )
        if self.shown:
            return f"{lie}: {found}: it is higher on groups seen in training, and of new groups less is to be expected."
        return f"{lie}: {found}: that it is higher on groups seen in training is not shown."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        interval = None if self.interval is None else [self.interval.low, self.interval.high]
        return {
            **asdict(self), "shared": list(self.shared), "interval": interval, "difference": self.difference,
            "shown": self.shown, "verdict": self.verdict,
        }  # fmt: skip


def measure_group_leak(
    correct: Any, groups: Sequence[Any], train_groups: Sequence[Any], split: str = "test"
) -> GroupLeak:
    """Compare accuracy on images whose group has training images with that on the others.

    Images of one group are not independent, so the interval is that of groups
    (`metrics.clusters.clustered_difference`).

    Parameters
    ----------
    correct : array-like of bool, shape (N,)
        Whether each image is classified correctly.
    groups : sequence, length N
        The group of each; None or '' where it is not known.
    train_groups : sequence
        The group of each training image, likewise.
    split : str
        What the N images are called in the result.

    Raises
    ------
    DataError
        If there is no image, or not one group for each.
    """
    right = np.asarray(correct)
    if right.ndim != 1 or right.dtype != np.bool_ or not len(right):
        raise DataError(f"correct must be booleans of shape (N,), found {right.dtype} of shape {right.shape}")
    if len(groups) != len(right):
        raise DataError(f"{len(right):,} images but {len(groups):,} groups: give one for each image")
    known = np.array([not is_missing(group) for group in groups], np.bool_)
    if not known.any():
        return GroupLeak(split, 0, (), 0, 0, 0, 0, len(right), None)
    words = [str(group) for group, is_known in zip(groups, known, strict=True) if is_known]
    names, group_of = np.unique(words, return_inverse=True)
    trained = {str(group) for group in train_groups if not is_missing(group)}
    shared = np.array([name in trained for name in names.tolist()], np.bool_)
    totals = np.bincount(group_of)
    hits = np.bincount(group_of[right[known]], minlength=len(names))
    sides = (hits[shared], totals[shared], hits[~shared], totals[~shared])
    interval = clustered_difference(*sides) if min(shared.sum(), (~shared).sum()) >= 2 else None
    return GroupLeak(
        split=split,
        groups=len(names),
        shared=tuple(names[shared].tolist()),
        seen=int(totals[shared].sum()),
        seen_correct=int(hits[shared].sum()),
        unseen=int(totals[~shared].sum()),
        unseen_correct=int(hits[~shared].sum()),
        unknown=int((~known).sum()),
        interval=interval,
    )
