"""Images put into bins by confidence: what a reliability diagram draws, and the expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.metrics.intervals import Interval, wilson_interval

BINS = 15
"""Of confidence, as in Guo, Pleiss, Sun and Weinberger (2017, ICML)."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Images of about the same confidence, the probability of the predicted class."""

    low: float  # confidence above this
    high: float  # and up to this
    n: int
    confidence: float  # mean
    accuracy: float
    accuracy_interval: Interval  # Wilson


def reliability_bins(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], bins: int = BINS, adaptive: bool = False
) -> tuple[ReliabilityBin, ...]:
    """Return the bins that hold images, by rising confidence.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    bins : int
        At most.
    adaptive : bool
        Bins of as many images each, instead of equal width.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    if adaptive:
        edges = np.unique(np.quantile(confidence, edges))
        edges[0] = 0.0
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)
    filled = []
    for number in np.unique(place):
        inside = place == number
        n, n_correct = int(inside.sum()), int(correct[inside].sum())
        low, high = float(edges[number]), float(edges[number + 1])
        mean = float(confidence[inside].mean())
        filled.append(ReliabilityBin(low, high, n, mean, n_correct / n, wilson_interval(n_correct, n)))
    return tuple(filled)


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean over bins of |accuracy - confidence|, weighted by their images.

    Naeini, Cooper and Hauskrecht (2015, AAAI); Guo, Pleiss, Sun and Weinberger (2017, ICML).

    Parameters
    ----------
    bins : sequence of ReliabilityBin
        From `reliability_bins`.
    """
    return sum(each.n * abs(each.accuracy - each.confidence) for each in bins) / sum(each.n for each in bins)
