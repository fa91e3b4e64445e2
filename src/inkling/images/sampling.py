"""Stratified sampling: orders of images of which every prefix holds the classes in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """Return a seeded permutation of which every prefix holds the classes in proportion.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    seed : int

    Returns
    -------
    ndarray of intp, shape (N,)
        First one image of each class, then the classes interleaved evenly: the image of rank r among the c images
        of its class stands at (r + 1/2) / c of the way.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    shuffled = rng.permutation(len(labels))
    by_class = np.argsort(labels[shuffled], kind="stable")  # class by class, each in the shuffled order
    _, counts = np.unique(labels, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.empty(len(labels))
    place[by_class] = np.where(rank == 0, -1.0, (rank + 0.5) / np.repeat(counts, counts))
    return shuffled[np.argsort(place, kind="stable")]
