"""Which class gains most from more images, and how many halve its error: equal classes, and laws that are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.class_data_size import ClassDataSize, fit_class_curves

SIZES = ((50, 200, 1000), (25, 50, 100, 200, 400))
"""Training images of each class."""

SETTINGS = tuple(product(SIZES, (36, 1000), (1, 3)))
"""With test images of each class, and seeds."""

CLASSES = 10


@dataclass(frozen=True)
class Study:
    """A simulated study, and what is true of it."""

    found: ClassDataSize
    a: NDArray[np.float64]  # (K,) of the laws a n^-b + c
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    at_twice: NDArray[np.float64]  # (K,) measured there: mean of as many seeds on as many test images


def _errors(truth: NDArray[np.float64], n_test: int, seeds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Misses (seeds, K) of networks whose errors differ by 6% between seeds."""
    spread = np.exp(0.06 * rng.standard_normal((seeds, len(truth))))
    misses: NDArray[np.int64] = rng.binomial(n_test, np.minimum(truth * spread, 1.0))
    return misses


def _studies(effort: Effort, equal: bool) -> Iterator[Study]:
    """Classes of one law, or of laws of their own, half of them with a floor."""
    rng = np.random.default_rng(int(equal))
    names = [str(place) for place in range(CLASSES)]
    for sizes, n_test, seeds in SETTINGS:
        for _ in range(effort.times(50, 1)):
            many = 1 if equal else CLASSES
            last, b = rng.uniform(0.02, 0.2, many), rng.uniform(0.15, 0.7, many)
            c = last * rng.uniform(0.2, 0.7, many) * (rng.random(many) < 0.5)
            last, b, c = (np.broadcast_to(part, CLASSES) for part in (last, b, c))
            a = (last - c) * float(sizes[-1]) ** b
            misses = [_errors(a * float(size) ** -b + c, n_test, seeds, rng) for size in sizes]
            found = fit_class_curves(
                np.repeat(np.array(sizes)[:, np.newaxis], CLASSES, axis=1), misses, np.full(CLASSES, n_test), names
            )
            assert found is not None
            new = _errors(a * float(2 * sizes[-1]) ** -b + c, n_test, seeds, rng).mean(axis=0) / n_test
            yield Study(found, a, b, c, new)


@cache
def _different(effort: Effort) -> list[tuple[bool, bool, bool]]:
    """Of each study of different laws: all forecasts hold, all numbers to halve hold, no wrong class is named."""
    held = []
    for study in _studies(effort, equal=False):
        known = [(place, each) for place, each in enumerate(study.found.classes) if each.forecasts]
        forecasts = all(
            each.at_twice_interval.low <= study.at_twice[place] <= each.at_twice_interval.high for place, each in known
        )
        halved = True
        gains = []
        for place, each in known:
            a, b, c = (float(part[place]) for part in (study.a, study.b, study.c))
            now = a * each.images**-b + c
            more = ((now / 2 - c) / a) ** (-1 / b) - each.images if now / 2 > c else np.inf
            halved = halved and each.to_halve_interval.low <= more <= each.to_halve_interval.high
            gains.append((now - (a * (each.images + each.more) ** -b + c), each.name))
        leader = study.found.gains_most
        held.append((forecasts, halved, leader is None or leader.name == max(gains)[1]))
    return held


def _equal(effort: Effort) -> Measured:
    named = [study.found.gains_most is not None for study in _studies(effort, equal=True)]
    return rate(sum(named), len(named), high=0.05)


def _forecasts(effort: Effort) -> Measured:
    held = [each[0] for each in _different(effort)]
    return rate(sum(held), len(held), low=0.95)


def _halving(effort: Effort) -> Measured:
    held = [each[1] for each in _different(effort)]
    return rate(sum(held), len(held), low=0.95)


def _wrong_class(effort: Effort) -> Measured:
    wrong = [not each[2] for each in _different(effort)]
    return rate(sum(wrong), len(wrong), high=0.05)


def _one_ahead(effort: Effort) -> Measured:
    """A class of five times the error of the others is named, with 100 test images a class and 3 seeds."""
    rng, times, named = np.random.default_rng(2), effort.times(100, 2), 0
    sizes, last = SIZES[1], np.array([0.2] + [0.04] * (CLASSES - 1))
    for _ in range(times):
        misses = [_errors(last * (size / sizes[-1]) ** -0.4, 100, 3, rng) for size in sizes]
        counts = np.repeat(np.array(sizes)[:, np.newaxis], CLASSES, axis=1)
        found = fit_class_curves(counts, misses, np.full(CLASSES, 100), [str(place) for place in range(CLASSES)])
        named += found is not None and found.gains_most is not None and found.gains_most.name == "0"
    return rate(named, times, low=0.5)


CLAIMS = (
    Claim("one of 10 equal classes is said to gain most from more images of it", "at most 5%", _equal),
    Claim("of 10 different classes, another one than the right one is said to gain most", "at most 5%", _wrong_class),
    Claim(
        "of 10 classes, that of five times the error of the others is said to gain most, 5 sizes, n = 100 each",
        "at least half the time",
        _one_ahead,
    ),
    Claim(
        "the forecast intervals of 10 classes at twice their images all hold what is measured, half with a floor",
        "at least 95%",
        _forecasts,
    ),
    Claim(
        "the intervals of the images that halve the error of 10 classes all hold the true number",
        "at least 95%",
        _halving,
    ),
)
