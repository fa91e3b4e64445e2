"""What a network would say of labels that are all right: its probabilities, calibrated past the wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit
from scipy.stats import chi2

from inkling.metrics.scores import check_predictions
from inkling.metrics.temperature import RANGE, at_temperature

_LARGEST = 0.5
"""Of all labels that may be replaced."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Labels explained by a network that is calibrated, and by labels that are replaced."""

    probabilities: NDArray[np.float64]  # (N, K), of the right label of each image
    replaced: float  # part of the labels that is replaced by any other class, 0..0.5; 0 where none is shown


def without_noise(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> Explained:
    """Return calibrated probabilities of the right label of each image, estimated from labels of which some are wrong.

    The temperature T (Guo et al., 2017, ICML) and the part e of labels that are replaced by any other class, evenly,
    are fitted together: the likelihood of label y is (1 - e) p[y] + e (1 - p[y]) / (K - 1), where p is softmax(log p /
    T). Wrong labels are evidence against T otherwise, which makes the network seem less sure than it is of right ones.
    Without evidence of e > 0 (likelihood ratio, 5%, one-sided: Self and Liang, 1987, JASA 82:605) T is fitted alone.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)

    Returns
    -------
    Explained
    """
    check_predictions(labels, probabilities)
    rows, others = np.arange(len(labels)), max(1, probabilities.shape[1] - 1)

    def cost(log_temperature: float, noise: float) -> float:
        right = at_temperature(probabilities, float(np.exp(log_temperature)))[rows, labels].astype(np.float64)
        likelihood = (1 - noise) * right + noise * (1 - right) / others
        return float(-np.log(np.maximum(likelihood, 1e-30)).sum() + log_temperature**2 / 2)

    def cost_of(values: NDArray[np.float64]) -> float:
        return cost(float(np.clip(values[0], *np.log(RANGE))), _LARGEST * float(expit(values[1])))

    bounds = tuple(np.log(RANGE))
    alone = minimize_scalar(lambda x: cost(x, 0.0), bounds=bounds, method="bounded", options={"xatol": 1e-3})
    start = float(alone.x)
    together = min(
        (minimize(cost_of, first, method="Nelder-Mead") for first in ((start, -5.0), (start - 0.7, -3.0))),
        key=lambda found: float(found.fun),
    )
    shown = 2 * (float(alone.fun) - float(together.fun)) > chi2.ppf(0.9, 1)
    temperature = float(np.exp(np.clip(together.x[0], *bounds) if shown else start))
    replaced = _LARGEST * float(expit(together.x[1])) if shown else 0.0
    return Explained(at_temperature(probabilities, temperature).astype(np.float64), replaced)


def draw_labels(calibrated: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a label for each row of calibrated probabilities (N, K), drawn by them."""
    cumulative = np.cumsum(calibrated, axis=1)
    drawn: NDArray[np.int64] = (rng.random((len(cumulative), 1)) * cumulative[:, -1:] > cumulative).sum(axis=1)
    return drawn
