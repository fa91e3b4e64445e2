"""Would more data help: what is said of curves that saturate, the forecast's interval, and no effect of more images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.mnist_perceptrons import perceptrons
from inkling.diagnosis.data_size import LearningCurve, fit_learning_curve
from inkling.metrics.differences import means_differ

Truth = Callable[[NDArray[np.float64]], NDArray[np.float64]]
SETTINGS = [(sizes, n, seeds) for sizes in ((500, 2000, 10_000), (250, 500, 1000, 2000, 4000))
            for n, seeds in ((360, 1), (10_000, 1), (10_000, 3))]  # fmt: skip


def _measured(truth: float, n_test: int, seeds: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Errors of seeds that differ by 6%."""
    return rng.binomial(n_test, np.minimum(truth * np.exp(0.06 * rng.standard_normal(seeds)), 1)) / n_test


def _curves(effort: Effort, curve: Callable[[float], Truth]) -> list[tuple[LearningCurve, bool]]:
    """Curves of every setting, and whether each forecast holds what is measured at twice the largest size."""
    rng, found = np.random.default_rng(0), []
    for sizes, n_test, seeds in SETTINGS:
        errors = curve(float(sizes[-1]))(np.array([*sizes, 2 * sizes[-1]], float))
        for seed in range(effort.times(170, 2)):
            *known, new = (_measured(float(error), n_test, seeds, rng) for error in errors)
            fitted = fit_learning_curve({k: of.tolist() for k, of in zip(sizes, known, strict=True)}, n_test, seed)
            interval = fitted.error_interval(2 * sizes[-1])
            held = interval.low <= float(new.mean()) <= interval.high
            found.append((fitted, held))
    return found


def _floor(last: float) -> Truth:
    return lambda size: 0.04 + 0.005 * (size / last) ** -0.7


def _flat(last: float) -> Truth:
    return lambda size: np.maximum(0.04, 0.04 * (size / (0.4 * last)) ** -0.4)


def _law(last: float) -> Truth:
    return lambda size: 0.04 * (size / last) ** -0.4


def _called_helpful(effort: Effort, curve: Callable[[float], Truth]) -> Measured:
    found = _curves(effort, curve)
    return rate(sum(each.helps == "yes" for each, _ in found), len(found), high=0.05)


def _floor_called(effort: Effort) -> Measured:
    return _called_helpful(effort, _floor)


def _flat_called(effort: Effort) -> Measured:
    return _called_helpful(effort, _flat)


def _forecast(effort: Effort) -> Measured:
    found = [held for curve, held in _curves(effort, _law) if curve.forecasts]
    return rate(sum(found), len(found), low=0.94)


def _no_effect(effort: Effort) -> Measured:
    """Validation accuracies of networks of one recipe and size, three of them called the smaller size, on one set."""
    size, epochs, count = (100, 4, 6) if effort.quick else (1000, 20, effort.times(40, 12))
    networks = perceptrons(count, size, epochs, effort.quick)
    rng, times, shown, n = np.random.default_rng(3), effort.times(1000, 20), 0, 60 if effort.quick else 1000
    for _ in range(times):
        validation = rng.choice(networks[0].right.shape[1], n, replace=False)
        best = [float(networks[k].right[:, validation].mean(axis=1).max()) for k in rng.permutation(count)[:6]]
        shown += means_differ(best[:3], best[3:], n)
    return rate(shown, times, high=0.05)


CLAIMS = (
    Claim("a curve near its floor (twice the images lower the error by 3%): more data should help", "at most 5%",
          _floor_called),
    Claim("a curve that went flat before the largest size: more data should help", "at most 5%", _flat_called),
    Claim("the 95% prediction interval at twice the images holds what is measured, power law", "at least 94%",
          _forecast),
    Claim("more images lower the validation error, no effect, 3 and 3 seeds, 40 perceptrons", "at most 5%",
          _no_effect, True),
)  # fmt: skip
