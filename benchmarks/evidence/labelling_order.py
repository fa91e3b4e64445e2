"""Which images to label next: accuracy as labels are added in the order asked for, against random order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured
from evidence.mnist_perceptrons import images, taken
from inkling import Perceptron, Splits, recipe, train
from inkling.diagnosis.labelling_order import labelling_order
from inkling.metrics.intervals import mean_interval


def _area(splits: Splits, ordered: bool, seed: int, sizes: tuple[int, int, int, int]) -> float:
    """Mean test accuracy over rounds, each of which adds a batch of labels to those of a random start."""
    pool_size, batch, rounds, epochs = sizes
    rng = np.random.default_rng(seed)
    pool = taken(splits.train, rng.permutation(len(splits.train))[:pool_size])
    labelled = np.zeros(pool_size, bool)
    labelled[:batch] = True
    accuracies = []
    for _ in range(rounds):
        known, unknown = np.flatnonzero(labelled), np.flatnonzero(~labelled)
        network = Perceptron(pool.image_shape, pool.n_classes, seed=seed)
        parts = replace(splits, train=taken(pool, known), validation=taken(splits.validation, np.arange(300)))
        for _record in train(network, parts, recipe("reference", "perceptron", len(known), seed=seed, epochs=epochs)):
            pass
        predicted = network.predict_proba(splits.test.images).argmax(axis=1)
        accuracies.append(float((predicted == splits.test.labels).mean()))
        chosen: NDArray[np.intp] = rng.permutation(len(unknown))[:batch]
        if ordered:
            left = pool.images[unknown]
            chosen = labelling_order(network.predict_proba(left), left, batch, seed)
        labelled[unknown[chosen]] = True
    return float(np.mean(accuracies))


def _areas(effort: Effort) -> Measured:
    sizes = (200, 20, 3, 5) if effort.quick else (4000, 50, 8, 30)
    splits, seeds = images(effort.quick), 2 if effort.quick else 5
    asked, random = (
        np.array([_area(splits, ordered, seed, sizes) for seed in range(seeds)]) for ordered in (True, False)
    )
    interval = mean_interval(asked - random)
    assert interval is not None
    shown = (
        f"{asked.mean():.3f} against {random.mean():.3f}, difference {100 * (asked - random).mean():+.1f} points "
        f"[{100 * interval.low:+.1f}, {100 * interval.high:+.1f}], {seeds} seeds"
    )
    return Measured(shown, interval.low > 0)


CLAIMS = (
    Claim(
        "images labelled in the order asked for, area under the curve of accuracy against random order, perceptron",
        "higher, its 95% interval above 0",
        _areas,
        True,
    ),
)
