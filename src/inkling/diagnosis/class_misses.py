"""Misses of each class over repeated runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from inkling.diagnosis.accuracy import Evaluation


@dataclass(frozen=True)
class ClassMisses:
    """How often one class was taken for another, in one or more runs on the same images."""

    name: str
    images: int  # of the class
    counts: tuple[int, ...]  # misses, one a run

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


def misses_per_class(evaluations: Sequence[Evaluation]) -> tuple[ClassMisses, ...]:
    """Return the misses of each class, in the order of the classes, from at least one run."""
    images = [sum(row) for row in evaluations[0].confusion]
    return tuple(
        ClassMisses(name, n, tuple(evaluation.misses[name] for evaluation in evaluations))
        for name, n in zip(evaluations[0].misses, images, strict=True)
    )
