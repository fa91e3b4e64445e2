"""Which class is hardest, which confusion most frequent, and what an accuracy on unequal classes is worth."""

from __future__ import annotations

import numpy as np

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.class_misses import ClassMisses, hardest_class
from inkling.metrics.homogeneity import LEVEL, most_frequent_p


def hardest_said(effort: Effort, rates: list[float], images: list[int]) -> Measured:
    """How often a class is called the hardest."""
    rng, times = np.random.default_rng(0), effort.times(1000)
    said = 0
    for _ in range(times):
        drawn = zip(images, rng.binomial(images, rates), strict=True)
        said += (
            hardest_class([ClassMisses(str(place), n, (int(count),)) for place, (n, count) in enumerate(drawn)])
            is not None
        )
    return rate(said, times, high=0.05)


def _all_equal_few(effort: Effort) -> Measured:
    return hardest_said(effort, [0.03] * 10, [36] * 10)


def _all_equal_many(effort: Effort) -> Measured:
    return hardest_said(effort, [0.02] * 10, [1000] * 10)


def _two_equal(effort: Effort) -> Measured:
    return hardest_said(effort, [0.06, 0.06] + [0.01] * 8, [1000] * 10)


def _confusion(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(1), effort.times(2000)
    counts = np.sort(rng.multinomial(60, [0.5, 0.5], times), axis=1)
    said = sum(most_frequent_p(int(most), int(second)) <= LEVEL for second, most in counts)
    return rate(said, times, high=0.05)


CLAIMS = (
    Claim("X is the hardest class: all ten equal, n = 360", "at most 5%", _all_equal_few),
    Claim("X is the hardest class: all ten equal, n = 10,000", "at most 5%", _all_equal_many),
    Claim("X is the hardest class: two of ten equally hard, n = 10,000", "at most 5%", _two_equal),
    Claim("X predicted as Y is the most frequent confusion: two equally frequent", "at most 5%", _confusion),
)
