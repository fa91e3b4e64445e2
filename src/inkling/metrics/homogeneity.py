"""Are several proportions equal, and is one the highest? Two tests, for classes, slices, and what else is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError

LEVEL = 0.05
"""A difference is statistically significant where its p-value is no larger."""

RESAMPLES = 9_999
"""Tables drawn at random; a p-value of 0.05 is then found within 0.004."""


def equal_proportions_p(counts: Sequence[int], totals: Sequence[int], seed: int = 0) -> float:
    """Return the p-value of the hypothesis that all proportions are equal.

    Pearson's chi-squared statistic among tables with the same margins, drawn at random (Patefield, 1981, Appl. Stat.
    30:91), so that it holds for few and for rare events, where the chi-squared distribution does not; the smallest
    p-value is 1/10,000.

    Parameters
    ----------
    counts : sequence of int
        Events in each sample.
    totals : sequence of int
        Trials of each sample, counts at most; samples without a trial are passed over.
    seed : int
        Of the random tables.

    Returns
    -------
    float
        In 0..1; 1 where fewer than two samples have a trial, or all or none of the trials are events.

    Raises
    ------
    DataError
        If a count is negative or above its total.
    """
    events, trials = _checked(counts, totals)
    events, trials = events[trials > 0], trials[trials > 0]
    total = int(events.sum())
    if len(trials) < 2 or total in (0, int(trials.sum())):
        return 1.0
    expected = total * trials / trials.sum()  # (M,)

    def statistic(tables: NDArray[np.int64]) -> NDArray[np.float64]:
        distances: NDArray[np.float64] = ((tables - expected) ** 2 / expected).sum(axis=-1)
        return distances

    drawn = np.random.default_rng(seed).multivariate_hypergeometric(trials, total, size=RESAMPLES, method="marginals")
    # Equal tables must count as equal, whatever the order of their sums.
    as_far = np.count_nonzero(statistic(drawn) >= statistic(events[np.newaxis])[0] * (1 - 1e-9))
    return float((as_far + 1) / (RESAMPLES + 1))


def highest_proportion_p(counts: Sequence[float], totals: Sequence[int]) -> tuple[int, float]:
    """Return which proportion is the highest, and the p-value of the hypothesis that another is as high.

    The largest of the two-sided p-values of Fisher's exact test of the highest against each other. That the highest is
    chosen by its being the highest costs nothing more (Gutmann and Maymin, 1987, Ann. Stat. 15:456).

    Parameters
    ----------
    counts : sequence of float
        Events in each sample. Means over repeated runs need not be whole: they are rounded against the finding.
    totals : sequence of int
        Trials of each sample; samples without a trial are passed over.

    Returns
    -------
    tuple of int and float
        The sample's place, and a p-value in 0..1, which is 1 where two are equally high.

    Raises
    ------
    DataError
        If a count is negative or above its total, or there are not two samples with a trial.
    """
    events, trials = _checked(counts, totals)
    present = np.flatnonzero(trials > 0)
    if len(present) < 2:
        raise DataError(f"expected two samples with a trial at least, found {len(present)}")
    highest = int(present[np.argmax(events[present] / trials[present])])
    fewest = int(np.floor(events[highest]))
    from scipy.stats import fisher_exact

    p = 0.0
    for other in present[present != highest]:
        most = int(np.ceil(events[other]))
        if fewest * trials[other] <= most * trials[highest]:
            return highest, 1.0
        table = [[fewest, trials[highest] - fewest], [most, trials[other] - most]]
        p = max(p, float(fisher_exact(table).pvalue))
    return highest, min(1.0, p)


def most_frequent_p(most: int, second: int) -> float:
    """Return the p-value of the hypothesis that the most frequent of many kinds of event is not the most likely.

    The exact two-sided test of the largest count against the second largest, given their sum (Ng and Panchapakesan,
    2007, Seq. Anal. 26:415).

    Parameters
    ----------
    most, second : int
        The two largest counts.
    """
    from scipy.stats import binomtest

    return float(binomtest(most, most + second).pvalue) if most else 1.0


def _checked(counts: Sequence[float], totals: Sequence[int]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    events, trials = np.asarray(counts), np.asarray(totals, np.int64)
    if events.shape != trials.shape or events.ndim != 1 or (events < 0).any() or (events > trials).any():
        raise DataError(f"expected counts from 0 to their totals, found {list(counts)} of {list(totals)}")
    return events, trials
