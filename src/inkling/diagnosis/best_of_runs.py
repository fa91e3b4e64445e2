"""The best of several runs on the same test images: its interval, and how much the choice alone can add to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from inkling.errors import DataError
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.intervals import Interval, exact_ends, wilson_interval


@dataclass(frozen=True)
class BestOfRuns:
    """The run of the highest test accuracy, and what it is worth that it was chosen for it.

    Attributes
    ----------
    runs : int
        How many were looked at.
    known : int
        Of how many of them the accuracy is known; the best of these is meant.
    accuracy : float
        On the test images, fraction.
    n : int
        Test images.
    interval : Interval
        Of its accuracy on new images, at 95%, adjusted for the choice.
    inflation : float
        By how much the choice raises its test accuracy above that on new images at most, fraction: the mean over draws
        of test images, were all runs equal and their mistakes independent.
    """

    runs: int
    known: int
    accuracy: float
    n: int
    interval: Interval
    inflation: float

    @property
    def verdict(self) -> str:
        """One sentence."""
        which = "this run" if self.known == 1 else "the best" if self.known == self.runs else "the best here"
        return (
            f"Whoever chooses the best of {self.runs:,} runs by these test images gets an accuracy that is too high by "
            f"up to about {percent(self.inflation, self.n, '')} points on average; for {which}, "
            f"{percent(self.accuracy, self.n)} (n = {self.n:,}), the 95% interval adjusted for that choice is "
            f"{percent_interval(self.interval, self.n)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        return {
            "verdict": self.verdict,
            "runs": self.runs,
            "known": self.known,
            "accuracy": self.accuracy,
            "n": self.n,
            "interval": [self.interval.low, self.interval.high],
            "inflation": self.inflation,
        }


def best_of_runs(correct: NDArray[np.bool_], runs: int | None = None) -> BestOfRuns:
    """Say what the best of several runs is worth that was chosen by its accuracy on the test images.

    Parameters
    ----------
    correct : ndarray of bool, shape (R, N)
        Whether each of R >= 1 runs is right on each of N >= 1 test images.
    runs : int, optional
        How many runs were looked at, R or more, where the others are no longer here.

    Returns
    -------
    BestOfRuns
        Its interval is that of Clopper and Pearson (1934, Biometrika 26:404) at the confidence 1 - 0.05 / runs
        (Bonferroni): it holds for all of them at once, and so for the best, however alike their mistakes are. The
        inflation is the standard error of one accuracy times the expected maximum of as many standard normal values
        (Tippett, 1925, Biometrika 17:364), at the accuracy of equal runs whose best is expected to be where it is.
        It grows as the square root of log(runs) / n, as it does for anybody who does nothing with test accuracies but
        to keep the best (Blum and Hardt, 2015, ICML). Runs that differ, or make the same mistakes, gain less.

    Raises
    ------
    DataError
        If there is no run or no image, or `runs` is below the number of runs given.
    """
    if correct.ndim != 2 or 0 in correct.shape:
        raise DataError(
            f"the best of runs needs an array (runs, images) with one of each or more, found {correct.shape}"
        )
    known, n = correct.shape
    of = known if runs is None else runs
    if of < known:
        raise DataError(f"the best of runs: runs must be {known} or more, as many as are given, found {of}")
    best = int(correct.sum(axis=1).max())
    low, high = exact_ends(np.array([best]), np.array([n]), 1 - 0.05 / of)
    # The accuracy p of equal runs of which the best is expected where it is: p + z sqrt(p (1 - p) / n), which is how
    # Wilson's lower end is defined.
    equal = wilson_interval(best, n, 2 * float(norm.cdf(expected_maximum(of))) - 1).low
    inflation = max(0.0, best / n - equal)
    return BestOfRuns(of, known, best / n, n, Interval(float(low[0]), float(high[0])), inflation)


@cache
def expected_maximum(count: int) -> float:
    """Return the expected maximum of independent standard normal values (Tippett, 1925, Biometrika 17:364)."""

    def at_least_one_above(x: float) -> float:
        return float(-np.expm1(count * norm.logcdf(x)))

    below = quad(lambda x: float(np.exp(count * norm.logcdf(x))), -10, 0)[0]
    return float(quad(at_least_one_above, 0, 10)[0] - below)
