"""Robustness: corruptions that change nothing, intervals of what they change, and networks that suffer alike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling import build_network, recipe, train
from inkling.diagnosis.robustness import Robustness
from inkling.diagnosis.robustness_comparison import compare_robustness
from inkling.images.corruptions import CORRUPTIONS, SEVERITIES, corrupt

NAMES = tuple(CORRUPTIONS)


@lru_cache(maxsize=2)
def _stressed(quick: bool, count: int) -> tuple[Robustness, ...]:
    """Perceptrons that differ by seed, on corrupted test images of MNIST."""
    splits = mnist_images(quick).with_train_size(200 if quick else 1000, seed=0)
    size = 100 if quick else 2000
    images, labels = splits.test.images[:size], splits.test.labels[:size]
    clean, corrupted = [], np.empty((count, len(NAMES), len(SEVERITIES), len(labels)), np.bool_)
    networks = []
    for seed in range(count):
        network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes, seed=seed)
        for _ in train(network, splits, recipe("reference", epochs=2 if quick else 8, seed=seed)):
            pass
        networks.append(network)
        clean.append(network.predict_proba(images).argmax(axis=1) == labels)
    for row, name in enumerate(NAMES):
        for column, severity in enumerate(SEVERITIES):
            worse = corrupt(images, name, severity)
            for place, network in enumerate(networks):
                corrupted[place, row, column] = network.predict_proba(worse).argmax(axis=1) == labels
    return tuple(Robustness(NAMES, of_one, right) for of_one, right in zip(clean, corrupted, strict=True))


def _any_harmful(found: Robustness) -> bool:
    return any(effect.harmful for effect in found.effects)


def _no_effect(effort: Effort, n: int, flipped: float) -> Measured:
    """Predictions that a corruption turns right as often as wrong, in each image by itself."""
    rng, times, hits = np.random.default_rng(n), effort.times(1000), 0
    for _ in range(times):
        rights = rng.random((1 + len(NAMES) * len(SEVERITIES), n))
        hard = rng.random(n) < flipped  # images on which it is chance each time
        decided = rng.random(n) < 0.9
        right = np.where(hard, rights < 0.5, decided)
        shaped = right[1:].reshape(len(NAMES), len(SEVERITIES), n)
        hits += _any_harmful(Robustness(NAMES, right[0], shaped))
    return rate(hits, times, high=0.05)


def _no_effect_100(effort: Effort) -> Measured:
    return _no_effect(effort, 100, 0.3)


def _no_effect_1000(effort: Effort) -> Measured:
    return _no_effect(effort, 1000, 0.1)


def _real_without_effect(effort: Effort) -> Measured:
    """A real network's predictions, right and wrong exchanged in every second image: no change in truth."""
    (real,) = _stressed(effort.quick, 1)
    rng, times, hits = np.random.default_rng(3), effort.times(1000), 0
    for _ in range(times):
        drawn, exchanged = rng.integers(0, real.n, 500), rng.random(500) < 0.5
        hits += _any_harmful(
            Robustness(NAMES, real.clean_right[drawn] ^ exchanged, real.right[:, :, drawn] ^ exchanged)
        )
    return rate(hits, times, high=0.05)


def _coverage(effort: Effort, n: int) -> Measured:
    """Whether all 35 intervals from samples of the test images hold what 2,000 images say."""
    (real,) = _stressed(effort.quick, 1)
    rng, times, held = np.random.default_rng(n), effort.times(1000), 0
    truth = [effect.change for effect in real.effects]
    for _ in range(times):
        drawn = rng.integers(0, real.n, n)
        sample = Robustness(NAMES, real.clean_right[drawn], real.right[:, :, drawn])
        held += all(
            effect.interval.low <= change <= effect.interval.high
            for effect, change in zip(sample.effects, truth, strict=True)
        )
    return rate(held, times, low=0.95)


def _coverage_100(effort: Effort) -> Measured:
    return _coverage(effort, 100)


def _coverage_1000(effort: Effort) -> Measured:
    return _coverage(effort, 1000)


def _mean_coverage(effort: Effort) -> Measured:
    (real,) = _stressed(effort.quick, 1)
    rng, times, held = np.random.default_rng(4), effort.times(1000), 0
    truth = [cost.change.mean for cost in real.costs]
    for _ in range(times):
        drawn = rng.integers(0, real.n, 300)
        sample = Robustness(NAMES, real.clean_right[drawn], real.right[:, :, drawn])
        held += all(
            cost.interval.low <= change <= cost.interval.high for cost, change in zip(sample.costs, truth, strict=True)
        )
    return rate(held, times, low=0.95)


def _costliest_of_equals(effort: Effort) -> Measured:
    """A real network whose corruptions are dealt out anew in every image: all cost the same."""
    (real,) = _stressed(effort.quick, 1)
    rng, times, named = np.random.default_rng(5), effort.times(1000), 0
    for _ in range(times):
        drawn = rng.integers(0, real.n, 300)
        order = rng.permuted(np.tile(np.arange(len(NAMES))[:, None], 300), axis=0)  # (K, n)
        right = real.right[:, :, drawn][order, :, np.arange(300)].transpose(0, 2, 1)
        named += Robustness(NAMES, real.clean_right[drawn], right).costliest_p < 0.05
    return rate(named, times, high=0.05)


def _equal_networks(effort: Effort) -> Measured:
    """Pairs of real networks that are exchanged in every second image: they suffer alike in truth."""
    networks = _stressed(effort.quick, effort.times(40))
    rng, times, said = np.random.default_rng(6), effort.times(1000), 0
    for time in range(times):
        a, b = networks[2 * time % len(networks)], networks[(2 * time + 1) % len(networks)]
        drawn = rng.integers(0, a.n, 500)
        swapped = rng.random(500) < 0.5
        clean = np.stack([a.clean_right[drawn], b.clean_right[drawn]])
        right = np.stack([a.right[:, :, drawn], b.right[:, :, drawn]])
        first = Robustness(NAMES, np.where(swapped, clean[1], clean[0]), np.where(swapped, right[1], right[0]))
        second = Robustness(NAMES, np.where(swapped, clean[0], clean[1]), np.where(swapped, right[0], right[1]))
        found = compare_robustness({"A": first, "B": second})
        said += found.suffers_least is not None or found.most_accurate is not None
    return rate(said, times, high=0.05)


CLAIMS = (
    Claim("any of 35 corruptions that change nothing called harmful, n = 100", "at most 5%", _no_effect_100),
    Claim("the same, n = 1,000", "at most 5%", _no_effect_1000),
    Claim(
        "the same of a perceptron's own predictions, exchanged at random, n = 500",
        "at most 5%",
        _real_without_effect,
        trains=True,
    ),
    Claim("all 35 intervals of what corruptions change hold it, n = 100", "at least 95%", _coverage_100, trains=True),
    Claim("the same, n = 1,000", "at least 95%", _coverage_1000, trains=True),
    Claim("all 7 intervals of the mean change hold it, n = 300", "at least 95%", _mean_coverage, trains=True),
    Claim(
        "one of 7 corruptions that cost the same is said to cost most, n = 300",
        "at most 5%",
        _costliest_of_equals,
        trains=True,
    ),
    Claim(
        "one of two networks that suffer alike is said to suffer least or be more accurate, n = 500",
        "at most 5%",
        _equal_networks,
        trains=True,
    ),
)
