"""Is A better than B? Two classifiers, or two that were trained with several seeds, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.equivalence import MARGIN, Equivalence, equal_within
from inkling.diagnosis.power import Power, power_of_two, power_over_seeds
from inkling.diagnosis.uncertainty import Uncertainty, uncertainty_of
from inkling.errors import DataError
from inkling.metrics.formatting import digits_apart, p_words, percent, points, points_interval
from inkling.metrics.intervals import Interval
from inkling.metrics.over_seeds import SeedsDifference, seeds_difference
from inkling.metrics.paired import PairedDifference
from inkling.metrics.scores import check_predictions
from inkling.metrics.spread import Spread, spread

LEVEL = 0.05
"""A difference is statistically significant where its p-value is below this: exactly where its 95% interval, which
inverts the same test, leaves out 0. Of several comparisons the p-value adjusted for all of them decides."""


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same images: what each classified correctly."""

    a: str  # what A is called
    b: str
    split: str
    n: int
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    interval: Interval  # 95%, of the difference
    p_value: float  # mid-p McNemar
    adjusted_p: float | None = None  # Holm, as one of several comparisons
    tests: int = 1  # comparisons of that family

    @property
    def a_accuracy(self) -> float:
        """Fraction that A classifies correctly."""
        return (self.both_right + self.only_a_right) / self.n

    @property
    def b_accuracy(self) -> float:
        """Fraction that B classifies correctly."""
        return (self.both_right + self.only_b_right) / self.n

    @property
    def difference(self) -> float:
        """Accuracy of A less that of B."""
        return (self.only_a_right - self.only_b_right) / self.n

    @property
    def measured(self) -> PairedDifference:
        """The difference, and how far chance may take it."""
        return PairedDifference(self.n, self.only_a_right, self.only_b_right)

    @property
    def digits(self) -> int:
        """After the point, that the two accuracies take in percent to read apart."""
        return digits_apart(self.a_accuracy, self.b_accuracy, self.n)

    @property
    def shown(self) -> bool:
        """Whether the difference is statistically significant: of these two trained models, not of their kinds."""
        return _shown(self)

    @property
    def verdict(self) -> str:
        """One or two sentences, about these two trained models."""
        text = _verdict(self, f"the same {self.n:,} {self.split} images", "mid-p McNemar test")
        if not self.shown:
            return text
        return f"{text} This is about these two trained models; of how they were trained, one seed each says nothing."

    @cached_property
    def power(self) -> Power:
        """What so many images could show."""
        return power_of_two(self.measured, LEVEL / self.tests)

    def equal_within(self, margin: float = MARGIN) -> Equivalence:
        """Test that the two are equally accurate within a margin, a fraction: 0.005 is half a point."""
        return equal_within(self.measured, self.n, margin, self.a, self.b)

    def among(self, adjusted_p: float, tests: int) -> Comparison:
        """Return the same as one of so many comparisons, with its p-value adjusted for all of them."""
        return replace(self, adjusted_p=adjusted_p, tests=tests)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        counts = ("both_right", "only_a_right", "only_b_right", "both_wrong")
        return {**_common_json(self), "about": "runs", **{name: getattr(self, name) for name in counts}}


