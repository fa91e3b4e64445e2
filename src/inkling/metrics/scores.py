"""Scores of probabilities, and the check that they are probabilities, of the images that the labels belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError

TOLERANCE = 1e-3
"""How far a probability may lie outside 0..1, and the sum of an image's probabilities from 1: half precision passes."""


def check_probabilities(probabilities: NDArray[np.floating[Any]], class_names: Sequence[str] | None = None) -> None:
    """Raise DataError unless each row is a probability distribution over the classes.

    Parameters
    ----------
    probabilities : ndarray of float, shape (N, K)
        Finite, in 0..1, each row summing to 1, within `TOLERANCE`.
    class_names : sequence of str, length K, optional
        One for each column.
    """
    if not isinstance(probabilities, np.ndarray) or probabilities.ndim != 2 or probabilities.dtype.kind not in "fiub":
        what = f"{probabilities.dtype} of shape {probabilities.shape}" if hasattr(probabilities, "shape") else ""
        raise DataError(
            f"expected probabilities as a NumPy array of numbers of shape (N, K), found "
            f"{type(probabilities).__name__}{' of ' + what if what else ''}"
        )
    if class_names is not None and probabilities.shape[1] != len(class_names):
        raise DataError(
            f"expected probabilities of {len(class_names)} classes, one column for each class name, found "
            f"{probabilities.shape[1]} columns"
        )
    finite = np.isfinite(probabilities).all(axis=1)  # (N,)
    if not finite.all():
        raise DataError(
            f"expected finite probabilities, found NaN or infinity for {np.count_nonzero(~finite):,} of "
            f"{len(finite):,} images, first for image {int(finite.argmin())}: check the network's weights"
        )
    if not probabilities.size:
        return
    low, high = float(probabilities.min()), float(probabilities.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise DataError(
            f"expected probabilities from 0 to 1, found values from {low:.3g} to {high:.3g}: apply softmax to logits"
        )
    off = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1)  # (N,)
    if off.max() > TOLERANCE:
        image = int(off.argmax())
        total = float(probabilities[image].sum(dtype=np.float64))
        raise DataError(
            f"expected the probabilities of each image to sum to 1, found {total:.4g} for image {image}: apply softmax "
            "to logits"
        )


def check_predictions(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], class_names: Sequence[str] | None = None
) -> None:
    """Raise DataError unless there are labels (N,) and probabilities (N, K) of the same images, one at least.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        In 0..K-1.
    probabilities : ndarray of float, shape (N, K)
        As for `check_probabilities`.
    class_names : sequence of str, length K, optional
    """
    shapes = [getattr(array, "shape", None) for array in (labels, probabilities)]
    if (
        not all(isinstance(array, np.ndarray) for array in (labels, probabilities))
        or (labels.ndim, probabilities.ndim) != (1, 2)
        or len(labels) != len(probabilities)
        or not len(labels)
    ):
        raise DataError(
            f"expected NumPy arrays, labels of shape (N,) and probabilities of shape (N, K) of the same images, N at "
            f"least 1, found {shapes[0]} and {shapes[1]}"
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"expected labels as whole numbers, found {labels.dtype}")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise DataError(
            f"expected labels in 0..{probabilities.shape[1] - 1}, one for each column of the probabilities, "
            f"found {labels.min()}..{labels.max()}"
        )
    check_probabilities(probabilities, class_names)


def accuracy(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the fraction of images classified correctly; of equal probabilities the first class counts.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def cross_entropies(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return -log p[label] of each image, in nats: its cross-entropy, or negative log-likelihood.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
        Those below the smallest float32 count as that.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses: NDArray[np.float64] = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny))
    return losses


def mean_cross_entropy(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the mean of `cross_entropies`, in nats per image."""
    return float(cross_entropies(labels, probabilities).mean())


def brier_scores(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the Brier score of each image: the squared distance between its probabilities and its one-hot label.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
        From 0 (best) to 2; their mean is the Brier score (Brier, 1950, Mon. Weather Rev. 78:1).
    """
    squares = np.square(probabilities, dtype=np.float64).sum(axis=1)  # (N,)
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    scores: NDArray[np.float64] = squares - 2 * of_label + 1
    return scores
