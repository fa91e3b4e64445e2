"""Wrong labels planted among right ones, in three ways that data sets have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkling import ImageDataset, Splits

KINDS = ("uniform", "pairs", "one-class")
"""Any other class, evenly; always the next class; 30% of the fourth class labelled as the ninth."""

_FROM, _TO, _PART = 4, 9, 0.3


def plant(splits: Splits, kind: str, count: int, seed: int) -> tuple[Splits, NDArray[np.intp]]:
    """Return splits with `count` wrong training labels (of one class: 30% of it), and the indices of those."""
    truth, classes = splits.train.labels, splits.train.n_classes
    rng, labels = np.random.default_rng(seed), truth.copy()
    if kind == "one-class":
        of_class = np.flatnonzero(truth == _FROM)
        wrong = rng.choice(of_class, round(_PART * len(of_class)), replace=False)
        labels[wrong] = _TO
    else:
        wrong = rng.choice(len(truth), count, replace=False)
        steps = rng.integers(1, classes, count) if kind == "uniform" else 1
        labels[wrong] = (truth[wrong] + steps) % classes
    return replace(splits, train=ImageDataset(splits.train.images, labels, splits.train.class_names)), wrong
