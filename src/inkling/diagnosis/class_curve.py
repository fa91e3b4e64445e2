"""The learning curve of one class: what more images of it would do, as far as its power law goes on."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.data_size import LearningCurve
from inkling.metrics.intervals import Interval

FARTHEST = 10
"""Times its present images: a number of images to halve an error whose upper end lies beyond is called unknown."""


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """The power law of one class. Its intervals hold for all classes of the study at once, at 95%."""

    name: str
    curve: LearningCurve  # by the class's own training images
    confidence: float  # of each interval: 1 - 0.05 / classes
    more: int  # images whose gain is compared

    @property
    def images(self) -> int:
        """Training images of the class at the largest size."""
        return self.curve.sizes[-1]

    @property
    def test_images(self) -> int:
        """Test images of the class."""
        return self.curve.n_test

    @property
    def error(self) -> float:
        """Fraction of its test images misclassified at the largest size, mean over seeds: 1 - recall."""
        return self.curve.mean_errors[-1]

    @property
    def forecasts(self) -> bool:
        """Whether the law meets the error at the largest size, so that anything is said of more images."""
        return self.curve.forecasts

    @property
    def at_twice(self) -> float:
        """Error with twice as many images, by the law."""
        return self.curve.error_at(2 * self.images)

    @property
    def at_twice_interval(self) -> Interval:
        """Prediction interval: of the mean of as many seeds on as many test images."""
        return self.curve.measured_interval(2 * self.images, self.confidence)

    @property
    def gain(self) -> float:
        """By how much the next images of the class lower its error, by the law; fraction of its images."""
        return self.curve.error_at(self.images) - self.curve.error_at(self.images + self.more)

    @property
    def gain_interval(self) -> Interval:
        """Of the gain."""
        return _interval(self.drawn_gains, self.confidence)

    @property
    def drawn_gains(self) -> NDArray[np.float64]:
        """The gain by each law of the bootstrap, shape (draws,)."""
        return self.curve.drawn_errors(self.images) - self.curve.drawn_errors(self.images + self.more)

    def gains_more_than(self, other: ClassCurve) -> bool:
        """Whether the 95% interval of the difference of the two gains lies above 0."""
        # Draws of both begin with the laws without a floor: they are independent in any order but this.
        paired = np.random.default_rng(0).permutation(other.drawn_gains)
        return _interval(self.drawn_gains - paired, 0.95).low > 0

    @property
    def to_halve(self) -> float:
        """More images of the class that would halve its error, by the law; infinite where nothing does."""
        law = np.array([[self.curve.a, self.curve.b, self.curve.c]])
        return float(_more_to_halve(law, self.images)[0])

    @property
    def to_halve_interval(self) -> Interval:
        """Of that number; the upper end may be infinite."""
        return _interval(_more_to_halve(self.curve.laws, self.images), self.confidence)

    @property
    def least_to_halve(self) -> float | None:
        """The lower end of that interval; None where it is infinite."""
        return _finite(self.to_halve_interval.low)

    @property
    def halving_shown(self) -> bool:
        """Whether the number of images to halve the error is known well enough to be said."""
        limit = FARTHEST * self.images
        return self.forecasts and self.to_halve <= limit and self.to_halve_interval.high <= limit

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; what is not forecast or infinite is None."""
        known = self.forecasts
        halve = self.to_halve_interval
        return {
            "class": self.name,
            "images": self.images,
            "test_images": self.test_images,
            "error": self.error,
            "forecasts": known,
            "error_at_twice": self.at_twice if known else None,
            "error_at_twice_interval": _ends(self.at_twice_interval) if known else None,
            "gain": self.gain if known else None,
            "gain_interval": _ends(self.gain_interval) if known else None,
            "more_to_halve": _finite(self.to_halve) if known else None,
            "more_to_halve_interval": [_finite(halve.low), _finite(halve.high)] if known else None,
            "halving_shown": self.halving_shown,
        }


def _more_to_halve(laws: NDArray[np.float64], images: int) -> NDArray[np.float64]:
    """Images beyond those there are at which laws (D, 3) give half their present error; infinite where none does."""
    a, b, c = laws.T
    above = (a * float(images) ** -b - c) / 2  # half the present error, less the floor
    falls = (above > 0) & (b > 0)
    with np.errstate(over="ignore"):  # a law that hardly falls
        needed = (a / np.where(falls, above, 1.0)) ** (1 / np.where(falls, b, 1.0))
    more: NDArray[np.float64] = np.where(falls, np.maximum(needed - images, 0.0), np.inf)
    return more


def _interval(drawn: NDArray[np.float64], confidence: float) -> Interval:
    """The middle part of draws (D,), of which some may be infinite."""
    tail = (1 - confidence) / 2
    low = np.quantile(drawn, tail, method="lower")
    high = np.quantile(drawn, 1 - tail, method="higher")
    return Interval(float(low), float(high))


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
