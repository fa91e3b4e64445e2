"""The best of several runs, chosen by its test accuracy: its adjusted interval, and how much the choice adds to it."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.best_of_runs import best_of_runs

SETTINGS = tuple(product((2, 12, 100), (30, 360, 2000), (0.3, 0.9, 0.99)))
"""Runs, test images, true accuracy of each of them."""


def _correct(runs: int, n: int, p: float, alike: bool, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of n images equal runs have right, (runs, n): independent mistakes, or half of them in common."""
    if not alike:
        return rng.random((runs, n)) < p
    common = rng.random(n) < p  # what the runs share, an image at a time
    return np.where(rng.random((runs, n)) < 0.5, common, rng.random((runs, n)) < p)


def _held(effort: Effort) -> Measured:
    """How often over all settings, and in the setting where it is least often, so that no average hides it."""
    rng, times = np.random.default_rng(0), effort.times(200, 2)
    held = []
    for (runs, n, p), alike in product(SETTINGS, (False, True)):
        found = [best_of_runs(_correct(runs, n, p, alike, rng)).interval for _ in range(times)]
        held.append(np.mean([interval.low <= p <= interval.high for interval in found]))
    every = rate(round(sum(held) * times), len(held) * times, low=0.95)
    return Measured(f"{every.shown}; {min(held):.1%} in the worst of {len(held)} settings", every.reached)


def _inflation(effort: Effort) -> Measured:
    """What the choice adds over what is said of it, means of both, in the setting where most is left unsaid."""
    rng, times = np.random.default_rng(1), effort.times(20_000, 200)
    beyond = []
    for runs, n, p in SETTINGS:
        counts, often = np.unique(rng.binomial(n, p, (times, runs)).max(axis=1), return_counts=True)
        said = [best_of_runs((np.arange(n) < best)[np.newaxis], runs).inflation for best in counts]
        beyond.append(float(np.average(counts / n - p, weights=often) / np.average(said, weights=often)))
    shown = f"{max(beyond):.2f} times what is said in the worst of {len(beyond)} settings of {times:,}"
    return Measured(shown, max(beyond) <= (1.5 if effort.quick else 1.1))


CLAIMS = (
    Claim(
        "the adjusted interval of the best of 2 to 100 equal runs by test accuracy holds its true accuracy",
        "at least 95%",
        _held,
    ),
    Claim(
        "the choice of the best of equal runs raises its accuracy by up to about what is said, on average",
        "at most 1.1 times that in any setting",
        _inflation,
    ),
)
