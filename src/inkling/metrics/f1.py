"""Macro-F1, in which the F1 of every class counts equally, and an interval of it that holds for few mistakes too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inkling.metrics.intervals import Interval, exact_ends

FEWEST_IMAGES = 5
"""Images of every class below which macro-F1 has no interval: 10 classes at 100:1, the rarest with one of 100 images,
held in 88 to 92% of simulated test sets what they should hold in 95%."""


def class_f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the F1 of each class, 2 * correct / (images + predicted), float64 of shape (K,); 0 where there is neither.

    Parameters
    ----------
    matrix : ndarray of int64, shape (K, K)
        Row: true class, column: predicted class.
    """
    both = matrix.sum(axis=1) + matrix.sum(axis=0)
    f1: NDArray[np.float64] = 2 * np.diag(matrix) / np.maximum(both, 1)
    return f1


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes that have images, 0..1.

    Parameters
    ----------
    matrix : ndarray of int64, shape (K, K)
        Row: true class, column: predicted class; one image at least.
    """
    return float(class_f1(matrix)[matrix.sum(axis=1) > 0].mean())


def macro_f1_interval(matrix: NDArray[np.int64]) -> Interval | None:
    """Return the 95% interval of the macro-F1; None where a class that has images has fewer than `FEWEST_IMAGES`.

    F1 is 2 J / (1 + J), where J is the fraction correct of the images that are of the class or predicted as it (Hand,
    Christen and Kirielle, 2021, Mach. Learn. 110:451), so that the exact interval of J (Clopper and Pearson, 1934,
    Biometrika 26:404) gives that of F1. These are put together for the mean (Zou, Huang and Zhang, 2009, Comput. Stat.
    Data Anal. 53:1080) with the correlations that come of a mistake being one of two classes. Each end is that or the
    delta method's (Takahashi et al., 2022, Appl. Intell. 52:4961), whichever is farther: the first is short above where
    several classes have one mistake, the second where there are none.

    Parameters
    ----------
    matrix : ndarray of int64, shape (K, K)
        Row: true class, column: predicted class; one image at least.
    """
    present = matrix.sum(axis=1) > 0
    if matrix.sum(axis=1)[present].min() < FEWEST_IMAGES:
        return None
    f1, macro, k = class_f1(matrix)[present], macro_f1(matrix), int(present.sum())
    right, either = np.diag(matrix), matrix.sum(axis=1) + matrix.sum(axis=0) - np.diag(matrix)
    least, most = exact_ends(right[present], either[present])  # of J
    below, above = f1 - 2 * least / (1 + least), 2 * most / (1 + most) - f1
    # One mistake more, spread over all pairs of classes: without any, correlations would not be known.
    spread = (1 - np.eye(len(matrix))) * present[:, np.newaxis]
    covariances = _covariances(matrix + spread / max(1.0, spread.sum()))[np.ix_(present, present)]
    deviations = np.sqrt(np.maximum(np.diag(covariances), np.finfo(float).tiny))
    correlations = covariances / np.outer(deviations, deviations)
    np.fill_diagonal(correlations, 1.0)
    delta = float(ndtri(0.975) * _covariances(matrix)[np.ix_(present, present)].sum() ** 0.5)
    low, high = (max(delta, float(ends @ correlations @ ends) ** 0.5) / k for ends in (below, above))
    return Interval(max(0.0, macro - low), min(1.0, macro + high))


def _covariances(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Covariances (K, K) of the classes' F1 by the delta method: each mistake lowers those of two classes."""
    right, both = np.diag(matrix), np.maximum(matrix.sum(axis=1) + matrix.sum(axis=0), 1e-12)
    f1 = 2 * right / both
    of_hit, of_mistake = 2 * (1 - f1) / both, f1 / both
    covariances: NDArray[np.float64] = (matrix + matrix.T) * np.outer(of_mistake, of_mistake)
    np.fill_diagonal(covariances, right * of_hit**2 + (both - 2 * right) * of_mistake**2)
    return covariances
