"""Scores of probabilities, and the check that probabilities and labels belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError


def check_predictions(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> None:
    """Raise DataError unless there are labels (N,) and probabilities (N, K) of the same images, one at least."""
    if labels.ndim != 1 or probabilities.ndim != 2 or len(labels) != len(probabilities) or not len(labels):
        raise DataError(
            f"expected labels of shape (N,) and probabilities of shape (N, K) of the same images, "
            f"found {labels.shape} and {probabilities.shape}"
        )
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise DataError(
            f"expected labels in 0..{probabilities.shape[1] - 1}, one for each column of the probabilities, "
            f"found {labels.min()}..{labels.max()}"
        )


def mean_cross_entropy(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Return -mean log p[label] in nats; probabilities below the smallest float32 count as that."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())
