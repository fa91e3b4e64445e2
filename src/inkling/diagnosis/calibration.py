"""Is it calibrated? Confidence against accuracy, and what temperature scaling corrects.

Confidence is the probability of the predicted class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom, skew
from scipy.stats import t as student

from inkling.metrics.formatting import mean_probability, percent, points
from inkling.metrics.intervals import Interval
from inkling.metrics.reliability import BINS, ReliabilityBin, expected_calibration_error, reliability_bins
from inkling.metrics.scores import accuracy, brier_scores, check_predictions, cross_entropies
from inkling.metrics.temperature import at_temperature

DRAWS = 2000
"""Of how a calibrated classifier would score on the same images."""

FEWEST_MISTAKES = 5
"""Below these, no interval of the Brier score and the negative log-likelihood: a few mistakes decide both, and whether
there is a larger one among all images that could be drawn, these do not say."""

POWER = 0.8
"""How often the smallest detectable overconfidence is detected: four times in five, the convention (Cohen, 1988)."""

SLIGHT_GAP = 0.01
"""Gaps (fractions) between confidence and accuracy below this are called slight: a convention."""


@dataclass(frozen=True)
class Calibration:
    """How good the probabilities of a classifier are; intervals are at 95%."""

    n: int
    accuracy: float
    confidence: float  # mean
    accuracy_if_calibrated: Interval  # where 96% of calibrated classifiers of this confidence would score
    ece: float  # expected calibration error, fraction
    ece_if_calibrated: float  # mean over calibrated classifiers
    ece_limit: float  # one in a hundred of them would exceed it
    brier: float  # 0 (best) to 2
    brier_interval: Interval | None  # None where there are fewer mistakes than `FEWEST_MISTAKES`
    nll: float  # negative log-likelihood, nats per image
    nll_interval: Interval | None  # likewise
    detectable: float | None  # overconfidence, fraction, that these images show with probability `POWER`; None: none
    bins: tuple[ReliabilityBin, ...]  # those with images, by rising confidence

    @property
    def level(self) -> str:
        """One of "overconfident", "underconfident", "off in both directions" and "none shown"."""
        expected = self.accuracy_if_calibrated
        if not expected.low <= self.accuracy <= expected.high:
            return "overconfident" if self.accuracy < self.confidence else "underconfident"
        # Equal errors, summed in another order, differ in the last bits: a rounding error is no evidence.
        return "off in both directions" if self.ece > self.ece_limit + 1e-9 else "none shown"

    @property
    def rates(self) -> str:
        """Mean confidence and accuracy, in words."""
        return f"mean confidence {mean_probability(self.confidence, self.n)}, accuracy {percent(self.accuracy, self.n)}"

    @property
    def detectable_said(self) -> str:
        """What these images could have shown, for a sentence that says that they show nothing."""
        if self.detectable is None:
            return "so few images could not have shown any overconfidence"
        most = points(self.detectable, self.n)
        return f"overconfidence of {most} points would have been, four times in five"

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
        numbers = f"{before.rates} (ECE {before.ece:.3f}, n = {before.n:,}"
        if before.level in ("overconfident", "underconfident"):
            slightly = "slightly " if abs(before.confidence - before.accuracy) < SLIGHT_GAP else ""
            first = f"The model is {slightly}{before.level}: {numbers})"
        elif before.level == "none shown":
            expected = f"a calibrated model has {before.ece_if_calibrated:.3f} on average"
            first = f"No miscalibration is shown: {numbers}; {expected}); {before.detectable_said}"
        else:
            first = f"The model is overconfident on some images and underconfident on others: {numbers})"
        if self.temperature is None or self.after is None:
            return f"{first}."
        if self.temperature == 1:
            return f"{first}; the temperature stays at 1, as validation does not show that another is better."
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
        probability (consistency resampling: Bröcker and Smith, 2007, Weather Forecast. 22:651). Of calibrated
        classifiers at most 5% are called something else: 2% each by the number classified correctly, 1% by the error.
        The intervals of Brier score and negative log-likelihood are Student's t corrected for skewness (Hall, 1992,
        JRSS B 54:221).

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
    low, high = np.quantile(drawn.sum(axis=1), (0.02, 0.98), method="inverted_cdf") / n
    right = accuracy(labels, probabilities)
    confidence = float(probabilities.max(axis=1).mean(dtype=np.float64))
    briers, losses = brier_scores(labels, probabilities), cross_entropies(labels, probabilities)
    few = round(n * (1 - right)) < FEWEST_MISTAKES
    return Calibration(
        n=n,
        accuracy=right,
        confidence=confidence,
        accuracy_if_calibrated=Interval(float(low), float(high)),
        ece=expected_calibration_error(filled),
        ece_if_calibrated=float(ece_drawn.mean()),
        ece_limit=float(np.quantile(ece_drawn, 0.99)),
        brier=float(briers.mean()),
        brier_interval=None if few else _mean_interval(briers),
        nll=float(losses.mean()),
        nll_interval=None if few else _mean_interval(losses),
        detectable=_detectable(confidence, float(low), n),
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


def _detectable(confidence: float, low: float, n: int) -> float | None:
    """Return by how much the accuracy must lie below the confidence to come out below `low` with `POWER`, or None."""
    fewest = round(low * n)

    def lacking(gap: float) -> float:
        return float(binom.cdf(fewest - 1, n, min(1.0, confidence) - gap)) - POWER

    if fewest < 1 or lacking(confidence) < 0:
        return None
    return float(brentq(lacking, 0.0, min(1.0, confidence)))


def _mean_interval(values: NDArray[np.float64]) -> Interval | None:
    """Return the 95% interval of the mean of skewed values that are never negative: Hall's cubic transformation."""
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    if n < 2 or spread == 0:
        return None
    mean, error, reach = float(values.mean()), spread / n**0.5, float(student.ppf(0.975, n - 1))
    skewness = float(skew(values)) / n**0.5
    if abs(skewness) < 1e-6:
        return Interval(max(0.0, mean - error * reach), mean + error * reach)

    def untransformed(quantile: float) -> float:
        return float(3 / skewness * (np.cbrt(1 + skewness * (quantile - skewness / 6)) - 1))

    low, high = (mean - error * untransformed(quantile) for quantile in (reach, -reach))
    return Interval(max(0.0, low), high)
