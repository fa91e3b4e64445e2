"""Repeated runs in two numbers: mean and standard deviation over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from inkling.metrics.rounding import rounded


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n - 1) over runs; the deviation of a single run is None."""

    mean: float
    sd: float | None
    n: int

    def __str__(self) -> str:
        mean = rounded(self.mean, 4, (0.0, 1.0))
        return mean if self.sd is None else f"{mean} ± {rounded(self.sd, 4, (0.0,))}"


def spread(values: Sequence[float]) -> Spread:
    """Return the mean and spread of at least one value."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
