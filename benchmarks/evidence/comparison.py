"""Is one better than the other: equal classifiers and networks trained again, few seeds, many comparisons."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling import build_network, recipe, train
from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds, compare_over_seeds, compare_predictions
from inkling.diagnosis.equivalence import equal_within
from inkling.diagnosis.power import power_of_two
from inkling.diagnosis.uncertainty import uncertainty_of
from inkling.metrics.multiple import holm
from inkling.metrics.over_seeds import SeedsDifference, seeds_difference
from inkling.metrics.paired import PairedDifference, mid_p
from inkling.studies.comparison import SizedComparison, adjusted

SEEDS = 3
PAIRS = 40


@lru_cache(maxsize=1)
def _retrained(quick: bool, count: int) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Labels of the test images, and the probabilities of so many perceptrons of one recipe that differ by seed."""
    splits = mnist_images(quick).with_train_size(300 if quick else 1000, seed=0)
    found = []
    for seed in range(count):
        network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes, seed=seed)
        for _ in train(network, splits, recipe("reference", epochs=2 if quick else 8, seed=seed)):
            pass
        found.append(network.predict_proba(splits.test.images))
    return splits.test.labels, found


def _networks(effort: Effort) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    return _retrained(effort.quick, 2 * SEEDS * effort.times(PAIRS))


def _about_networks(found: Comparison | ComparisonOverSeeds) -> bool:
    return " is better than " in found.verdict


def _one_seed(effort: Effort) -> Measured:
    labels, networks = _networks(effort)
    found = [compare_predictions(labels, a, b) for a, b in zip(networks[::2], networks[1::2], strict=True)]
    said = rate(sum(map(_about_networks, found)), len(found), high=0.05)
    runs = np.mean([each.shown for each in found])
    return Measured(f"{said.shown} pairs about networks; {runs:.0%} say that the two runs differ", said.reached)


def _four_of_one_seed(effort: Effort) -> Measured:
    labels, networks = _networks(effort)
    fours = [networks[start : start + 4] for start in range(0, len(networks) - 3, 4)]
    about_networks = about_runs = 0
    for four in fours:
        pairs = [compare_predictions(labels, a, b) for a, b in combinations(four, 2)]
        found = adjusted([SizedComparison(1000, (0,), pair, pair.equal_within()) for pair in pairs])
        about_networks += any(_about_networks(each.comparison) for each in found)
        about_runs += any(each.comparison.shown for each in found)
    said = rate(about_networks, len(fours), high=0.05)
    return Measured(f"{said.shown} about networks; {about_runs / len(fours):.0%} about runs", said.reached)


def _same_recipe_over_seeds(effort: Effort) -> Measured:
    labels, networks = _networks(effort)
    groups = [networks[start : start + 2 * SEEDS] for start in range(0, len(networks), 2 * SEEDS)]
    found = [compare_over_seeds(labels, group[:SEEDS], group[SEEDS:]) for group in groups]
    return rate(sum(each.shown for each in found), len(found), high=0.05)


def _drawn(
    rng: np.random.Generator, n: int, accuracy: float, seeds: int, sd: float, hard: NDArray[np.float64]
) -> list[NDArray[np.bool_]]:
    """Which images are classified correctly by each seed, the accuracy of all seeds and images known exactly.

    Images are hard for all networks, for this one, and in this run; the luck of a seed shifts all of them.
    """
    own = rng.normal(0, 0.5**0.5, n)
    each = rng.normal(size=(seeds, n)) + rng.normal(0, sd, (seeds, 1))
    limit = norm.ppf(accuracy) * (4 + 0.5 + 1 + sd**2) ** 0.5
    return list(2 * hard + own + each + limit > 0)


def _family(effort: Effort, seeds: int) -> Measured:
    rng, times, any_better = np.random.default_rng(1), effort.times(1000), 0
    for _ in range(times):
        p_values = []
        for _ in range(4):  # training sizes
            hard = rng.normal(size=1000)
            networks = [_drawn(rng, 1000, 0.95, seeds, 0.1 if seeds > 1 else 0.0, hard) for _ in range(4)]
            for a, b in combinations(networks, 2):
                if seeds > 1:
                    p_values.append(seeds_difference(a, b).p_value)
                else:
                    p_values.append(float(mid_p(int((a[0] & ~b[0]).sum()), int((b[0] & ~a[0]).sum()))))
        any_better += min(holm(p_values)) < 0.05
    return rate(any_better, times, high=0.05)


def _contradictions(effort: Effort) -> Measured:
    rng, times, contradicted = np.random.default_rng(2), effort.times(2000), 0
    for _ in range(times):
        n = int(rng.choice([30, 360, 10_000]))
        accuracies = rng.choice([0.8, 0.97, 0.999], 2)
        hard = rng.normal(size=n)
        seeds = int(rng.integers(1, 4))
        a, b = (
            [np.eye(2)[(~right).astype(int)] for right in _drawn(rng, n, accuracy, seeds, 0.1, hard)]
            for accuracy in accuracies
        )
        found = compare_over_seeds(np.zeros(n, np.int64), a, b)
        contradicted += found.shown == (found.interval.low <= 0 <= found.interval.high)
        several = found.among(min(1.0, 3 * found.p_value), 3)
        unlike = several.shown == (several.interval.low <= 0 <= several.interval.high)
        contradicted += unlike and "though this interval alone leaves out 0" not in several.verdict
    return rate(contradicted, 2 * times)


