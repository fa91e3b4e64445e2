"""Robustness: how much accuracy corruptions of the images cost a classifier, and which corruption costs most.

What is compared is the same images, clean and corrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from inkling.errors import DataError
from inkling.images.naming import and_list
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.paired import PairedDifference
from inkling.metrics.scores import check_predictions

LEVEL = 0.05
"""Chance, at most, that anything at all is called harmful where nothing is."""


@dataclass(frozen=True)
class CorruptionEffect:
    """One corruption at one severity."""

    corruption: str
    severity: int  # from 1, mild
    paired: PairedDifference  # accuracy on the corrupted less that on the clean images
    accuracy: float  # on the corrupted images
    tests: int  # corruptions x severities, of which this is one

    @property
    def change(self) -> float:
        """Of accuracy, -1..1; below 0 where the corruption harms."""
        return self.paired.difference

    @cached_property
    def interval(self) -> Interval:
        """Of the change; those of all corruptions and severities hold together with 95% (Bonferroni)."""
        return self.paired.interval(1 - LEVEL / self.tests)

    @property
    def adjusted_p(self) -> float:
        """Two-sided p-value of no change, for all corruptions and severities together (Bonferroni)."""
        return min(1.0, self.tests * self.paired.p_value)

    @property
    def harmful(self) -> bool:
        """Whether accuracy is shown to be lower: exactly where the whole interval lies below 0."""
        return self.change < 0 and self.adjusted_p < LEVEL

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        return {
            "corruption": self.corruption, "severity": self.severity, "accuracy": self.accuracy, "change": self.change,
            "interval": [self.interval.low, self.interval.high], "adjusted_p": self.adjusted_p,
            "harmful": self.harmful,
        }  # fmt: skip


@dataclass(frozen=True)
class MeanChange:
    """The mean over images of what changes in each, and how far the choice of images may take it."""

    mean: float
    standard_error: float
    n: int
    most: float = 1.0  # that can change in one image: 1, and 2 where it is a difference of two changes

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return Student's interval, cut at what can change."""
        reach = float(student.ppf((1 + confidence) / 2, self.n - 1)) * self.standard_error
        return Interval(max(-self.most, self.mean - reach), min(self.most, self.mean + reach))

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no change."""
        return float(2 * student.sf(abs(self.mean) / self.standard_error, self.n - 1))


@dataclass(frozen=True)
class CorruptionCost:
    """One corruption over all severities."""

    corruption: str
    change: MeanChange  # of accuracy, mean over severities
    interval: Interval  # those of all corruptions hold together with 95% (Bonferroni)
    harmful_at: tuple[int, ...]  # severities at which accuracy is shown to be lower

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        return {
            "corruption": self.corruption, "change": self.change.mean,
            "interval": [self.interval.low, self.interval.high], "harmful_at": list(self.harmful_at),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Robustness:
    """Which images a classifier gets right clean and corrupted.

    Attributes
    ----------
    corruptions : tuple of str
        Names, K of them.
    clean_right : ndarray of bool, shape (N,)
    right : ndarray of bool, shape (K, S, N)
        Of each corruption at severities 1 to S.
    split : str
        What the images are called in sentences.
    """

    corruptions: tuple[str, ...]
    clean_right: NDArray[np.bool_]
    right: NDArray[np.bool_]
    split: str = "test"

    @property
    def n(self) -> int:
        """Images."""
        return len(self.clean_right)

    @property
    def severities(self) -> tuple[int, ...]:
        """From 1, mild."""
        return tuple(range(1, self.right.shape[1] + 1))

    @property
    def clean_accuracy(self) -> float:
        """On the images as they are."""
        return float(self.clean_right.mean())

    @property
    def clean_interval(self) -> Interval:
        """95%, of the accuracy on the images as they are."""
        return wilson_interval(int(self.clean_right.sum()), self.n)

    @property
    def corrupted_accuracy(self) -> float:
        """Mean over all corruptions and severities."""
        return float(self.right.mean())

    @cached_property
    def changes(self) -> NDArray[np.float64]:
        """What each corruption changes in each image, mean over severities, -1..1: (K, N)."""
        changes: NDArray[np.float64] = self.right.mean(axis=1) - self.clean_right
        return changes

    @property
    def change(self) -> MeanChange:
        """Of accuracy, mean over all corruptions and severities."""
        return mean_change(self.changes.mean(axis=0))

    @cached_property
    def effects(self) -> tuple[CorruptionEffect, ...]:
        """Of each corruption at each severity."""
        tests = self.right.shape[0] * self.right.shape[1]
        return tuple(
            CorruptionEffect(name, severity, paired(right, self.clean_right), float(right.mean()), tests)
            for name, rights in zip(self.corruptions, self.right, strict=True)
            for severity, right in zip(self.severities, rights, strict=True)
        )

    @cached_property
    def costs(self) -> tuple[CorruptionCost, ...]:
        """Of each corruption over all severities."""
        return tuple(
            CorruptionCost(
                name,
                found := mean_change(change),
                found.interval(1 - LEVEL / len(self.corruptions)),
                tuple(each.severity for each in self.effects if each.corruption == name and each.harmful),
            )
            for name, change in zip(self.corruptions, self.changes, strict=True)
        )

    @property
    def costliest(self) -> CorruptionCost:
        """The corruption that costs most on these images; whether it does on others, `costliest_p` says."""
        return min(self.costs, key=lambda cost: cost.change.mean)

    @cached_property
    def costliest_p(self) -> float:
        """P-value of its being no costlier than some other corruption: the largest, times the number of others.

        Wherever another corruption costs as much or more, naming this one takes a false finding in one of at most that
        many tests against a corruption that costs most in truth: so it happens at the level at most (Bonferroni).
        """
        most = self.corruptions.index(self.costliest.corruption)
        others = [place for place in range(len(self.corruptions)) if place != most]
        if not others:
            return 1.0
        against = (mean_change(self.changes[most] - self.changes[other], 2).p_value for other in others)
        return min(1.0, len(others) * max(against))

    @property
    def lowers(self) -> bool:
        """Whether a mean over severities, of one corruption or of all, is shown to be lower, whatever each shows."""
        return self.change.interval().high < 0 or any(cost.interval.high < 0 for cost in self.costs)

    @property
    def verdict(self) -> str:
        """A few sentences: what corruptions cost on average, which costs most if one is shown to, and which harm."""
        n, images = self.n, f"{self.n:,} {self.split} images"
        grid = f"{len(self.corruptions)} corruptions at {len(self.severities)} severities"
        harmful = [cost for cost in self.costs if cost.harmful_at]
        if not harmful and not self.lowers:
            return (
                f"No corruption is shown to lower accuracy: {percent(self.clean_accuracy, n)} of {images} as they are, "
                f"{percent(self.corrupted_accuracy, n)} on average over {grid}."
            )
        change = self.change
        text = (
            f"Accuracy is {percent(self.clean_accuracy, n)} on {images} and {percent(self.corrupted_accuracy, n)} on "
            f"average over {grid} (change {points(change.mean, n)} points, 95% interval "
            f"{points_interval(change.interval(), n)})."
        )
        most = self.costliest
        if self.costliest_p < LEVEL:
            text += f" {title_case(most.corruption)} costs most, {points(-most.change.mean, n)} points on average."
        elif len(self.costs) > 1:
            second = sorted(self.costs, key=lambda cost: cost.change.mean)[1]
            text += (
                f" Which corruption costs most is not shown: {most.corruption} costs {points(-most.change.mean, n)} "
                f"points on average, {second.corruption} {points(-second.change.mean, n)}."
            )
        spared = [cost.corruption for cost in self.costs if not cost.harmful_at]
        if not harmful:
            text += " At no severity by itself is accuracy shown to be lower."
        elif spared:
            text += f" Under {and_list(spared)} accuracy is not shown to be lower at any severity."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        change = self.change
        return {
            "split": self.split,
            "n": self.n,
            "clean_accuracy": self.clean_accuracy,
            "clean_interval": [self.clean_interval.low, self.clean_interval.high],
            "corrupted_accuracy": self.corrupted_accuracy,
            "change": change.mean,
            "change_interval": [change.interval().low, change.interval().high],
            "effects": [effect.to_dict() for effect in self.effects],
            "costs": [cost.to_dict() for cost in self.costs],
            "costliest": self.costliest.corruption if self.costliest_p < LEVEL else None,
            "costliest_p": self.costliest_p,
            "verdict": self.verdict,
        }


def measure_robustness(
    labels: NDArray[np.int64],
    clean: NDArray[np.floating[Any]],
    corrupted: Mapping[str, Sequence[NDArray[np.floating[Any]]]],
    split: str = "test",
) -> Robustness:
    """Measure how much accuracy corruptions cost, on the same images clean and corrupted.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        N at least 2.
    clean : ndarray of float, shape (N, K)
        Probabilities on the images as they are.
    corrupted : mapping of str to sequence of ndarray of float, shape (N, K)
        Name of a corruption -> probabilities on the corrupted images at each severity, mild first; as many severities
        of each. `images.corruptions.corrupt` makes such images.
    split : str
        What the images are called in sentences.

    Raises
    ------
    DataError
        If these are no probabilities of such labels, or the severities are not as many of each corruption.
    """
    counts = {len(of_one) for of_one in corrupted.values()}
    if len(counts) != 1 or 0 in counts:
        found = {name: len(of_one) for name, of_one in corrupted.items()}
        raise DataError(f"expected one corruption or more, each at the same number of severities, found {found}")
    if len(labels) < 2:
        raise DataError(f"expected 2 images or more, found {len(labels)}")
    for probabilities in (clean, *(each for of_one in corrupted.values() for each in of_one)):
        check_predictions(labels, probabilities)
    right = [[each.argmax(axis=1) == labels for each in of_one] for of_one in corrupted.values()]
    return Robustness(tuple(corrupted), clean.argmax(axis=1) == labels, np.array(right), split)


def mean_change(values: NDArray[np.float64], most: float = 1.0) -> MeanChange:
    """Return the mean of what changes in each of N images, (N,) from -`most` to `most`, with its standard error.

    The variance is that of these images and of two more: half an image that changes by 1, half one by -1, one that does
    not change. So rare changes do not look certain (the idea of Agresti and Min, 2005, Stat. Med. 24:729, for matched
    pairs, which are changes by 1, 0 and -1).
    """
    n = len(values)
    variance = (float((values**2).sum()) + 1) / (n + 2) - (float(values.sum()) / (n + 2)) ** 2
    return MeanChange(float(values.mean()), (variance / n) ** 0.5, n, most)


def paired(right: NDArray[np.bool_], clean_right: NDArray[np.bool_]) -> PairedDifference:
    """Return the difference of two accuracies on the same images, from which were classified correctly, (N,)."""
    return PairedDifference(len(right), int((right & ~clean_right).sum()), int((clean_right & ~right).sum()))


def title_case(name: str) -> str:
    """Return a name as a sentence begins with it: "noise" as "Noise", "JPEG" as it is."""
    return name[0].upper() + name[1:]
