"""Intervals of proportions of images that come in groups (a patient, a burst), and are not independent within one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from inkling.errors import DataError
from inkling.metrics.intervals import Interval

_Counts = Sequence[int] | NDArray[np.int64]


def clustered_interval(successes: _Counts, totals: _Counts) -> Interval:
    """Return the 95% interval of a proportion from groups of trials.

    Wilson's score interval of as many independent trials as these are worth, n / d, where d is the ratio of the
    variance between groups to that of independent trials and at least 1, with Student's t of G - 1 degrees of freedom
    (Korn and Graubard, 1998, Surv. Methodol. 24:193; Franco et al., 2019, J. Surv. Stat. Methodol. 7:334). Where all or
    none succeed, nothing shows how alike trials of one group are: then they count as wholly alike.

    Parameters
    ----------
    successes, totals : sequence of int, length G
        Of each group, 0..total of total >= 1 trials.

    Raises
    ------
    DataError
        If there are fewer than two groups.
    """
    right, trials = np.asarray(successes, np.int64), np.asarray(totals, np.int64)
    groups, n = len(trials), int(trials.sum())
    if groups < 2:
        raise DataError(f"expected two groups at least, found {groups}")
    p = float(right.sum()) / n
    if p in (0.0, 1.0):
        worth = n**2 / float((trials**2).sum())
    else:
        between = groups / (groups - 1) * float(((right - p * trials) ** 2).sum()) / n**2
        worth = p * (1 - p) / max(between, p * (1 - p) / n)
    z = float(stdtrit(groups - 1, 0.975))
    centre = (p + z**2 / (2 * worth)) / (1 + z**2 / worth)
    reach = z * (p * (1 - p) / worth + (z / (2 * worth)) ** 2) ** 0.5 / (1 + z**2 / worth)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def clustered_difference(successes_a: _Counts, totals_a: _Counts, successes_b: _Counts, totals_b: _Counts) -> Interval:
    """Return the 95% interval of p_a - p_b for two sets of groups, put together from the interval of each.

    As `metrics.intervals.newcombe_interval` does it for independent trials (Zou and Donner, 2008, Stat. Med. 27:1693).

    Parameters
    ----------
    successes_a, totals_a, successes_b, totals_b : sequence of int
        As for `clustered_interval`; no group is on both sides.
    """
    a, b = (float(np.sum(k)) / float(np.sum(n)) for k, n in ((successes_a, totals_a), (successes_b, totals_b)))
    around_a, around_b = clustered_interval(successes_a, totals_a), clustered_interval(successes_b, totals_b)
    low = a - b - ((a - around_a.low) ** 2 + (around_b.high - b) ** 2) ** 0.5
    high = a - b + ((around_a.high - a) ** 2 + (b - around_b.low) ** 2) ** 0.5
    return Interval(low, high)
