"""Calibration: intervals of its scores, what it calls miscalibrated, and temperatures fitted to calibrated networks.

Networks whose labels are drawn from their own probabilities are calibrated by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.calibration import diagnose_calibration, measure_calibration
from inkling.metrics.temperature import at_temperature, fit_temperature
from inkling.report.sections.calibration import calibration_title

CLASSES = 10

Drawn = tuple[NDArray[np.int64], NDArray[np.float32]]


@cache
def sharpness(accuracy: float) -> float:
    """Return the standard deviation of normal logits whose softmax is right with this probability."""
    low, high = 1.0, 5000.0
    for _ in range(30):
        middle = (low * high) ** 0.5
        found = float(_softmax(np.random.default_rng(1), 50_000, middle).max(axis=1).mean())
        low, high = (middle, high) if found < accuracy else (low, middle)
    return float(middle)


def calibrated(rng: np.random.Generator, n: int, accuracy: float) -> Drawn:
    """Return labels (n,) and the probabilities (n, K) that they were drawn from."""
    probabilities = _softmax(rng, n, sharpness(accuracy))
    labels = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return np.minimum(labels, CLASSES - 1), probabilities.astype(np.float32)


def _softmax(rng: np.random.Generator, n: int, deviation: float) -> NDArray[np.float64]:
    logits = rng.normal(size=(n, CLASSES)) * deviation
    probabilities: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def _expected(probabilities: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Brier score and negative log-likelihood of labels drawn from the probabilities, before they are drawn."""
    wide = probabilities.astype(np.float64)
    entropy = -(wide * np.log(np.maximum(wide, np.finfo(np.float32).tiny))).sum(axis=1)
    return float((1 - (wide**2).sum(axis=1)).mean()), float(entropy.mean())


def _scores(effort: Effort, accuracy: float, n: int) -> Measured:
    rng, times = np.random.default_rng(n), effort.times(1000)
    truth = _expected(calibrated(rng, 50_000 if effort.quick else 1_000_000, accuracy)[1])
    held, shown = np.zeros(2, int), 0
    for _ in range(times):
        found = measure_calibration(*calibrated(rng, n, accuracy))
        if found.brier_interval is None or found.nll_interval is None:
            continue
        shown += 1
        intervals = (found.brier_interval, found.nll_interval)
        held += [each.low <= true <= each.high for each, true in zip(intervals, truth, strict=True)]
    wrong = rate(int(shown - held.min()), times, high=0.07)
    # Where an interval is shown in few of the cases, those are of an unusual number of mistakes.
    fine = wrong.reached and (shown < times / 2 or rate(int(held.min()), shown, low=0.93).reached)
    said = f"shown in {shown / times:.1%}" + (
        f", held in {held[0] / shown:.1%} and {held[1] / shown:.1%}" if shown else ""
    )
    return Measured(f"{said} of {times:,}", fine)


def _called(effort: Effort, n: int) -> Measured:
    rng, times = np.random.default_rng(n), effort.times(2000)
    called = sum(measure_calibration(*calibrated(rng, n, 0.999)).level != "none shown" for _ in range(times))
    return rate(called, times, high=0.05)


def _overconfident(rng: np.random.Generator, n: int, gap: float) -> Drawn:
    """Labels and probabilities of confidence 0.95, of which so much too many are wrong."""
    confidence = 0.95
    wrong = rng.random(n) >= confidence - gap
    probabilities = np.tile([confidence, 1 - confidence], (n, 1))
    return wrong.astype(np.int64), probabilities.astype(np.float32)


def _title(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(3), effort.times(1000)
    careful = 0
    for _ in range(times):
        found = diagnose_calibration(*_overconfident(rng, 100, 0.03))
        title = calibration_title(found, "network")
        careful += "network is overconfident" in title or (
            "No miscalibration of the network is shown on 100 images" in title and "points would have been" in title
        )
    return Measured(f"{careful / times:.1%} of {times:,}", careful == times)


def _power(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(4), effort.times(2000)
    said = measure_calibration(*_overconfident(rng, 400, 0.0)).detectable or 0.0
    shown = sum(measure_calibration(*_overconfident(rng, 400, said)).level == "overconfident" for _ in range(times))
    measured = rate(shown, times, low=0.77, high=0.9)
    return Measured(f"{measured.shown}, {100 * said:.1f} points", measured.reached)


def _temperature(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(5), effort.times(400)
    worst, kept, tried = "", 0, 0
    most = -np.inf
    for accuracy in (0.9, 0.99, 0.999):
        test = calibrated(rng, 20_000, accuracy)[1]
        best = _expected(test)[1]
        for n in (30, 100, 300, 1000):
            harms = np.zeros(times)
            for place in range(times):
                temperature = fit_temperature(*calibrated(rng, n, accuracy))
                tried, kept = tried + 1, kept + (temperature == 1)
                if temperature != 1:
                    logs = np.log(np.maximum(at_temperature(test, temperature), np.finfo(np.float32).tiny))
                    harms[place] = float(-(test * logs).sum(axis=1).mean()) / best - 1
            if harms.mean() > most:
                most, worst = harms.mean(), f"{harms.mean():+.2%} (accuracy {accuracy}, n {n})"
    return Measured(f"at worst {worst}; kept at 1 in {kept / tried:.1%} of {tried:,}", effort.quick or most < 0.01)


def _with(measure: Callable[..., Measured], **values: float) -> Callable[[Effort], Measured]:
    """Return a claim's measurement at these values; unlike a partial it knows its module."""

    def measured(effort: Effort) -> Measured:
        return measure(effort, **values)

    return measured


CLAIMS = (
    *(
        Claim(
            f"Brier score and NLL intervals hold them: accuracy {accuracy}, n = {n:,}",
            "93% where shown; not below 5 mistakes",
            _with(_scores, accuracy=accuracy, n=n),
        )
        for accuracy, n in ((0.9, 100), (0.9, 1000), (0.99, 30), (0.99, 360), (0.99, 1000), (0.999, 1000))
    ),
    *(
        Claim(f"calibrated network called miscalibrated, accuracy 0.999, n = {n}", "at most 5%", _with(_called, n=n))
        for n in (30, 50, 100)
    ),
    Claim("3 points overconfident, n = 100: no title says calibrated, each says what n could show", "100%", _title),
    Claim("the overconfidence that n = 400 could have shown is shown", "about 80%", _power),
    Claim("temperature fitted on a calibrated network: change of test NLL, mean", "below +1%", _temperature),
)
