"""What a network says of its own training images after every epoch, kept as far as training dynamics need it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError


@dataclass(frozen=True, eq=False)
class TrainingDynamics:
    """E epochs of N training images.

    Attributes
    ----------
    labels : ndarray of int64, shape (N,)
    of_label : ndarray of float32, shape (E, N)
        Probability of the label, 0..1, after each epoch.
    predicted : ndarray of int64, shape (E, N)
        Most probable class after each epoch.
    mean : ndarray of float32, shape (N, K)
        Probability of every class, averaged over the epochs.
    """

    labels: NDArray[np.int64]
    of_label: NDArray[np.float32]
    predicted: NDArray[np.int64]
    mean: NDArray[np.float32]

    @classmethod
    def from_probabilities(
        cls, labels: NDArray[np.int64], epochs: Iterable[NDArray[np.floating[Any]]]
    ) -> TrainingDynamics:
        """Take what is needed of the probabilities, one array (N, K) an epoch; they need not fit in memory together.

        Raises
        ------
        DataError
            If there is no epoch.
        """
        rows, of_label, predicted = np.arange(len(labels)), [], []
        total: NDArray[np.float64] | None = None
        for probabilities in epochs:
            of_label.append(probabilities[rows, labels].astype(np.float32))
            predicted.append(probabilities.argmax(axis=1))
            total = probabilities.astype(np.float64) if total is None else total + probabilities
        if total is None:
            raise DataError("training dynamics need the probabilities of one epoch or more")
        mean = (total / total.sum(axis=1, keepdims=True)).astype(np.float32)
        return cls(labels, np.stack(of_label), np.stack(predicted), mean)
