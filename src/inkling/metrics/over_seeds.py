"""The difference of two means over seeds on the same images: what images and seeds each add to its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from inkling.metrics.intervals import Interval

NODES = 60
"""Of the integral over each unknown variance of seeds; p-values then err by less than a thousandth of themselves."""


@dataclass(frozen=True)
class SeedsDifference:
    """Mean accuracy of A over seeds less that of B, and what its variance is made of; all variances are of that mean.

    Where `both` belongs to single images in single runs, `seeds` holds it as well: it is part of what one sees vary
    from seed to seed.
    """

    difference: float
    images: float  # variance by the choice of images, with no number of seeds to lower it
    seeds: tuple[float, float]  # of A and B: variance of the accuracies over seeds / number of seeds
    both: tuple[float, float]  # of that, what single images in single runs add
    freedom: tuple[float, float]  # number of seeds less 1

    @property
    def seeds_alone(self) -> float:
        """Variance by the choice of seeds, with no number of images to lower it."""
        return sum(max(0.0, seeds - both) for seeds, both in zip(self.seeds, self.both, strict=True))

    @property
    def standard_error(self) -> float:
        """Of the difference."""
        return float((self.images + sum(self.both) + self.seeds_alone) ** 0.5)

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference."""
        return 2 * self._tail(abs(self.difference))

    def p_at_most(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or more: small where the difference is below it."""
        return 1 - self.p_at_least(at)

    def p_at_least(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or less: small where the difference is above it."""
        tail = self._tail(abs(self.difference - at))
        return tail if self.difference >= at else 1 - tail

    def reach(self, confidence: float = 0.95) -> float:
        """Return how far the true difference may lie from the measured one, 0..2 as accuracies lie within 0..1."""
        tail = (1 - confidence) / 2
        if self._tail(2.0) >= tail:
            return 2.0
        return float(brentq(lambda distance: self._tail(distance) - tail, 0.0, 2.0, xtol=1e-9, rtol=1e-9))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the differences that are not rejected; it leaves out 0 exactly where p is below 1 - confidence.

        Parameters
        ----------
        confidence : float
            0..1.
        """
        reach = self.reach(confidence)
        return Interval(max(-1.0, self.difference - reach), min(1.0, self.difference + reach))

    def scaled(self, images: float = 1.0, seeds: float = 1.0) -> SeedsDifference:
        """Return what so many times as many images and seeds would leave of the variances."""
        both = self.both[0] / (images * seeds), self.both[1] / (images * seeds)
        alone = [max(0.0, value - part) / seeds for value, part in zip(self.seeds, self.both, strict=True)]
        return SeedsDifference(
            self.difference,
            self.images / images,
            (alone[0] + both[0], alone[1] + both[1]),
            both,
            ((self.freedom[0] + 1) * seeds - 1, (self.freedom[1] + 1) * seeds - 1),
        )

    def probability_that_seeds_dominate(self) -> float:
        """Return how probable it is, 0..1, that seeds alone add more variance than images alone."""
        of_a, of_b = self.both
        probability = 0.0
        for weight, a, b, chances in self._drawn:
            alone = np.maximum(0.0, a - of_a) + np.maximum(0.0, b - of_b)
            probability += weight * float(chances[alone > self.images].sum())
        return probability

    def _tail(self, distance: float) -> float:
        """Chance that the measured difference lies further than that above the true one.

        The Behrens-Fisher problem with a third, known variance. Given the variances of seeds, the error is normal;
        each variance is drawn as (number of seeds - 1) s^2 / chi^2, weighted by the prior of Ghosh and Kim (2001, Can.
        J. Stat. 29:5), under which intervals cover as often as they say: that weight, 1/A + 1/B, makes the draws a
        mixture in which one side has its degrees of freedom and the other two more, the side of the larger variance in
        proportion to it. Welch's approximation, which takes the estimated variances for the true ones, is too short
        where one side of two or three seeds dominates.
        """
        tail = 0.0
        for weight, a, b, chances in self._drawn:
            tail += weight * float((ndtr(-distance / np.sqrt(self.images + a + b)) * chances).sum())
        return tail

    @cached_property
    def _drawn(self) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
        """For each part of the mixture its weight, and the variances of A and B with their probabilities."""
        whole = sum(self.seeds)
        drawn = []
        for side in (0, 1):
            factors, chances = zip(
                *(_variances(free, 0 if place == side else 2) for place, free in enumerate(self.freedom)), strict=True
            )
            weight = self.seeds[side] / whole if whole else 0.5
            a, b = self.seeds[0] * factors[0][:, np.newaxis], self.seeds[1] * factors[1]
            drawn.append((weight, a, b, chances[0][:, np.newaxis] * chances[1]))
        return drawn


def seeds_difference(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> SeedsDifference:
    """Return the difference of the mean accuracies of A and B, and the parts of its variance.

    The choice of images and that of seeds both count, and what belongs to single images in single runs counts once
    (two-way clustering: Cameron, Gelbach and Miller, 2011, J. Bus. Econ. Stat. 29:238; Owen, 2007, Ann. Appl. Stat.
    1:386).

    Parameters
    ----------
    a, b : sequence of ndarray of bool or float, shape (N,)
        One per seed, two or more of each: whether each image is classified correctly, or another score within 0..1,
        of the same images in the same order. Seeds of A and B are treated as independent; where equal seeds share
        training images, that errs on the careful side.
    """
    sides = [np.stack(side).astype(float) for side in (a, b)]  # (S, N)
    n = sides[0].shape[1]
    per_image = sides[0].mean(axis=0) - sides[1].mean(axis=0)  # (N,)
    difference = float(per_image.mean())
    # Half an image that only A classifies correctly and half a one that only B does, as in the comparison of two.
    images = float((np.square(per_image).sum() + 1) / (n + 2) - difference**2) / n
    seeds = [float(side.mean(axis=1).var(ddof=1)) / len(side) for side in sides]
    both = [float(side.var(axis=0, ddof=1).mean()) / (n * len(side)) for side in sides]
    return SeedsDifference(
        difference,
        max(1 / (n * (n + 2)), images - sum(both)),  # what those halves add is never taken off
        (seeds[0], seeds[1]),
        (both[0], both[1]),
        (len(sides[0]) - 1, len(sides[1]) - 1),
    )


@lru_cache(maxsize=256)
def _variances(freedom: float, more: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return freedom / chi^2 on `freedom` + `more` degrees of freedom, and its probabilities (NODES,)."""
    from scipy.stats import chi2

    low, high = np.log(chi2.ppf(1e-10, freedom + more)), np.log(chi2.isf(1e-10, freedom + more))
    values = np.exp(np.linspace(low, high, NODES))
    chances = chi2.pdf(values, freedom + more) * values
    return freedom / values, chances / chances.sum()
