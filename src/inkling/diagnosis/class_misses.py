"""Misses of each class over repeated runs, and whether one class stands out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from inkling.diagnosis.accuracy import Confusion, Evaluation

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


def misses_per_class(evaluations: Sequence[Evaluation]) -> tuple[ClassMisses, ...]:
    """Return the misses of each class, in the order of the classes, from at least one run."""
    images = [sum(row) for row in evaluations[0].confusion]
    return tuple(
        ClassMisses(name, n, tuple(evaluation.misses[name] for evaluation in evaluations))
        for name, n in zip(evaluations[0].misses, images, strict=True)
    )


def hardest_class(misses: Sequence[ClassMisses]) -> ClassMisses | None:
    """Return the class of the highest error rate, or None where none stands out.

    A class stands out that has `FEWEST_IMAGES` images or more, and whose error rate would still be the highest with
    one mistake fewer: what rests on a single image is a tie.
    """
    present = [each for each in misses if each.images]
    if len(present) < 2:
        return None
    worst = max(present, key=lambda each: each.error_rate)
    with_one_fewer = (worst.mean - 1) / worst.images
    others = max(each.error_rate for each in present if each is not worst)
    return worst if worst.images >= FEWEST_IMAGES and with_one_fewer > others else None


def leading_confusion(evaluation: Evaluation) -> Confusion | None:
    """Return the most frequent pair of true and predicted class, or None where none stands out.

    A pair stands out that is more frequent than every other by two mistakes or more: what rests on a single image is a
    tie.
    """
    counts = [pair.count for pair in evaluation.most_confused[:2]] + [0, 0]
    return evaluation.most_confused[0] if counts[0] >= counts[1] + 2 else None