@dataclass(frozen=True)
class ComparisonOverSeeds:
    """Two ways of training, each with several seeds, on the same images."""

    a: str
    b: str
    split: str
    n: int
    a_accuracies: tuple[float, ...]  # one per seed
    b_accuracies: tuple[float, ...]
    interval: Interval  # 95%, of the difference of the means: other images and other seeds
    p_value: float  # of the test that the interval inverts
    measured: SeedsDifference  # the difference, and how far chance may take it
    adjusted_p: float | None = None  # Holm, as one of several comparisons
    tests: int = 1  # comparisons of that family

    @cached_property
    def a_spread(self) -> Spread:
        """Mean and spread of A's accuracy over seeds."""
        return spread(self.a_accuracies)

    @cached_property
    def b_spread(self) -> Spread:
        """Mean and spread of B's accuracy over seeds."""
        return spread(self.b_accuracies)

    @property
    def a_accuracy(self) -> float:
        """Mean over seeds."""
        return self.a_spread.mean

    @property
    def b_accuracy(self) -> float:
        """Mean over seeds."""
        return self.b_spread.mean

    @property
    def difference(self) -> float:
        """Mean accuracy of A less that of B."""
        return self.a_accuracy - self.b_accuracy

    @property
    def digits(self) -> int:
        """After the point, that the two accuracies take in percent to read apart."""
        return digits_apart(self.a_accuracy, self.b_accuracy, self.n)

    @property
    def shown(self) -> bool:
        """Whether the difference is statistically significant."""
        return _shown(self)

    @property
    def verdict(self) -> str:
        """One sentence."""
        seeds = " and ".join(str(count) for count in dict.fromkeys((self.a_spread.n, self.b_spread.n)))
        where = f"the same {self.n:,} {self.split} images, means over {seeds} seeds"
        return _verdict(self, where, "t test over seeds and images")

    @cached_property
    def power(self) -> Power:
        """What so many images and seeds could show."""
        return power_over_seeds(self.measured, self.n, LEVEL / self.tests)

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """What images and seeds each add to the uncertainty."""
        return uncertainty_of(self.measured)

    def equal_within(self, margin: float = MARGIN) -> Equivalence:
        """Test that the two are equally accurate within a margin, a fraction: 0.005 is half a point."""
        return equal_within(self.measured, self.n, margin, self.a, self.b)

    def among(self, adjusted_p: float, tests: int) -> ComparisonOverSeeds:
        """Return the same as one of so many comparisons, with its p-value adjusted for all of them."""
        return replace(self, adjusted_p=adjusted_p, tests=tests)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        return {
            **_common_json(self),
            "about": "networks",
            "a_accuracies": list(self.a_accuracies),
            "b_accuracies": list(self.b_accuracies),
            "a_sd": self.a_spread.sd,
            "b_sd": self.b_spread.sd,
            "uncertainty": self.uncertainty.to_dict(),
        }


def compare_predictions(
    labels: NDArray[np.int64],
    probabilities_a: NDArray[np.floating[Any]],
    probabilities_b: NDArray[np.floating[Any]],
    a: str = "A",
    b: str = "B",
    split: str = "test",
    seed: int = 0,  # noqa: ARG001
) -> Comparison:
    """Compare two classifiers on the same images.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities_a, probabilities_b : ndarray of float, shape (N, K)
        Of the same images, in the same order.
    a, b : str
        What the two are called in the verdict.
    split : str
        What the images are called in it.
    seed : int
        Has no effect: nothing is drawn.

    Returns
    -------
    Comparison
        The p-value and the interval, which leaves out 0 exactly where p is below 0.05, are those of
        `metrics.paired.PairedDifference`: McNemar's test with mid-p, and Tango's score interval. Both speak of these
        two classifiers on other images. That one network or recipe is better than another takes several seeds of each,
        for `compare_over_seeds`: one recipe with two seeds often gives classifiers that differ significantly.

    Raises
    ------
    DataError
        As `diagnosis.calibration.measure_calibration`.
    """
    right_a, right_b = _correct(labels, [probabilities_a, probabilities_b])
    both, only_a, only_b, neither = (
        int(np.count_nonzero(where))
        for where in (right_a & right_b, right_a & ~right_b, right_b & ~right_a, ~(right_a | right_b))
    )
    n = len(labels)
    measured = PairedDifference(n, only_a, only_b)
    return Comparison(a, b, split, n, both, only_a, only_b, neither, measured.interval(), measured.p_value)


def difference_of_paired(n: int, only_a_right: int, only_b_right: int) -> Interval:
    """Return the 95% interval of the difference of two accuracies on the same n images.

    Parameters
    ----------
    n : int
        Images, of which only A classifies `only_a_right` correctly and only B `only_b_right`.
    """
    return PairedDifference(n, only_a_right, only_b_right).interval()


