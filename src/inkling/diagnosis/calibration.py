"""How sure is it? Whether it is right as often as it is sure, what a temperature mends, and what refusing images saves.

Confidence is the probability of the predicted class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.scores import check_predictions
from inkling.metrics.temperature import at_temperature

BINS = 15
"""Of confidence, as in Guo, Pleiss, Sun and Weinberger (2017, ICML)."""

DRAWS = 2000
"""Of what a calibrated classifier would show on the same images."""

SLIGHT_GAP = 0.01
"""Gaps (fractions) between confidence and accuracy below this are called slight: a convention, not a law."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Images of about the same confidence."""

    low: float  # confidence above this
    high: float  # and up to this
    n: int
    confidence: float  # mean
    accuracy: float
    accuracy_interval: Interval  # Wilson


@dataclass(frozen=True)
class Calibration:
    """How good the probabilities of a classifier are."""

    n: int
    accuracy: float
    confidence: float  # mean
    accuracy_if_calibrated: Interval  # 95% of calibrated classifiers of this confidence would show an accuracy in it
    ece: float  # expected calibration error, fraction
    ece_if_calibrated: float  # mean of what calibrated classifiers would show
    ece_limit: float  # one in a hundred of them would exceed it
    brier: float  # 0 (best) to 2
    brier_interval: Interval
    nll: float  # negative log-likelihood, nats an image
    nll_interval: Interval
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
            part.update({name: list(of.values()) for name, of in part.items() if isinstance(of, dict)})
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
        found = self.before
        digits = 2 if found.n >= 2000 else 1
        rates = (
            f"on average it is {found.confidence:.{digits}%} sure and {found.accuracy:.{digits}%} right "
            f"(ECE {found.ece:.3f}, n = {found.n:,}"
        )
        if found.level in ("overconfident", "underconfident"):
            slightly = "slightly " if abs(found.confidence - found.accuracy) < SLIGHT_GAP else ""
            first = f"It is {slightly}{found.level}: {rates})"
        elif found.level == "none shown":
            by_chance = f"chance alone makes {found.ece_if_calibrated:.3f}"
            first = f"It is as sure as it is right, as far as these images show: {rates}; {by_chance})"
        else:
            first = f"It is too sure of some images and not sure enough of others: {rates})"
        if self.temperature is None or self.after is None:
            return f"{first}."
        fitted = f"a temperature of {self.temperature:.2g} fitted on validation"
        if f"{self.after.ece:.3f}" < f"{found.ece:.3f}":
            return f"{first}; {fitted} brings the {self.split} ECE to {self.after.ece:.3f}."
        return f"{first}; {fitted} does not lower the {self.split} ECE ({self.after.ece:.3f})."

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
        Expected calibration error: mean over bins of |accuracy - confidence|, weighted by their images (Naeini, Cooper
        and Hauskrecht, 2015, AAAI; Guo et al., 2017). It is above 0 even where every probability is right, so it is
        given with what chance makes of it: in each bin, the number right is drawn again as if confidence were the
        chance to be right (consistency resampling: Bröcker and Smith, 2007, Weather Forecast. 22:651). Brier score:
        mean over images of the squared distance between probabilities and the label as 0 and 1 (Brier, 1950, Mon.
        Weather Rev. 78:1). The intervals of Brier score and negative log-likelihood are mean ± 1.96 standard errors.

    Raises
    ------
    DataError
        If shapes do not fit together, or there is no image.
    """
    check_predictions(labels, probabilities)
    n = len(labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    found = _bins(confidence, right, bins, adaptive)
    sizes = np.array([of.n for of in found])
    confidences = np.array([of.confidence for of in found])
    accuracies = np.array([of.accuracy for of in found])
    # Seeded, so that the same predictions are always judged in the same way.
    drawn = np.random.default_rng(0).binomial(sizes, np.minimum(confidences, 1), (DRAWS, len(found)))
    by_chance = np.abs(drawn - sizes * confidences).sum(axis=1) / n
    low, high = np.quantile(drawn.sum(axis=1), (0.025, 0.975), method="inverted_cdf") / n
    distances = np.square(probabilities, dtype=np.float64).sum(axis=1)
    of_label = probabilities[np.arange(n), labels].astype(np.float64)
    brier, brier_interval = _mean(distances - 2 * of_label + 1)
    nll, nll_interval = _mean(-np.log(np.maximum(of_label, np.finfo(np.float32).tiny)))
    return Calibration(
        n=n,
        accuracy=float(right.mean()),
        confidence=float(confidence.mean()),
        accuracy_if_calibrated=Interval(float(low), float(high)),
        ece=float(sizes @ np.abs(accuracies - confidences) / n),
        ece_if_calibrated=float(by_chance.mean()),
        ece_limit=float(np.quantile(by_chance, 0.99)),
        brier=brier,
        brier_interval=brier_interval,
        nll=nll,
        nll_interval=nll_interval,
        bins=found,
    )


def diagnose_calibration(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    temperature: float | None = None,
    split: str = "test",
) -> CalibrationDiagnosis:
    """Say whether a classifier is too sure, and what its temperature mends.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    temperature : float, optional
        From `training.temperature.fit_temperature` on validation images.
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


def _bins(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int, adaptive: bool
) -> tuple[ReliabilityBin, ...]:
    if adaptive:
        edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
        edges[0] = 0.0
    else:
        edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)
    found = []
    for number in np.unique(place):
        inside = place == number
        n, correct = int(inside.sum()), int(right[inside].sum())
        low, high = float(edges[number]), float(edges[number + 1])
        mean = float(confidence[inside].mean())
        found.append(ReliabilityBin(low, high, n, mean, correct / n, wilson_interval(correct, n)))
    return tuple(found)


def _mean(values: NDArray[np.float64]) -> tuple[float, Interval]:
    """Return the mean of values that are never negative, with its 95% interval."""
    mean = float(values.mean())
    reach = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else mean
    return mean, Interval(max(0.0, mean - reach), mean + reach)
