"""The misclassified images of the highest loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.metrics.scores import check_predictions


@dataclass(frozen=True)
class Mistake:
    """One misclassified image."""

    index: int  # in its split
    label: int
    predicted: int
    probability: float  # of the predicted class
    label_probability: float  # of the true class


def worst_mistakes(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], count: int = 24
) -> list[Mistake]:
    """Return the misclassified images of the highest cross-entropy, worst first.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    count : int
        At most so many.

    Raises
    ------
    DataError
        As `diagnosis.calibration.measure_calibration`.
    """
    check_predictions(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    of_label = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(of_label[wrong], kind="stable")][:count]
    return [
        Mistake(int(i), int(labels[i]), int(predicted[i]), float(probabilities[i, predicted[i]]), float(of_label[i]))
        for i in worst
    ]
