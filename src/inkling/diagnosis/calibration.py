"""Is it calibrated? Confidence against accuracy, and what temperature scaling corrects.

Confidence is the probability of the predicted class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.metrics.formatting import percent
from inkling.metrics.intervals import Interval, mean_interval
from inkling.metrics.reliability import BINS, ReliabilityBin, expected_calibration_error, reliability_bins
from inkling.metrics.scores import accuracy, brier_scores, check_predictions, cross_entropies
from inkling.metrics.temperature import at_temperature

DRAWS = 2000
"""Of how a calibrated classifier would score on the same images."""

SLIGHT_GAP = 0.01
"""Gaps (fractions) between confidence and accuracy below this are called slight: a convention."""


@dataclass(frozen=True)
class Calibration:
    """How good the probabilities of a classifier are; intervals are at 95%, and None of a single image."""

    n: int
    accuracy: float
    confidence: float  # mean
    accuracy_if_calibrated: Interval  # where 95% of calibrated classifiers of this confidence would score
    ece: float  # expected calibration error, fraction
    ece_if_calibrated: float  # mean over calibrated classifiers
    ece_limit: float  # one in a hundred of them would exceed it
    brier: float  # 0 (best) to 2
    brier_interval: Interval | None
    nll: float  # negative log-likelihood, nats per image
    nll_interval: Interval | None
    bins: tuple[ReliabilityBin, ...]  # those with images, by rising confidence

    @property
    def level(self) -> str:
        """One of "overconfident", "underconfident", "off in both directions" and "none shown"."""
        expected = self.accuracy_if_calibrated
        if not expected.low <= self.accuracy <= expected.high:
            return "overconfident" if self.accuracy < self.confidence else "underconfident"
        return "off in both directions" if self.ece > self.ece_limit else "none shown"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; intervals as [low, high]."""
        values = asdict(self)
        for part in (values, *values["bins"]):
            part.update({name: list(value.values()) for name, value in part.items() if isinstance(value, dict)})
        return {"level": self.level, **values}


@dataclass(frozen=True)
class CalibrationDiagnosis:
    """Probabilities of one split as they are, and at the temperature that was fitted on validation."""

    split: str
    before: Calibration
    temperature: float | None  # None where there is none
    after: Calibration | None

    @property
    def verdict(self) -> str:
        """One sentence."""
        before = self.before
        numbers = (
            f"mean confidence {percent(before.confidence, before.n)}, accuracy {percent(before.accuracy, before.n)} "
            f"(ECE {before.ece:.3f}, n = {before.n:,}"
        )
        if before.level in ("overconfident", "underconfident"):
            slightly = "slightly " if abs(before.confidence - before.accuracy) < SLIGHT_GAP else ""
            first = f"The model is {slightly}{before.level}: {numbers})"
        elif before.level == "none shown":
            expected = f"a calibrated model scores {before.ece_if_calibrated:.3f} on average"
            first = f"No miscalibration is detected: {numbers}; {expected})"
        else:
            first = f"The model is overconfident on some images and underconfident on others: {numbers})"
        if self.temperature is None or self.after is None:
            return f"{first}."
        scaling = f"temperature scaling (T = {self.temperature:.2g}, fitted on validation)"
        if f"{self.after.ece:.3f}" < f"{before.ece:.3f}":
            return f"{first}; {scaling} lowers the {self.split} ECE to {self.after.ece:.3f}."
        return f"{first}; {scaling} does not lower the {self.split} ECE ({self.after.ece:.3f})."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "split": self.split,
            "temperature": self.temperature,
            "before": self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
        }


def measure_calibration(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], bins: int = BINS, adaptive: bool = False
) -> Calibration:
    """Measure how good probabilities are.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    bins : int
        Of confidence, at most.
    adaptive : bool
        Bins of as many images each, instead of equal width.

    Returns
    -------
    Calibration
        The expected calibration error is above 0 for a calibrated classifier too, so it is given with its mean over
        calibrated classifiers: in each bin, the number classified correctly is drawn again with the confidence as its
        probability (consistency resampling: Bröcker and Smith, 2007, Weather Forecast. 22:651). The intervals of
        Brier score and negative log-likelihood are those of means by Student's t.

    Raises
    ------
    DataError
        If these are no probabilities (`metrics.scores.check_probabilities`), they do not belong to the labels, or
        there is no image.
    """
    check_predictions(labels, probabilities)
    n = len(labels)
    filled = reliability_bins(labels, probabilities, bins, adaptive)
    sizes = np.array([each.n for each in filled])
    confidences = np.array([each.confidence for each in filled])
    # Seeded, so that the same predictions always get the same numbers.
    drawn = np.random.default_rng(0).binomial(sizes, np.minimum(confidences, 1), (DRAWS, len(filled)))
    ece_drawn = np.abs(drawn - sizes * confidences).sum(axis=1) / n
    low, high = np.quantile(drawn.sum(axis=1), (0.025, 0.975), method="inverted_cdf") / n
    brier, brier_interval = _mean(brier_scores(labels, probabilities))
    nll, nll_interval = _mean(cross_entropies(labels, probabilities))
    return Calibration(
        n=n,
        accuracy=accuracy(labels, probabilities),
        confidence=float(probabilities.max(axis=1).mean(dtype=np.float64)),
        accuracy_if_calibrated=Interval(float(low), float(high)),
        ece=expected_calibration_error(filled),
        ece_if_calibrated=float(ece_drawn.mean()),
        ece_limit=float(np.quantile(ece_drawn, 0.99)),
        brier=brier,
        brier_interval=brier_interval,
        nll=nll,
        nll_interval=nll_interval,
        bins=filled,
    )


def diagnose_calibration(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    temperature: float | None = None,
    split: str = "test",
) -> CalibrationDiagnosis:
    """Say whether a classifier is over- or underconfident, and what temperature scaling corrects.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    temperature : float, optional
        From `metrics.temperature.fit_temperature` on validation images.
    split : str
        What the images are called.

    Raises
    ------
    DataError
        As `measure_calibration`.
    """
    before = measure_calibration(labels, probabilities)
    if temperature is None:
        return CalibrationDiagnosis(split, before, None, None)
    after = measure_calibration(labels, at_temperature(probabilities, temperature))
    return CalibrationDiagnosis(split, before, temperature, after)


def _mean(values: NDArray[np.float64]) -> tuple[float, Interval | None]:
    """Return the mean of values that are never negative, with its 95% interval."""
    interval = mean_interval(values)
    return float(values.mean()), None if interval is None else Interval(max(0.0, interval.low), interval.high)
