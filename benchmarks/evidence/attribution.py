"""Attribution maps: the deletion test must not be passed by maps that never saw the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from evidence.claim import Claim, Effort, Measured, rate
from inkling import load_images, recipe, train
from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.deletion import deletion_test
from inkling.images.dataset import ImageDataset
from inkling.networks.numpy.perceptron import Perceptron

IMAGES = 200

Maps = NDArray[np.floating[Any]]
Maker = Callable[[NDArray[np.uint8], Maps, np.random.Generator], Maps]


@cache
def _trained(quick: bool) -> tuple[Perceptron, ImageDataset, Maps]:
    """A network, the test images, and its map of each: the same in every repetition that draws it."""
    splits = load_images("digits" if quick else "mnist")
    splits = splits if quick else splits.with_train_size(2000, 0)
    network = Perceptron(splits.train.image_shape, len(splits.train.class_names))
    for _ in train(network, splits, recipe("reference", "perceptron", len(splits.train), epochs=2 if quick else 8)):
        pass
    return network, splits.test, attribute(network, splits.test.images)


def _shown(effort: Effort, times: int, maker: Maker | None) -> tuple[int, int]:
    network, test, of_network = _trained(effort.quick)
    rng, shown = np.random.default_rng(0), 0
    for seed in range(times):
        drawn = rng.choice(len(test.images), min(IMAGES, len(test.images)), replace=False)
        images, maps = test.images[drawn], of_network[drawn]
        candidate = maps if maker is None else maker(images, maps, rng)
        shown += deletion_test(network.predict_proba, images, candidate, seed=seed).shown
    return shown, times


def _brightest(images: NDArray[np.uint8], _maps: Maps, _rng: np.random.Generator) -> Maps:
    return np.asarray(images.mean(axis=3))


def _another(_images: NDArray[np.uint8], maps: Maps, _rng: np.random.Generator) -> Maps:
    return np.roll(maps, 1, axis=0)


def _smooth(_images: NDArray[np.uint8], maps: Maps, rng: np.random.Generator) -> Maps:
    sigma = rng.uniform(0.05, 0.2) * min(maps.shape[1:])
    return np.asarray(gaussian_filter(rng.standard_normal(maps.shape), (0, sigma, sigma)))


def _middle(images: NDArray[np.uint8], _maps: Maps, _rng: np.random.Generator) -> Maps:
    """No control is of this kind."""
    rows, columns = (np.abs(np.arange(side) - (side - 1) / 2) for side in images.shape[1:3])
    return np.broadcast_to(-np.hypot(rows[:, np.newaxis], columns), images.shape[:3])


def _inverted(images: NDArray[np.uint8], _maps: Maps, _rng: np.random.Generator) -> Maps:
    """No control is of this kind."""
    return np.asarray(-images.mean(axis=3))


def _blind(maker: Maker) -> Callable[[Effort], Measured]:
    def measure(effort: Effort) -> Measured:
        return rate(*_shown(effort, effort.times(1000), maker), high=0.05)

    measure.__module__ = __name__
    return measure


def _sighted(effort: Effort) -> Measured:
    return rate(*_shown(effort, effort.times(40), None), low=0.9)


CLAIMS = (
    *(
        Claim(f"a map that never saw the network ({name}) passes the deletion test", "at most 5%", _blind(maker), True)
        for name, maker in (
            ("brightest pixels first", _brightest),
            ("another image's map", _another),
            ("smooth noise", _smooth),
            ("the middle first", _middle),
            ("the darkest pixels first", _inverted),
        )
    ),
    Claim("integrated gradients of a trained network pass the deletion test", "at least 90%", _sighted, trains=True),
)
