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
from inkling.metrics.intervals import Interval
from inkling.metrics.scores import check_predictions
from inkling.metrics.spread import Spread, spread

RESAMPLES = 10_000
"""Of the bootstrap; the ends of an interval then vary by about a hundredth of its length."""

LEVEL = 0.05
"""A difference is shown where its p-value is below this and its 95% interval leaves out 0."""


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same images: who named what right."""

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
        """Fraction that A names right."""
        return (self.both_right + self.only_a_right) / self.n

    @property
    def b_accuracy(self) -> float:
        """Fraction that B names right."""
        return (self.both_right + self.only_b_right) / self.n

    @property
    def difference(self) -> float:
        """Accuracy of A less that of B."""
        return (self.only_a_right - self.only_b_right) / self.n

    @property
    def shown(self) -> bool:
        """Whether one of them is shown to be better."""
        return _shown(self.interval, self.p_value)

    @property
    def verdict(self) -> str:
        """One sentence."""
        return _verdict(self, f"the same {self.n:,} {self.split} images", f"{p_words(self.p_value)} (exact McNemar)")

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
    a_accuracies: tuple[float, ...]  # one a seed
    b_accuracies: tuple[float, ...]
    interval: Interval  # of the difference of the means: other images and other seeds
    p_value: float  # of the same t statistic

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
        """Whether one of them is shown to be better."""
        return _shown(self.interval, self.p_value)

    @property
    def verdict(self) -> str:
        """One sentence."""
        seeds = " and ".join(str(count) for count in dict.fromkeys((self.a_spread.n, self.b_spread.n)))
        where = f"the same {self.n:,} {self.split} images, means over {seeds} seeds"
        return _verdict(self, where, f"{p_words(self.p_value)} (over seeds and images)")

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
        only one of them names right is as likely to be A's as B's. The interval is a paired bootstrap (Efron, 1979,
        Ann. Stat. 7:1). An image contributes -1, 0 or 1 to the difference, so a resample of images is one multinomial
        draw of the counts; half an image is added to each of the four counts before (Agresti and Min, 2005, Stat.
        Med. 24:729), without which the interval fails where few images tell the two apart: where none or one does,
        plain resampling covers the truth 63% of the time instead of 95%.

    Raises
    ------
    DataError
        If shapes do not fit together, or there is no image.
    """
    right_a, right_b = _right(labels, [probabilities_a, probabilities_b])
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
        Images, of which A alone names `only_a_right` right and B alone `only_b_right`.
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
        One a seed, of the same images in the same order.
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
        If shapes do not fit together, there is no image, or only one of the two has several seeds.
    """
    if len(probabilities_a) == len(probabilities_b) == 1:
        return compare_predictions(labels, probabilities_a[0], probabilities_b[0], a, b, split)
    if min(len(probabilities_a), len(probabilities_b)) < 2:
        raise DataError(
            f"expected one seed of both or several of both, found {len(probabilities_a)} of {a} and "
            f"{len(probabilities_b)} of {b}: compare what has as many"
        )
    n = len(labels)
    sides = [np.stack(_right(labels, of)).astype(np.float64) for of in (probabilities_a, probabilities_b)]  # (S, N)
    per_image = sides[0].mean(axis=0) - sides[1].mean(axis=0)  # (N,)
    difference = float(per_image.mean())
    # Half an image that only A names right and half a one that only B does, as in the comparison of two.
    of_images = ((np.square(per_image).sum() + 1) / (n + 2) - difference**2) / n
    of_seeds = [float(side.mean(axis=1).var(ddof=1)) / len(side) for side in sides]
    of_both = [float(side.var(axis=0, ddof=1).mean()) / (n * len(side)) for side in sides]
    beyond = max(0.0, sum(of_seeds) - sum(of_both))
    variance = of_images + beyond
    noise = sum(value**2 / (len(side) - 1) for value, side in zip(of_seeds, sides, strict=True))
    freedom = variance**2 / noise if beyond else np.inf
    error = float(variance**0.5)
    reach = error * float(stats.t.ppf(0.975, freedom))
    of_a, of_b = (tuple(float(accuracy) for accuracy in side.mean(axis=1)) for side in sides)
    interval = Interval(difference - reach, difference + reach)
    p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
    return ComparisonOverSeeds(a, b, split, n, of_a, of_b, interval, p_value)


def p_words(p_value: float) -> str:
    """Return a p-value as it is written."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"


def _right(labels: NDArray[np.int64], probabilities: Sequence[NDArray[np.floating[Any]]]) -> list[NDArray[np.bool_]]:
    for of_one in probabilities:
        check_predictions(labels, of_one)
    return [of_one.argmax(axis=1) == labels for of_one in probabilities]


def _shown(interval: Interval, p_value: float) -> bool:
    return p_value < LEVEL and not interval.low <= 0 <= interval.high


def _verdict(found: Comparison | ComparisonOverSeeds, where: str, p_value: str) -> str:
    """Say which is better, the better one first, or that neither is shown to be."""
    digits = 2 if found.n >= 2000 else 1
    sides = [(found.a, found.a_accuracy), (found.b, found.b_accuracy)]
    ends = [100 * found.interval.low, 100 * found.interval.high]
    points = 100 * found.difference
    if found.shown and points < 0:
        sides, ends, points = sides[::-1], [-end for end in ends[::-1]], -points
    (first, of_first), (second, of_second) = sides
    low, high, by = (f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−") for value in (*ends, points))
    numbers = (
        f"{of_first:.{digits}%} against {of_second:.{digits}%} of {where}, a difference of {by} points "
        f"[{low}, {high}], {p_value}"
    )
    if found.shown:
        return f"{first} is better than {second}: {numbers}."
    return f"A difference between {first} and {second} is not shown: {numbers}; chance alone could explain it."


def _common_json(found: Comparison | ComparisonOverSeeds) -> dict[str, Any]:
    return {
        "a": found.a,
        "b": found.b,
        "split": found.split,
        "n": found.n,
        "a_accuracy": found.a_accuracy,
        "b_accuracy": found.b_accuracy,
        "difference": found.difference,
        "interval": [found.interval.low, found.interval.high],
        "p_value": found.p_value,
        "shown": found.shown,
        "verdict": found.verdict,
    }
