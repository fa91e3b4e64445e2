"""Misses of each class over repeated runs, and whether one class is shown to be the hardest."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.accuracy import Confusion, Evaluation
from inkling.metrics.formatting import percent
from inkling.metrics.homogeneity import LEVEL, equal_proportions_p, highest_proportion_p, most_frequent_p

FEWEST_IMAGES = 10
"""Of a class, for its error rate to mean anything."""


@dataclass(frozen=True)
class ClassMisses:
    """How often images of one class were misclassified, in one or more runs on the same images."""

    name: str
    images: int  # of the class
    counts: tuple[int, ...]  # misses, one per run

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return statistics.fmean(self.counts)

    @property
    def low(self) -> int:
        """Fewest in a run."""
        return min(self.counts)

    @property
    def high(self) -> int:
        """Most in a run."""
        return max(self.counts)

    @property
    def error_rate(self) -> float:
        """Mean over the runs of the fraction that is misclassified; 0 of a class without images."""
        return self.mean / self.images if self.images else 0.0

    @property
    def missed(self) -> str:
        """In words: "5 of 20 misclassified, 25.0%"."""
        mean = f"{self.mean:,.0f}" if self.mean == round(self.mean) else f"{self.mean:,.1f}"
        over = f" (mean of {len(self.counts)} seeds)" if len(self.counts) > 1 else ""
        return f"{mean} of {self.images:,} misclassified, {percent(self.error_rate, self.images)}{over}"


def misses_per_class(evaluations: Sequence[Evaluation]) -> tuple[ClassMisses, ...]:
    """Return the misses of each class, in the order of the classes, from at least one run."""
    images = [sum(row) for row in evaluations[0].confusion]
    return tuple(
        ClassMisses(name, n, tuple(evaluation.misses[name] for evaluation in evaluations))
        for name, n in zip(evaluations[0].misses, images, strict=True)
    )


@dataclass(frozen=True)
class HardestClass:
    """Which class is misclassified most often, and whether more than chance.

    Attributes
    ----------
    leader : ClassMisses or None
        Of the highest error rate; None where two have it, nothing is misclassified, or one class alone has images.
    p_equal : float
        Of the hypothesis that all classes have the same error rate (`metrics.homogeneity.equal_proportions_p`).
    p_hardest : float
        Of the hypothesis that another class is as hard as the leader (`metrics.homogeneity.highest_proportion_p`).
    """

    leader: ClassMisses | None
    p_equal: float
    p_hardest: float

    @property
    def hardest(self) -> ClassMisses | None:
        """The leader, where it is shown to be harder than every other class."""
        shown = self.classes_differ and self.p_hardest <= LEVEL
        return self.leader if shown and self.leader and self.leader.images >= FEWEST_IMAGES else None

    @property
    def classes_differ(self) -> bool:
        """Whether error rates are shown to differ between classes."""
        return self.p_equal <= LEVEL

    @property
    def verdict(self) -> str:
        """One sentence."""
        differ = f"error rates are {'' if self.classes_differ else 'not '}shown to differ between classes"
        if self.leader is None:
            return f"No class has the highest error rate alone; {differ} (p = {_p(self.p_equal)})."
        of = f"{self.leader.name} ({self.leader.missed})"
        if self.hardest:
            return f"The hardest class is {of}: more than every other class, p = {_p(self.p_hardest)} or less."
        if self.classes_differ:
            return f"Missed most is {of}; {differ} (p = {_p(self.p_equal)}), not which one is the hardest."
        return f"Missed most is {of}; {differ} (p = {_p(self.p_equal)})."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "missed_most": self.leader.name if self.leader else None,
            "hardest": self.hardest.name if self.hardest else None,
            "p_equal": self.p_equal,
            "p_hardest": self.p_hardest,
        }


def find_hardest_class(misses: Sequence[ClassMisses]) -> HardestClass:
    """Test whether classes differ in difficulty, and whether one is harder than every other.

    Runs on the same images are no further images: a class counts with its mean number of misses, whose spread over
    images is that of one run at most.

    Parameters
    ----------
    misses : sequence of ClassMisses
        From `misses_per_class`.
    """
    present = [each for each in misses if each.images]
    if len(present) < 2 or not any(each.mean for each in present):
        return HardestClass(None, 1.0, 1.0)
    images = [each.images for each in present]
    p_equal = equal_proportions_p([round(each.mean) for each in present], images)
    place, p_hardest = highest_proportion_p([each.mean for each in present], images)
    leader = present[place]
    alone = sum(each.error_rate == leader.error_rate for each in present) == 1
    return HardestClass(leader if alone else None, p_equal, p_hardest)


def hardest_class(misses: Sequence[ClassMisses]) -> ClassMisses | None:
    """Return the class that is shown to be harder than every other, or None; `find_hardest_class` says more."""
    return find_hardest_class(misses).hardest


def leading_confusion(evaluation: Evaluation) -> Confusion | None:
    """Return the pair of true and predicted class that is shown to be the most frequent confusion, or None.

    Shown by the exact test of the most frequent against the second (`metrics.homogeneity.most_frequent_p`).
    """
    most, second = [pair.count for pair in evaluation.most_confused[:2]] + [0] * (2 - len(evaluation.most_confused[:2]))
    return evaluation.most_confused[0] if most_frequent_p(most, second) <= LEVEL else None


def _p(value: float) -> str:
    return f"{value:.1g}" if value < 0.1 else f"{value:.2f}"
