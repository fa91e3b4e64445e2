"""Temperature scaling: one number, fitted on validation images where they show that probabilities are off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.metrics.scores import check_predictions, check_probabilities, mean_cross_entropy

RANGE = (0.02, 50.0)
"""Temperatures between which the best is searched."""

SIGNIFICANT = 0.01
"""A temperature other than 1 needs a p-value below this. On a calibrated classifier any other temperature does harm,
and always taking the best costs up to 31% of the negative log-likelihood on average."""

PRIOR_SD = 0.5
"""Standard deviation of the normal prior of log T: 95% of temperatures from 0.38 to 2.7. Chance that looks significant
on 30 images suggests extreme temperatures, of which one can cost 140% of the negative log-likelihood; with this prior
it costs 20%. Where the true temperature is 0.5, 2 or 3, the only ones that were measured, 91% to 99% of what a fit
gains is left (30 to 1,000 images). At 1.3 and few images a fit is rare and in most settings a net loss."""

_DRAWS = 1999


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
    """Return the temperature of the lowest mean cross-entropy, or 1 where probabilities are not shown to be off.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
        Of images that the network was neither trained nor is evaluated on.

    Returns
    -------
    float
        Exactly 1 unless `entropy_p_value` is below `SIGNIFICANT`: a temperature fitted to chance makes calibrated
        probabilities worse. Otherwise that of Guo, Pleiss, Sun and Weinberger (2017, ICML), where log T has a normal
        prior with mean 0 and standard deviation `PRIOR_SD`. It counts on few images, where a temperature that chance
        suggests would be extreme, and where a network that classifies every one of them correctly would become
        infinitely confident.

    Raises
    ------
    DataError
        If these are no probabilities, or not of the images that the labels belong to.
    """
    if entropy_p_value(labels, probabilities) >= SIGNIFICANT:
        return 1.0
    from scipy.optimize import minimize_scalar

    def cost(log_temperature: float) -> float:
        loss = mean_cross_entropy(labels, _scaled(probabilities, float(np.exp(log_temperature))))
        return loss + log_temperature**2 / (2 * PRIOR_SD**2 * len(labels))

    best = minimize_scalar(cost, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))


def entropy_p_value(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> float:
    """Return the two-sided p-value of the cross-entropy being that of labels drawn from the probabilities themselves.

    The difference of the cross-entropy from its expected value, the mean entropy, is the slope of the likelihood in
    log T at T = 1, so this is the score test of T = 1 (Rao, 1948, Proc. Camb. Phil. Soc. 44:50). Its distribution is
    simulated by drawing labels (consistency resampling: Bröcker and Smith, 2007, Weather Forecast. 22:651), because
    with few mistakes it is far from normal.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)

    Raises
    ------
    DataError
        As `fit_temperature`.
    """
    check_predictions(labels, probabilities)
    logs = _log(probabilities)
    observed = -logs[np.arange(len(labels)), labels].sum()
    order = np.argsort(-logs, axis=1)
    losses = -np.take_along_axis(logs, order, axis=1)  # (N, K), of the most probable class first
    reached = np.exp(-losses).cumsum(axis=1)
    reached /= reached[:, -1:]
    rng = np.random.default_rng(0)  # seeded, so that the same predictions always get the same temperature
    total = np.zeros(_DRAWS)
    for loss, cumulative in zip(losses, reached, strict=True):
        total += loss[np.searchsorted(cumulative, rng.random(_DRAWS))]
    # Equal sums differ by rounding: labels that are all the most probable class are drawn again and again.
    rounding = 1e-9 * max(1.0, abs(observed))
    above, below = np.count_nonzero(total >= observed - rounding), np.count_nonzero(total <= observed + rounding)
    return min(1.0, 2 * (1 + min(above, below)) / (_DRAWS + 1))


def _log(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    return logs
