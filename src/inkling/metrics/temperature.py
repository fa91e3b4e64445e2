"""Temperature scaling: one number, fitted on validation images, that calibrates probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.metrics.scores import check_predictions, check_probabilities, mean_cross_entropy

RANGE = (0.02, 50.0)
"""Temperatures between which the best is searched."""


def at_temperature(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float32]:
    """Return softmax(log p / T), which for the outputs of a softmax is the softmax of the logits divided by T.

    The order of the classes stays, and so does the accuracy.

    Parameters
    ----------
    probabilities : ndarray of float, shape (N, K)
        Those below the smallest float32 count as that.
    temperature : float
        Above 0; above 1 lowers the confidence, below 1 raises it.

    Returns
    -------
    ndarray of float32, shape (N, K)

    Raises
    ------
    DataError
        If these are no probabilities, or the temperature is not above 0.
    """
    check_probabilities(probabilities)
    if not temperature > 0:
        raise DataError(f"expected a temperature above 0, found {temperature}")
    return _scaled(probabilities, temperature)


def _scaled(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float32]:
    if temperature == 1:
        return probabilities.astype(np.float32)
    scaled = _log(probabilities) / temperature  # (N, K)
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    calibrated: NDArray[np.float32] = scaled.astype(np.float32)
    return calibrated


def fit_temperature(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the temperature of the lowest mean cross-entropy (Guo, Pleiss, Sun and Weinberger, 2017, ICML).

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
        Of images that the network was neither trained nor is evaluated on.

    Returns
    -------
    float
        Log T has a normal prior with mean 0 and standard deviation 1, which weighs less than one image: without it,
        a network that classifies every one of these images correctly would become infinitely confident.

    Raises
    ------
    DataError
        If these are no probabilities, or not of the images that the labels belong to.
    """
    check_predictions(labels, probabilities)
    from scipy.optimize import minimize_scalar

    def cost(log_temperature: float) -> float:
        loss = mean_cross_entropy(labels, _scaled(probabilities, float(np.exp(log_temperature))))
        return loss + log_temperature**2 / (2 * len(labels))

    best = minimize_scalar(cost, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))


def _log(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    return logs
