"""Is A better than B? Two classifiers, or two that were trained with several seeds, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from inkling.errors import DataError
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval
from inkling.metrics.scores import check_predictions
from inkling.metrics.spread import Spread, spread

RESAMPLES = 10_000
"""Of the bootstrap; the ends of an interval then vary by about a hundredth of its length."""

LEVEL = 0.05
"""A difference is statistically significant where its p-value is below this and its 95% interval leaves out 0."""


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
    interval: Interval  # of the difference, paired bootstrap
    p_value: float  # exact McNemar

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
    def shown(self) -> bool:
        """Whether the difference is statistically significant."""
        return _shown(self.interval, self.p_value)

    @property
    def verdict(self) -> str:
        """One sentence."""
        return _verdict(self, f"the same {self.n:,} {self.split} images", "exact McNemar test")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        counts = ("both_right", "only_a_right", "only_b_right", "both_wrong")
        return {**_common_json(self), **{name: getattr(self, name) for name in counts}}


@dataclass(frozen=True)
class ComparisonOverSeeds:
    """Two ways of training, each with several seeds, on the same images."""

    a: str
    b: str
    split: str
    n: int
    a_accuracies: tuple[float, ...]  # one per seed
    b_accuracies: tuple[float, ...]
    interval: Interval  # of the difference of the means: other images and other seeds
    p_value: float  # of the t test with the same variance

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
    def shown(self) -> bool:
        """Whether the difference is statistically significant."""
        return _shown(self.interval, self.p_value)

    @property
    def verdict(self) -> str:
        """One sentence."""
        seeds = " and ".join(str(count) for count in dict.fromkeys((self.a_spread.n, self.b_spread.n)))
        where = f"the same {self.n:,} {self.split} images, means over {seeds} seeds"
        return _verdict(self, where, "t test over seeds and images")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        return {
            **_common_json(self),
            "a_accuracies": list(self.a_accuracies),
            "b_accuracies": list(self.b_accuracies),
            "a_sd": self.a_spread.sd,
            "b_sd": self.b_spread.sd,
        }


def compare_predictions(
    labels: NDArray[np.int64],
    probabilities_a: NDArray[np.floating[Any]],
    probabilities_b: NDArray[np.floating[Any]],
    a: str = "A",
    b: str = "B",
    split: str = "test",
    seed: int = 0,
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
        Of the bootstrap.

    Returns
    -------
    Comparison
        The p-value is the exact one of McNemar (1947, Psychometrika 12:153): where both are as good, each image that
        only one of them classifies correctly is as likely to be A's as B's. The interval is a paired bootstrap (Efron,
        1979, Ann. Stat. 7:1). An image contributes -1, 0 or 1 to the difference, so a resample of images is one
        multinomial draw of the counts; half an image is added to each of the four counts before (Agresti and Min,
        2005, Stat. Med. 24:729), without which the interval fails where few images are classified correctly by only
        one of the two: where none or one is, plain resampling covers the truth 63% of the time instead of 95%.

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
    p_value = float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    n = len(labels)
    interval = difference_of_paired(n, only_a, only_b, seed)
    return Comparison(a, b, split, n, both, only_a, only_b, neither, interval, p_value)


def difference_of_paired(n: int, only_a_right: int, only_b_right: int, seed: int = 0) -> Interval:
    """Return the 95% paired bootstrap interval of the difference of two accuracies on the same n images.

    Parameters
    ----------
    n : int
        Images, of which only A classifies `only_a_right` correctly and only B `only_b_right`.
    seed : int
        Of the bootstrap.
    """
    rest = n - only_a_right - only_b_right  # both right or both wrong: 0 to the difference
    chances = np.array([only_a_right + 0.5, only_b_right + 0.5, rest + 1]) / (n + 2)
    drawn = np.random.default_rng(seed).multinomial(n, chances, RESAMPLES)
    low, high = np.quantile(drawn[:, 0] - drawn[:, 1], (0.025, 0.975), method="inverted_cdf") / n
    return Interval(float(low), float(high))


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
        With one seed of each, what `compare_predictions` says. With more, the variance of the mean difference has two
        sources: which images there were, and which seeds. Both are estimated, and what belongs to single images in
        single runs, and is in both, is taken off once (two-way clustering: Cameron, Gelbach and Miller, 2011,
        J. Bus. Econ. Stat. 29:238; Owen, 2007, Ann. Appl. Stat. 1:386). The interval is Student's t with the degrees
        of freedom of Welch and Satterthwaite (1946, Biometrics Bull. 2:110). A bootstrap over three seeds would be
        far too narrow. Seeds of A and B are treated as independent; where equal seeds share training images, that
        errs on the careful side.

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
    n = len(labels)
    sides = [np.stack(_correct(labels, runs)).astype(float) for runs in (probabilities_a, probabilities_b)]  # (S, N)
    per_image = sides[0].mean(axis=0) - sides[1].mean(axis=0)  # (N,)
    difference = float(per_image.mean())
    # Half an image that only A classifies correctly and half a one that only B does, as in the comparison of two.
    image_variance = ((np.square(per_image).sum() + 1) / (n + 2) - difference**2) / n
    seed_variances = [float(side.mean(axis=1).var(ddof=1)) / len(side) for side in sides]
    shared_variances = [float(side.var(axis=0, ddof=1).mean()) / (n * len(side)) for side in sides]
    seeds_alone = max(0.0, sum(seed_variances) - sum(shared_variances))
    variance = image_variance + seeds_alone
    noise = sum(value**2 / (len(side) - 1) for value, side in zip(seed_variances, sides, strict=True))
    freedom = variance**2 / noise if seeds_alone else np.inf
    error = float(variance**0.5)
    reach = error * float(stats.t.ppf(0.975, freedom))
    accuracies_a, accuracies_b = (tuple(float(accuracy) for accuracy in side.mean(axis=1)) for side in sides)
    interval = Interval(difference - reach, difference + reach)
    p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
    return ComparisonOverSeeds(a, b, split, n, accuracies_a, accuracies_b, interval, p_value)


def p_words(p_value: float) -> str:
    """Return a p-value as it is written."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"


def _correct(labels: NDArray[np.int64], runs: Sequence[NDArray[np.floating[Any]]]) -> list[NDArray[np.bool_]]:
    for probabilities in runs:
        check_predictions(labels, probabilities)
    return [probabilities.argmax(axis=1) == labels for probabilities in runs]


def _shown(interval: Interval, p_value: float) -> bool:
    return p_value < LEVEL and not interval.low <= 0 <= interval.high


def _verdict(compared: Comparison | ComparisonOverSeeds, where: str, test: str) -> str:
    """Say which is better, the better one first, or that there is no significant difference."""
    sides = [(compared.a, compared.a_accuracy), (compared.b, compared.b_accuracy)]
    difference, interval = compared.difference, compared.interval
    if compared.shown and difference < 0:
        sides, difference, interval = sides[::-1], -difference, Interval(-interval.high, -interval.low)
    (first, first_accuracy), (second, second_accuracy) = sides
    n = compared.n
    numbers = (
        f"accuracy {percent(first_accuracy, n)} against {percent(second_accuracy, n)} on {where}, difference "
        f"{points(difference, n)} points {points_interval(interval, n)}, {p_words(compared.p_value)} ({test})"
    )
    if compared.shown:
        return f"{first} is better than {second}: {numbers}."
    return f"No significant difference between {first} and {second}: {numbers}."


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
        "shown": compared.shown,
        "verdict": compared.verdict,
    }