def _one_side_dominates(effort: Effort, seeds: int) -> Measured:
    rng, times, held, widest = np.random.default_rng(3), effort.times(2000), 0, 0.0
    for _ in range(times):
        hard = rng.normal(size=1000)
        found = seeds_difference(_drawn(rng, 1000, 0.9, seeds, 0.4, hard), _drawn(rng, 1000, 0.95, seeds, 0.0, hard))
        interval = found.interval()
        held += interval.low <= 0.9 - 0.95 <= interval.high
        widest = max(widest, -interval.low, interval.high)
    covered = rate(held, times, 0.94, 0.97)
    return Measured(f"{covered.shown}; farthest end {100 * widest:.0f} points", covered.reached and widest <= 1)


def _power(effort: Effort, n: int, only_one: float) -> Measured:
    times = effort.times(4000)
    even = round(n * only_one / 2)
    smallest = power_of_two(PairedDifference(n, even, even)).smallest
    chances = [(only_one + smallest) / 2, (only_one - smallest) / 2, 1 - only_one]
    of_a, of_b, _ = np.random.default_rng(4).multinomial(n, chances, times).T
    return rate(int(np.sum(mid_p(of_a, of_b) < 0.05)), times, 0.77, 0.83)


def _equal_at_the_margin(effort: Effort) -> Measured:
    n, margin, only_one, times = 10_000, 0.005, 0.02, effort.times(2000)
    chances = [(only_one + margin) / 2, (only_one - margin) / 2, 1 - only_one]
    drawn = np.random.default_rng(5).multinomial(n, chances, times)
    called = [equal_within(PairedDifference(n, a, b), n, margin, "A", "B").shown for a, b, _ in drawn.tolist()]
    return rate(sum(called), times, high=0.05)


def _equal_over_seeds_at_the_margin(effort: Effort) -> Measured:
    rng, times, called = np.random.default_rng(6), effort.times(1000), 0
    for _ in range(times):
        hard = rng.normal(size=2000)
        a, b = (_drawn(rng, 2000, accuracy, SEEDS, 0.05, hard) for accuracy in (0.95, 0.97))
        called += equal_within(seeds_difference(a, b), 2000, 0.02, "A", "B").shown
    return rate(called, times, high=0.05)


def _more_of_what(effort: Effort) -> Measured:
    rng, times, wrong, silent = np.random.default_rng(7), effort.times(2000), 0, 0
    for _ in range(times):
        images, seeds, both = 1e-6, float(np.exp(rng.uniform(-2, 2))) * 5e-7, 3e-7
        drawn = [(seeds + both) * rng.chisquare(SEEDS - 1) / (SEEDS - 1) for _ in range(2)]
        known = (SEEDS - 1, SEEDS - 1)
        more = uncertainty_of(SeedsDifference(0.0, images, (drawn[0], drawn[1]), (both, both), known)).more
        wrong += more not in (None, "seeds" if 2 * seeds > images else "images")
        silent += more is None
    said = rate(wrong, times, high=0.05)
    return Measured(f"{said.shown} wrong, {silent / times:.0%} undecided", said.reached)


def _family_over_seeds(effort: Effort) -> Measured:
    return _family(effort, SEEDS)


def _family_of_runs(effort: Effort) -> Measured:
    return _family(effort, 1)


def _one_of_two_seeds_dominates(effort: Effort) -> Measured:
    return _one_side_dominates(effort, 2)


def _one_of_three_seeds_dominates(effort: Effort) -> Measured:
    return _one_side_dominates(effort, 3)


def _power_360(effort: Effort) -> Measured:
    return _power(effort, 360, 0.1)


def _power_10_000(effort: Effort) -> Measured:
    return _power(effort, 10_000, 0.01)


CLAIMS = (
    Claim(
        "one perceptron recipe twice on MNIST, one seed each: a network or recipe is called better",
        "at most 5%",
        _one_seed,
        trains=True,
    ),
    Claim(
        "4 retrained equal perceptrons, one seed, any pair called better", "at most 5%", _four_of_one_seed, trains=True
    ),
    Claim(
        f"one perceptron recipe twice on MNIST, {SEEDS} seeds each: one is called better",
        "at most 5%",
        _same_recipe_over_seeds,
        trains=True,
    ),
    Claim('any "better" among 4 equal networks x 4 sizes, 3 seeds', "at most 5%", _family_over_seeds),
    Claim("any run among 4 equal x 4 sizes said to classify more correctly", "at most 5%", _family_of_runs),
    Claim("interval and verdict contradict each other", "0%", _contradictions),
    Claim(
        "the 95% interval over 2 seeds, one side's variance dominating, holds the difference",
        "94% to 97%, never beyond 100 points",
        _one_of_two_seeds_dominates,
    ),
    Claim(
        "the 95% interval over 3 seeds, one side's variance dominating, holds the difference",
        "94% to 97%, never beyond 100 points",
        _one_of_three_seeds_dominates,
    ),
    Claim("the smallest difference that 360 images could show is shown", "80%", _power_360),
    Claim("the same of 10,000 images", "80%", _power_10_000),
    Claim("two that differ by the margin are called equal within it, n = 10,000", "at most 5%", _equal_at_the_margin),
    Claim("the same over 3 seeds, n = 2,000", "at most 5%", _equal_over_seeds_at_the_margin),
    Claim("more seeds or more images: the wrong one is said to help more", "at most 5%", _more_of_what),
)
