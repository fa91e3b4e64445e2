"""Selective classification: the error that remains when the least confident images are rejected.

Confidence is the probability of the predicted class; coverage is the fraction of images that are not rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.metrics.formatting import percent
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.scores import check_predictions

REJECTED = tuple(step / 200 for step in range(200))
"""Fractions of images rejected at which the error on the others is measured: none to 99.5%."""


@dataclass(frozen=True)
class SelectivePoint:
    """A point of the risk-coverage curve: the error on the images kept when the least confident are rejected."""

    rejected: float  # fraction of the images
    kept: int  # images left
    error: float  # fraction of those
    error_interval: Interval  # Wilson


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve of a classifier on one split."""

    split: str
    n: int
    points: tuple[SelectivePoint, ...]  # one for each of REJECTED
    area: float  # under error against coverage: the mean error over all numbers of images kept

    def at(self, rejected: float) -> SelectivePoint:
        """Return the point nearest to a fraction of images rejected."""
        return min(self.points, key=lambda point: abs(point.rejected - rejected))

    @property
    def verdict(self) -> str:
        """One sentence."""
        everything, tenth = self.at(0), self.at(0.1)
        interval = tenth.error_interval
        if not everything.error:
            return f"None of the {self.n:,} {self.split} images is misclassified: rejecting some changes nothing."
        lowers = "lowers" if tenth.error < everything.error else "does not lower"
        return (
            f"Rejecting the tenth of the {self.split} images of lowest confidence {lowers} the error rate: "
            f"{percent(tenth.error, tenth.kept)} [{percent(interval.low, tenth.kept, '')}, "
            f"{percent(interval.high, tenth.kept, '')}] instead of {percent(everything.error, self.n)} "
            f"(n = {tenth.kept:,} of {self.n:,})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the curve as lists."""
        return {
            "verdict": self.verdict,
            "split": self.split,
            "n": self.n,
            "area": self.area,
            "rejected": [point.rejected for point in self.points],
            "error": [point.error for point in self.points],
        }


def risk_coverage(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], split: str = "test"
) -> RiskCoverage:
    """Return the error on the images that are kept when the least confident are rejected.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    split : str
        What the images are called.

    Returns
    -------
    RiskCoverage
        The risk-coverage curve and its area (El-Yaniv and Wiener, 2010, JMLR 11:1605; Geifman and El-Yaniv, 2017,
        NeurIPS). Images of equal confidence count as rejected in random order.

    Raises
    ------
    DataError
        As `diagnosis.calibration.measure_calibration`.
    """
    check_predictions(labels, probabilities)
    n = len(labels)
    wrong = probabilities.argmax(axis=1) != labels
    _, group, sizes = np.unique(-probabilities.max(axis=1), return_inverse=True, return_counts=True)
    group_errors = np.bincount(group, weights=wrong) / sizes  # mean error of equal confidences, most confident first
    mistakes_among = np.cumsum(np.repeat(group_errors, sizes))  # (N,) expected mistakes among the first 1..N
    points = []
    for rejected in REJECTED:
        kept = max(1, n - round(rejected * n))
        mistakes = float(mistakes_among[kept - 1])
        points.append(SelectivePoint(rejected, kept, mistakes / kept, wilson_interval(round(mistakes), kept)))
    return RiskCoverage(split, n, tuple(points), float((mistakes_among / np.arange(1, n + 1)).mean()))
