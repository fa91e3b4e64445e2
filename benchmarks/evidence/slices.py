"""Accuracy by slice, and of groups that lie in two splits: what is said of equal ones, and what is found."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.mnist_perceptrons import images
from inkling.diagnosis.group_leak import measure_group_leak
from inkling.diagnosis.slices import Slices, measure_slices
from inkling.images.dataset import ImageDataset, Splits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


def _columns(rng: np.random.Generator, n: int) -> dict[str, NDArray[np.generic]]:
    """Four attributes as they come: unequal cameras, two lights, an hour that is cut, and a rare value."""
    return {
        "camera": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        "light": rng.choice(["day", "night"], n),
        "hour": rng.uniform(0, 24, n),
        "kind": rng.choice(["usual", "rare"], n, p=[0.97, 0.03]),
    }


def _says(found: Slices) -> bool:
    return any(column.differs or column.worst for column in found.columns)


def _all_equal(effort: Effort, n: int, accuracy: float) -> Measured:
    rng, times = np.random.default_rng(n), effort.times(1000)
    said = sum(_says(measure_slices(rng.random(n) < accuracy, _columns(rng, n))) for _ in range(times))
    return rate(said, times, high=0.05)


def _equal_near_1(effort: Effort) -> Measured:
    return _all_equal(effort, 300, 0.99)


def _equal_lower(effort: Effort) -> Measured:
    return _all_equal(effort, 1000, 0.9)


def _two_equally_bad(effort: Effort) -> Measured:
    """Two of three slices equally inaccurate, in each of three columns that differ: none is the worst."""
    rng, times = np.random.default_rng(2), effort.times(1000)
    said = 0
    for _ in range(times):
        groups = rng.integers(0, 3, (3, 2000))
        found = measure_slices(
            rng.random(2000) < 0.98 - 0.08 * (groups > 0).sum(axis=0), dict(zip("abc", groups, strict=True))
        )
        said += any(column.worst is not None for column in found.columns)
    return rate(said, times, high=0.05)


def _intervals(effort: Effort) -> Measured:
    rng, times = np.random.default_rng(3), effort.times(1000)
    columns, held = {"x": np.repeat(np.arange(5), 30), "y": np.tile(np.arange(5), 30)}, 0
    for _ in range(times):
        found = measure_slices(rng.random(150) < 0.99, columns)
        held += all(s.interval.low <= 0.99 <= s.interval.high for column in found.columns for s in column.slices)
    return rate(held, times, low=0.95)


def _found(effort: Effort) -> Measured:
    """100 of 500 images at an accuracy of 0.8, the others at 0.97, beside three columns that say nothing."""
    rng, times = np.random.default_rng(4), effort.times(1000)
    dark, named = np.arange(500) < 100, 0
    for _ in range(times):
        found = measure_slices(
            rng.random(500) < np.where(dark, 0.8, 0.97),
            {**_columns(rng, 500), "light": np.where(dark, "dark", rng.choice(["lamp", "sun"], 500))},
        )
        worst = next(column.worst for column in found.columns if column.name == "light")
        named += worst is not None and worst.value == "dark"
    return rate(named, times, low=0.8)


@cache
def _bursts(seed: int, quick: bool) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Train on bursts of noisy copies; return which copies of old and new bursts are right, their burst, and the old.

    400 images, four copies of each. Two copies of 200 of them are trained on, the other two and all of the others not.
    """
    splits, rng = images(quick), np.random.default_rng(seed)
    bursts, noise = 400, 40
    taken = rng.permutation(len(splits.train))[:bursts]
    shots = np.repeat(taken, 4)
    pixels = splits.train.images[shots] + rng.normal(0, noise, (len(shots), *splits.train.image_shape))
    made = ImageDataset(pixels.clip(0, 255).astype(np.uint8), splits.train.labels[shots], splits.train.class_names)
    burst = np.repeat(np.arange(bursts), 4)
    old = burst < bursts // 2
    trained = old & (np.arange(len(burst)) % 4 < 2)
    parts = Splits(made.subset(trained), splits.validation.subset(np.arange(100)), made.subset(~trained))
    network = Perceptron(made.image_shape, made.n_classes, seed=seed)
    for _ in train(network, parts, recipe("reference", "perceptron", len(parts.train), seed=seed, epochs=30)):
        pass
    right = network.predict_proba(parts.test.images).argmax(axis=1) == parts.test.labels
    return right, burst[~trained], np.unique(burst[trained])


def _leak_found(effort: Effort) -> Measured:
    times, shown = effort.times(40), 0
    for seed in range(times):
        right, burst, old = _bursts(seed, effort.quick)
        shown += measure_group_leak(right, burst.tolist(), old.tolist()).shown
    measured = rate(shown, times, low=0.8)
    return Measured(measured.shown, effort.quick or measured.reached)


def _no_leak(effort: Effort) -> Measured:
    """The bursts that are new to the network, some of them said to be old."""
    rng, networks, times = np.random.default_rng(5), effort.times(40), effort.times(25)
    shown = 0
    for seed in range(networks):
        right, burst, old = _bursts(seed, effort.quick)
        new = ~np.isin(burst, old)
        names = np.unique(burst[new])
        for count in rng.integers(10, 101, times):
            said = rng.permutation(names)[:count].tolist()
            shown += measure_group_leak(right[new], burst[new].tolist(), said).shown
    return rate(shown, networks * times, high=0.05)


CLAIMS = (
    Claim(
        "accuracy differs, or a slice is worst: four columns, all equal, accuracy .99, n = 300",
        "at most 5%",
        _equal_near_1,
    ),
    Claim(
        "accuracy differs, or a slice is worst: four columns, all equal, accuracy .9, n = 1,000",
        "at most 5%",
        _equal_lower,
    ),
    Claim("a slice is worst: two of three equally inaccurate, in three columns", "at most 5%", _two_equally_bad),
    Claim("accuracies of ten slices of 30, accuracy .99, all in their 95% intervals", "at least 95%", _intervals),
    Claim("the worst slice is named: 100 of 500 images at .8, the others at .97", "at least 80%", _found),
    Claim(
        "a leak of groups is shown: bursts of copies in training and test, perceptrons trained again",
        "at least 80%",
        _leak_found,
        trains=True,
    ),
    Claim("a leak of groups is shown: bursts new to the network", "at most 5%", _no_leak, trains=True),
)
