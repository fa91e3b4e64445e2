"""Prediction sets: coverage of networks trained again, and of simulated ones with few calibration images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evidence.calibration import calibrated
from evidence.claim import Claim, Effort, Measured, rate
from inkling.diagnosis.prediction_sets import APS, LAC, calibrate_sets, measure_sets
from inkling.images.dataset import Splits
from inkling.images.sources.registry import load_images
from inkling.metrics.scores import accuracy
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe

LEVEL = 0.9
"""Promised of real networks, whose accuracy is about 0.88: at a lower one the predicted class alone keeps it."""


def _simulated(effort: Effort, method: str, n: int) -> Measured:
    rng, times = np.random.default_rng(n), effort.times(2000)
    coverages = np.zeros(times)
    for place in range(times):
        threshold = calibrate_sets(*calibrated(rng, n, 0.8), 0.95, method)
        coverages[place] = measure_sets(*calibrated(rng, 500, 0.8), threshold).coverage
    error = coverages.std(ddof=1) / times**0.5
    return Measured(f"{coverages.mean():.2%} on average of {times:,}", coverages.mean() >= 0.95 - 2 * error)


def _lac(effort: Effort) -> Measured:
    return _simulated(effort, LAC, 30)


def _aps(effort: Effort) -> Measured:
    return _simulated(effort, APS, 30)


def _trained(effort: Effort) -> Measured:
    """Perceptrons on 1,000 images each, calibrated on test images, measured on all other test images."""
    splits = load_images("digits" if effort.quick else "mnist")
    networks, halves = effort.times(40), 20
    size, n = (300, 100) if effort.quick else (1000, 360)
    coverages, held, accuracies = [], 0, []
    for seed in range(networks):
        test = _predict(splits, size, seed)
        accuracies.append(accuracy(splits.test.labels, test))
        rng = np.random.default_rng(seed)
        for _ in range(halves):
            order = rng.permutation(len(test))
            chosen, others = order[:n], order[n : 2 * n]
            rest = order[2 * n :]
            threshold = calibrate_sets(splits.test.labels[chosen], test[chosen], LEVEL)
            truth = measure_sets(splits.test.labels[rest], test[rest], threshold).coverage
            coverages.append(truth)
            interval = measure_sets(splits.test.labels[others], test[others], threshold).coverage_interval
            held += interval.low <= truth <= interval.high
    covered = rate(held, len(coverages), low=0.94)
    mean = float(np.mean(coverages))
    shown = (
        f"{mean:.2%} of {networks} networks of accuracy {np.mean(accuracies):.1%} x {halves} calibrations; "
        f"interval held in {covered.shown}"
    )
    return Measured(shown, mean >= LEVEL - 0.002 and covered.reached)


def _predict(splits: Splits, size: int, seed: int) -> NDArray[np.float32]:
    part = splits.with_train_size(size, seed)
    network = Perceptron(part.train.image_shape, part.train.n_classes, hidden=32, seed=seed)
    for _ in train(network, part, recipe("reference", epochs=10, seed=seed)):
        pass
    return network.predict_proba(part.test.images)


CLAIMS = (
    Claim("LAC sets hold the true class, 30 calibration images", "95% or more", _lac),
    Claim("APS sets hold the true class, 30 calibration images", "95% or more", _aps),
    Claim("LAC sets at 90%, trained perceptrons, 360 calibration images", "90%; interval 94%", _trained, trains=True),
)
