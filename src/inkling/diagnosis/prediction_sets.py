"""Sets of classes that hold the true one as often as promised: split conformal prediction, LAC and APS.

Of n calibration images the score at rank ⌈(n + 1) level⌉ is the threshold, and the set of a new image is every class
whose score is not above it. The promise rests on one thing: that calibration images and new images are exchangeable.
Images that were trained on, or that chose the epoch, are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from inkling.errors import DataError
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.intervals import Interval, mean_interval, wilson_interval
from inkling.metrics.scores import check_predictions, check_probabilities

LAC, APS = "LAC", "APS"
METHODS = (LAC, APS)
"""Least ambiguous sets (Sadinle, Lei and Wasserman, 2019, JASA 114:223); adaptive prediction sets (Romano, Sesia and
Candès, 2020, NeurIPS), without the randomised last class, so that an image always has the same set."""

_ROUNDING = 1e-9  # between scores of the same image computed in other company


@dataclass(frozen=True)
class SetThreshold:
    """What calibration leaves: enough to make the set of any image."""

    method: str
    level: float  # promised coverage
    threshold: float  # of scores
    n: int  # calibration images

    @property
    def coverage_range(self) -> Interval:
        """Where the coverage over all future images lies for 95% of calibrations, if no scores are equal.

        Beta(k, n + 1 - k) with k = ⌈(n + 1) level⌉ (Vovk, 2012, ACML); equal scores and the predicted class, which is
        always in the set, can only raise it.
        """
        rank = _rank(self.level, self.n)
        low, high = beta.ppf((0.025, 0.975), rank, self.n + 1 - rank)
        return Interval(float(low), float(high))

    def sets(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return which classes are in the set of each image; the predicted class always is.

        Parameters
        ----------
        probabilities : ndarray of float, shape (N, K)

        Returns
        -------
        ndarray of bool, shape (N, K)
        """
        check_probabilities(probabilities)
        inside: NDArray[np.bool_] = _SCORES[self.method](probabilities) <= self.threshold + _ROUNDING
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside


@dataclass(frozen=True)
class PredictionSets:
    """Sets measured on images that did not calibrate them."""

    threshold: SetThreshold
    n: int
    covered: int  # images whose true class is in their set
    mean_size: float  # classes
    mean_size_interval: Interval | None  # Student's t; None where all sets are of one size
    single: float  # fraction of sets of one class

    @property
    def coverage(self) -> float:
        """Fraction of images whose true class is in their set."""
        return self.covered / self.n

    @property
    def coverage_interval(self) -> Interval:
        """Wilson."""
        return wilson_interval(self.covered, self.n)

    @property
    def verdict(self) -> str:
        """One sentence."""
        found = f"{percent(self.coverage, self.n)} [{percent_interval(self.coverage_interval, self.n)}]"
        calibrated = f"{self.threshold.method} sets at {100 * self.threshold.level:.4g}%, calibrated on"
        return (
            f"{calibrated} {self.threshold.n:,} images, hold the true class of {found} of {self.n:,} others, with "
            f"{self.mean_size:.2f} classes on average."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; intervals as [low, high]."""
        size, coverage = self.mean_size_interval, self.coverage_interval
        return {
            "verdict": self.verdict,
            **asdict(self.threshold),
            "calibration_images": self.threshold.n,
            "n": self.n,
            "coverage": self.coverage,
            "coverage_interval": [coverage.low, coverage.high],
            "mean_size": self.mean_size,
            "mean_size_interval": None if size is None else [size.low, size.high],
            "single": self.single,
        }


def calibrate_sets(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], level: float = 0.95, method: str = LAC
) -> SetThreshold:
    """Return the threshold whose sets hold the true class of a new image with probability `level` or more.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
        Of images that chose nothing: not trained on, and not those on which the epoch was chosen.
    level : float
        Between 0 and 1.
    method : str
        "LAC", the smallest sets on average, or "APS", larger for images that are harder.

    Raises
    ------
    DataError
        If these are no probabilities, the level is not between 0 and 1, or the images are too few for it.
    """
    if not 0 < level < 1:
        raise DataError(f"expected a level of prediction sets between 0 and 1, such as 0.95, found {level:g}")
    n = len(labels)
    rank = _rank(level, n)
    if rank > n:
        raise DataError(
            f"sets at {level:g} need {ceil(level / (1 - level) - 1e-9):,} calibration images at least, found {n:,}: "
            "choose a lower level, or more test images"
        )
    check_predictions(labels, probabilities)
    scores = np.sort(_SCORES[method](probabilities)[np.arange(n), labels])
    return SetThreshold(method, level, float(scores[rank - 1]), n)


def measure_sets(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], threshold: SetThreshold
) -> PredictionSets:
    """Measure coverage and size of sets on images that did not calibrate them.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    threshold : SetThreshold
        From `calibrate_sets` on other images.
    """
    check_predictions(labels, probabilities)
    inside = threshold.sets(probabilities)
    sizes = inside.sum(axis=1).astype(np.float64)
    return PredictionSets(
        threshold=threshold,
        n=len(labels),
        covered=int(inside[np.arange(len(labels)), labels].sum()),
        mean_size=float(sizes.mean()),
        mean_size_interval=mean_interval(sizes) if len(np.unique(sizes)) > 1 else None,
        single=float(np.mean(sizes == 1)),
    )


def calibration_half(n: int) -> NDArray[np.bool_]:
    """Return which of n test images calibrate; the others measure. Always the same half, drawn at random."""
    half = np.zeros(n, bool)
    half[np.random.default_rng(0).permutation(n)[: n // 2]] = True
    return half


def _rank(level: float, n: int) -> int:
    return ceil((n + 1) * level - 1e-9)  # 0.95 * 20 is 19, whatever its last bit


def _lac(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """1 - p of each class."""
    return 1 - probabilities.astype(np.float64)


def _aps(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Sum of the probabilities of each class and of all more probable ones."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.take_along_axis(probabilities, order, axis=1).cumsum(axis=1, dtype=np.float64)
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, axis=1)
    return scores


_SCORES: dict[str, Callable[[NDArray[np.floating[Any]]], NDArray[np.float64]]] = {LAC: _lac, APS: _aps}
