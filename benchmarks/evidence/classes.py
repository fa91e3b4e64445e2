"""Which class is hardest, which confusion most frequent, and what an accuracy on unequal classes is worth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.class_misses import ClassMisses, hardest_class
from inkling.diagnosis.class_scores import score_classes
from inkling.metrics.f1 import macro_f1_interval
from inkling.metrics.homogeneity import LEVEL, most_frequent_p
from inkling.metrics.intervals import Interval, mean_of_proportions_interval, simultaneous_intervals

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def hardest_said(effort: Effort, rates: list[float], images: list[int]) -> Measured:
    """How often a class is called the hardest."""
    rng, times = np.random.default_rng(0), effort.times(1000)
    said = 0
    for _ in range(times):
        drawn = zip(images, rng.binomial(images, rates), strict=True)
        said += (
            hardest_class([ClassMisses(str(place), n, (int(count),)) for place, (n, count) in enumerate(drawn)])
            is not None
        )
    return rate(said, times, high=0.05)


def _all_equal_few(effort: Effort) -> Measured:
    return hardest_said(effort, [0.03] * 10, [36] * 10)


def _all_equal_many(effort: Effort) -> Measured:
    return hardest_said(effort, [0.02] * 10, [1000] * 10)


def _two_equal(effort: Effort) -> Measured:
    return hardest_said(effort, [0.06, 0.06] + [0.01] * 8, [1000] * 10)


def _confusion(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(1), effort.times(2000)
    counts = np.sort(rng.multinomial(60, [0.5, 0.5], times), axis=1)
    said = sum(most_frequent_p(int(most), int(second)) <= LEVEL for second, most in counts)
    return rate(said, times, high=0.05)


_TOTALS, _TRUTH = np.array([1000, 10, 100, 30]), np.array([0.99, 0.7, 0.9, 0.95])


def _simultaneous(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(2), effort.times(2000)
    held = sum(
        all(
            i is not None and i.low <= p <= i.high
            for i, p in zip(simultaneous_intervals(k, _TOTALS), _TRUTH, strict=True)
        )
        for k in rng.binomial(_TOTALS, _TRUTH, (times, 4))
    )
    return rate(held, times, low=0.95)


def _balanced(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(3), effort.times(2000)
    intervals = [mean_of_proportions_interval(k, _TOTALS) for k in rng.binomial(_TOTALS, _TRUTH, (times, 4))]
    return rate(sum(each.low <= _TRUTH.mean() <= each.high for each in intervals), times, low=0.94)


def _confused(
    rng: np.random.Generator, shape: tuple[int, int], mix: Floats, recalls: Floats, kind: str
) -> tuple[Ints, float]:
    """Confusion matrices of so many sets of n images drawn at random, and the macro-F1 of all images there are."""
    k = len(mix)
    if kind == "spread":  # over all other classes
        cells = np.repeat(((1 - recalls) / (k - 1))[:, np.newaxis], k, axis=1)
    else:  # to the neighbour, or all to the most frequent class
        wrong = (np.arange(k) + 1) % k if kind == "neighbour" else np.where(np.arange(k) == 0, 1, 0)
        cells = np.zeros((k, k))
        cells[np.arange(k), wrong] = 1 - recalls
    np.fill_diagonal(cells, recalls)
    cells *= (mix / mix.sum())[:, np.newaxis]
    truth = 2 * np.diag(cells) / (cells.sum(axis=1) + cells.sum(axis=0))
    times, n = shape
    drawn: Ints = rng.multinomial(n, (cells / cells.sum()).ravel(), times).reshape(times, k, k)
    return drawn, float(truth.mean())


def _unequal(effort: Effort, n: int, macro: bool) -> Measured:
    """Intervals in the worst of all settings; one that is not shown misses nothing."""
    rng, times = np.random.default_rng(n), effort.times(1000)
    worst, shown, tried = (1.0, ""), 0, 0
    for k, kind, accuracy in product((2, 4, 10), ("spread", "neighbour", "majority"), (0.7, 0.9, 0.99, 0.999)):
        for mix, of in (
            (np.ones(k), "equal"),
            (np.r_[np.ones(k - 1), 0.01], "one rare"),
            (100.0 ** (-np.arange(k) / (k - 1)), "100:1"),
        ):
            # Rare classes are found less often.
            recalls = np.maximum(0.3, 1 - (1 - accuracy) * (mix.max() / mix) ** 0.25)
            matrices, truth = _confused(rng, (times, n), mix, recalls, kind)
            whole = matrices[(matrices.sum(axis=2) > 0).all(axis=1)]  # of others less than all classes is known
            truth = truth if macro else float(recalls.mean())
            found = [
                each for each in map(macro_f1_interval if macro else _balanced_accuracy, whole) if each is not None
            ]
            missed = sum(not each.low <= truth <= each.high for each in found)
            shown, tried = shown + len(found), tried + times
            worst = min(worst, (1 - missed / times, f"{k} classes, {of}, mistakes {kind}, accuracy {accuracy}"))
    measured = rate(round(worst[0] * times), times, low=0.93)
    return Measured(f"at least {measured.shown} ({worst[1]}), shown in {shown / tried:.0%}", measured.reached)


def _balanced_accuracy(matrix: Ints) -> Interval | None:
    return mean_of_proportions_interval(np.diag(matrix), matrix.sum(axis=1))


def _worst(n: int, macro: bool) -> Callable[[Effort], Measured]:
    def measure(effort: Effort) -> Measured:
        return _unequal(effort, n, macro)

    return measure


def _noise(effort: Effort) -> Measured:
    """Answers drawn without a look at the image, at the rates of the labels or less rarely the rare class."""
    rng, times = np.random.default_rng(4), effort.times(2000)
    praised = 0
    for share in rng.uniform(0, 0.03, times):
        rare = rng.binomial([1000, 30], share)
        matrix = np.array([[1000 - rare[0], rare[0]], [30 - rare[1], rare[1]]])
        praised += score_classes(matrix, ("common", "rare")).beats_baseline
    return rate(praised, times, high=0.05)


CLAIMS = (
    Claim("X is the hardest class: all ten equal, n = 360", "at most 5%", _all_equal_few),
    Claim("X is the hardest class: all ten equal, n = 10,000", "at most 5%", _all_equal_many),
    Claim("X is the hardest class: two of ten equally hard, n = 10,000", "at most 5%", _two_equal),
    Claim("X predicted as Y is the most frequent confusion: two equally frequent", "at most 5%", _confusion),
    Claim("recalls of four classes, 1,000 to 10 images, all in their 95% intervals", "at least 95%", _simultaneous),
    Claim("the 95% interval of a balanced accuracy holds it, 1,000 to 10 images", "at least 94%", _balanced),
    *(
        Claim(
            f"the 95% interval of {score} is right or not shown, worst of 108 settings, n = {n:,}",
            "93%",
            _worst(n, score == "macro-F1"),
        )
        for score in ("balanced accuracy", "macro-F1")
        for n in (100, 300, 1000)
    ),
    Claim("better than the majority baseline: pure noise, 1,000 to 30 images", "at most 5%", _noise),
)
