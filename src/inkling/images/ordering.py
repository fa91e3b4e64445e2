"""Seeded mini-batches: which images come together, in which order, at which epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_ORDER, _AUGMENTATION = 1, 2
Item = TypeVar("Item")


def epoch_batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.intp]]:
    """Yield the index arrays of one epoch: a fresh permutation cut into batches, the last one smaller.

    The order depends on (seed, epoch) alone. There is no generator to carry from epoch to epoch, so a resumed run
    sees exactly the order that an uninterrupted one does.

    Parameters
    ----------
    n : int
        Number of images.
    batch_size : int
        At least 1.
    seed, epoch : int
        Not negative.
    """
    order = generator(_ORDER, seed, epoch).permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def augmentation_generator(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator that augmentation draws from in one epoch."""
    return generator(_AUGMENTATION, seed, epoch)


def generator(stream: int, seed: int, epoch: int) -> np.random.Generator:
    """Return an independent generator for one purpose (stream) of one epoch of one seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, epoch)))
