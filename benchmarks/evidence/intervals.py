"""Intervals of accuracies."""

from __future__ import annotations

import numpy as np

from evidence.claim import Claim, Effort, Measured, rate
from inkling.metrics.intervals import wilson_interval


def wilson(effort: Effort, n: int) -> Measured:
    """How often the interval of an accuracy between 0.6 and 0.999 holds it."""
    rng, times = np.random.default_rng(0), effort.times(10_000)
    truth = rng.uniform(0.6, 0.999, times)
    intervals = [wilson_interval(int(correct), n) for correct in rng.binomial(n, truth)]
    held = sum(each.low <= p <= each.high for each, p in zip(intervals, truth, strict=True))
    return rate(held, times, low=0.94)


def _wilson_100(effort: Effort) -> Measured:
    return wilson(effort, 100)


def _wilson_10_000(effort: Effort) -> Measured:
    return wilson(effort, 10_000)


CLAIMS = (
    Claim("the 95% interval of an accuracy holds it, n = 100", "94% to 97%", _wilson_100),
    Claim("the 95% interval of an accuracy holds it, n = 10,000", "94% to 97%", _wilson_10_000),
)
