"""Confidence intervals of proportions, of their differences, and of means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from inkling.metrics.rounding import rounded


@dataclass(frozen=True)
class Interval:
    """A confidence or prediction interval, at 95% unless whoever computes it says otherwise."""

    low: float
    high: float

    def __str__(self) -> str:
        low, high = (rounded(end, 4, (0.0, 1.0)) for end in (self.low, self.high))
        return f"[{low}, {high}]"


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the score interval of a proportion (Wilson, 1927, JASA 22:209).

    Parameters
    ----------
    successes, n : int
        Of n >= 1 trials, 0..n succeeded.
    confidence : float
        Of the interval, 0..1.
    """
    interval = binomtest(successes, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def newcombe_interval(successes_a: int, n_a: int, successes_b: int, n_b: int, confidence: float = 0.95) -> Interval:
    """Return the interval of p_a - p_b for independent samples (Newcombe, 1998, Stat. Med. 17:873, method 10).

    SciPy does not have it, and statsmodels, which does, would bring pandas along: our tests hold it against theirs.

    Parameters
    ----------
    successes_a, n_a, successes_b, n_b : int
        As for `wilson_interval`.
    confidence : float
        Of the interval, 0..1.
    """
    a, b = successes_a / n_a, successes_b / n_b
    around_a = wilson_interval(successes_a, n_a, confidence)
    around_b = wilson_interval(successes_b, n_b, confidence)
    low = a - b - float(((a - around_a.low) ** 2 + (around_b.high - b) ** 2) ** 0.5)
    high = a - b + float(((around_a.high - a) ** 2 + (b - around_b.low) ** 2) ** 0.5)
    return Interval(low, high)


def mean_interval(values: NDArray[np.floating[Any]]) -> Interval | None:
    """Return the 95% interval of a mean by Student's t (1908, Biometrika 6:1); None of a single value.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Independent of each other; N is 1 or more.
    """
    n = len(values)
    if n < 2:
        return None
    mean = float(values.mean())
    reach = float(student.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5)
    return Interval(mean - reach, mean + reach)