def compare_over_seeds(
    labels: NDArray[np.int64],
    probabilities_a: Sequence[NDArray[np.floating[Any]]],
    probabilities_b: Sequence[NDArray[np.floating[Any]]],
    a: str = "A",
    b: str = "B",
    split: str = "test",
) -> Comparison | ComparisonOverSeeds:
    """Compare two ways of training, each with several seeds, as other seeds and other images would.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities_a, probabilities_b : sequence of ndarray of float, shape (N, K)
        One per seed, of the same images in the same order.
    a, b, split : str
        As in `compare_predictions`.

    Returns
    -------
    Comparison or ComparisonOverSeeds
        With one seed of each, what `compare_predictions` says, which is about two trained networks. With more, the
        interval and p-value of `metrics.over_seeds.SeedsDifference`, which allow for other images and other seeds.
        Seeds of A and B are treated as independent; where equal seeds share training images, that errs on the careful
        side.

    Raises
    ------
    DataError
        As `diagnosis.calibration.measure_calibration`, and if only one of the two has several seeds.
    """
    if len(probabilities_a) == len(probabilities_b) == 1:
        return compare_predictions(labels, probabilities_a[0], probabilities_b[0], a, b, split)
    if min(len(probabilities_a), len(probabilities_b)) < 2:
        raise DataError(
            f"expected one seed of both or several of both, found {len(probabilities_a)} of {a} and "
            f"{len(probabilities_b)} of {b}: compare what has as many"
        )
    right_a, right_b = (_correct(labels, runs) for runs in (probabilities_a, probabilities_b))
    measured = seeds_difference(right_a, right_b)
    of_a, of_b = (tuple(float(right.mean()) for right in runs) for runs in (right_a, right_b))
    return ComparisonOverSeeds(a, b, split, len(labels), of_a, of_b, measured.interval(), measured.p_value, measured)


def _correct(labels: NDArray[np.int64], runs: Sequence[NDArray[np.floating[Any]]]) -> list[NDArray[np.bool_]]:
    for probabilities in runs:
        check_predictions(labels, probabilities)
    return [probabilities.argmax(axis=1) == labels for probabilities in runs]


def _shown(compared: Comparison | ComparisonOverSeeds) -> bool:
    return (compared.p_value if compared.adjusted_p is None else compared.adjusted_p) < LEVEL


def _verdict(compared: Comparison | ComparisonOverSeeds, where: str, test: str) -> str:
    """Say which is better, the better one first, or that there is no significant difference.

    Of one trained network each, "better" is what they did on these images.
    """
    sides = [(compared.a, compared.a_accuracy), (compared.b, compared.b_accuracy)]
    difference, interval = compared.difference, compared.interval
    if compared.shown and difference < 0:
        sides, difference, interval = sides[::-1], -difference, Interval(-interval.high, -interval.low)
    (first, first_accuracy), (second, second_accuracy) = sides
    n, digits = compared.n, compared.digits
    p, method = p_words(compared.p_value), test
    if compared.adjusted_p is not None:
        p += f", {p_words(compared.adjusted_p)} adjusted for {compared.tests} comparisons"
        method += ", Holm"
    accuracies = f"{percent(first_accuracy, n, digits=digits)} against {percent(second_accuracy, n, digits=digits)}"
    numbers = (
        f"difference {points(difference, n, digits)} points {points_interval(interval, n, digits)}, {p} ({method})"
    )
    if not compared.shown:
        said = f"No significant difference between {first} and {second}"
        if compared.p_value < LEVEL:
            said += f" once all {compared.tests} comparisons are allowed for, though this interval alone leaves out 0"
        return f"{said}: accuracy {accuracies} on {where}, {numbers}."
    if isinstance(compared, Comparison):
        return f"{first} classified more of {where} correctly than {second}: {accuracies}, {numbers}."
    return f"{first} is better than {second}: accuracy {accuracies} on {where}, {numbers}."


def _common_json(compared: Comparison | ComparisonOverSeeds) -> dict[str, Any]:
    return {
        "a": compared.a,
        "b": compared.b,
        "split": compared.split,
        "n": compared.n,
        "a_accuracy": compared.a_accuracy,
        "b_accuracy": compared.b_accuracy,
        "difference": compared.difference,
        "interval": [compared.interval.low, compared.interval.high],
        "p_value": compared.p_value,
        "adjusted_p": compared.adjusted_p,
        "comparisons": compared.tests,
        "shown": compared.shown,
        "verdict": compared.verdict,
        "power": compared.power.to_dict(),
    }
