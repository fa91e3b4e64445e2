"""Intervals of proportions and of their differences."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Interval:
    """A 95% interval."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.4f}, {self.high:.4f}]"


def wilson_interval(successes: int, n: int) -> Interval:
    """Return the 95% score interval of a proportion (Wilson, 1927, JASA 22:209)."""
    found = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(float(found.low), float(found.high))


def newcombe_interval(successes_a: int, n_a: int, successes_b: int, n_b: int) -> Interval:
    """Return the 95% interval of p_a - p_b for independent samples (Newcombe, 1998, Stat. Med. 17:873, method 10)."""
    a, b = successes_a / n_a, successes_b / n_b
    of_a, of_b = wilson_interval(successes_a, n_a), wilson_interval(successes_b, n_b)
    low = a - b - float(((a - of_a.low) ** 2 + (of_b.high - b) ** 2) ** 0.5)
    high = a - b + float(((of_a.high - a) ** 2 + (b - of_b.low) ** 2) ** 0.5)
    return Interval(low, high)
