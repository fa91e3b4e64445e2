"""The difference of two accuracies on the same images, from the images that only one classifier gets right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, ndtr, ndtri

from inkling.metrics.intervals import Interval


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of A less that of B on the same n images, and how far the choice of images may take it."""

    n: int
    only_a_right: int
    only_b_right: int

    @property
    def difference(self) -> float:
        """Accuracy of A less that of B, -1..1."""
        return (self.only_a_right - self.only_b_right) / self.n

    @property
    def standard_error(self) -> float:
        """Of the difference, above 0: with half an image more in each of the four counts (Agresti and Min, 2005)."""
        n = self.n + 2
        only_one = (self.only_a_right + self.only_b_right + 1) / n
        return float(((only_one - ((self.only_a_right - self.only_b_right) / n) ** 2) / n) ** 0.5)

    @property
    def p_value(self) -> float:
        """Two-sided mid-p value of McNemar's test that both are as accurate.

        Each image that only one of them classifies correctly is then as likely to be A's as B's (McNemar, 1947,
        Psychometrika 12:153). Half the probability of the observed counts themselves is left out: unlike the exact
        test, which is far too careful, and the asymptotic one, this keeps its level (Fagerland, Lydersen and Laake,
        2013, BMC Med. Res. Methodol. 13:91).
        """
        return float(mid_p(self.only_a_right, self.only_b_right))

    def p_at_most(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or more: small where the difference is below it."""
        return float(ndtr(self._score(at)))

    def p_at_least(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or less: small where the difference is above it."""
        return float(ndtr(-self._score(at)))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the differences that are not rejected, each by its own test.

        A difference other than 0 by the score test (Tango, 1998, Stat. Med. 17:891), 0 itself by `p_value`: so the
        interval leaves out 0 exactly where that p-value is below 1 - confidence.

        Parameters
        ----------
        confidence : float
            0..1.
        """
        limit = float(ndtri((1 + confidence) / 2))
        seen = self.difference
        low = -1.0 if seen == -1 else float(brentq(lambda at: self._score(at) - limit, -1.0, seen, xtol=1e-12))
        high = 1.0 if seen == 1 else float(brentq(lambda at: self._score(at) + limit, seen, 1.0, xtol=1e-12))
        if self.p_value >= 1 - confidence:
            low, high = min(low, 0.0), max(high, 0.0)
        return Interval(low, high)

    def _score(self, at: float) -> float:
        """Standardised distance of the observed difference from `at`, its variance as if `at` were true."""
        n, a, b = self.n, self.only_a_right, self.only_b_right
        distance = a - b - n * at
        linear = (2 * n - a + b) * at - a - b
        constant = -b * at * (1 - at)
        # The most likely probability of an image that only B classifies correctly, where the difference is `at`.
        only_b = (max(0.0, linear**2 - 8 * n * constant) ** 0.5 - linear) / (4 * n)
        variance = n * (2 * only_b + at * (1 - at))
        if variance <= 0:
            return 0.0 if distance == 0 else float(np.copysign(np.inf, distance)) if abs(at) < 1 else -1e9 * at
        return float(distance / variance**0.5)


def mid_p(only_a_right: int | NDArray[np.int64], only_b_right: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the two-sided mid-p value of McNemar's test, 0..1, as `PairedDifference.p_value`.

    Parameters
    ----------
    only_a_right, only_b_right : int, or ndarray of int64 of one shape
        Images that only one of the two classifies correctly.
    """
    telling = np.asarray(only_a_right) + np.asarray(only_b_right)
    fewer = np.minimum(only_a_right, only_b_right)
    below = np.where(fewer > 0, bdtr(np.maximum(fewer - 1.0, 0), telling, 0.5), 0.0)
    values: NDArray[Any] = bdtr(np.asarray(fewer, float), telling, 0.5) + below
    return np.minimum(1.0, np.where(2 * fewer == telling, 1.0, values))
