"""Wrong labels: none shown where all are right, and those that are planted ranked first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling import ImageDataset, Splits, diagnose_labels, find_label_errors, recipe
from inkling.diagnosis.label_noise import draw_labels
from inkling.labels.out_of_fold import out_of_fold


def right_labels(effort: Effort, n: int, sharpness: float) -> Measured:
    """How often wrong labels are shown among right ones, of a network that is calibrated but for its temperature."""
    rng, times, shown = np.random.default_rng(0), effort.times(400), 0
    for _ in range(times):
        logits = sharpness * rng.normal(size=(n, 10))
        true, said = (np.exp(t * logits) / np.exp(t * logits).sum(axis=1, keepdims=True) for t in (1.0, 1.7))
        shown += diagnose_labels(draw_labels(true, rng), said).flagged > 0
    return rate(shown, times, high=0.05)


def right_labels_of_digits(effort: Effort) -> Measured:
    """How often a perceptron of few epochs shows wrong labels among those of MNIST."""
    times, shown, singled_out = effort.times(40, 1), 0, 0
    for seed in range(times):
        splits = _images(effort, 1000, seed)
        found = diagnose_labels(splits.train.labels, _rated(splits, "perceptron", "reference", 10, seed))
        shown += found.flagged > 0
        singled_out += found.singled_out
    measured = rate(shown, times, high=0.05)
    return Measured(f"{measured.shown}; {singled_out / times:.0f} of 1,000 singled out", measured.reached)


def recall(effort: Effort, kind: str, least: float) -> Measured:
    """Mean part of the planted wrong labels among as many first ones."""
    found = []
    for seed in range(effort.times(3, 1)):
        splits = _images(effort, 3000, seed)
        truth, n = splits.train.labels, len(splits.train)
        rng, labels = np.random.default_rng(seed), truth.copy()
        if kind == "pairs":
            wrong = rng.choice(n, n // 20, replace=False)
            labels[wrong] = (truth[wrong] + 1) % 10
        else:
            fours = np.flatnonzero(truth == 4)
            wrong = rng.choice(fours, round(0.3 * len(fours)), replace=False)
            labels[wrong] = 9
        planted = replace(splits, train=ImageDataset(splits.train.images, labels, splits.train.class_names))
        network = ("perceptron", "reference", 5) if effort.quick else ("small-cnn", "strong", 10)
        ranked = find_label_errors(labels, _rated(planted, *network, seed), len(wrong))
        found.append(np.isin(wrong, [error.index for error in ranked]).mean())
    return Measured(f"{np.mean(found):.2f} of {len(found)} drawings", bool(np.mean(found) >= least))


def _images(effort: Effort, n: int, seed: int) -> Splits:
    splits = mnist_images(effort.quick)
    few = splits.validation.subset(np.arange(100))  # they choose nothing here
    return replace(splits, validation=few).with_train_size(min(n, len(splits.train)), seed)


def _rated(splits: Splits, network: str, name: str, epochs: int, seed: int) -> NDArray[np.float32]:
    settings = recipe(name, network, len(splits.train) * 4 // 5, epochs=epochs, seed=seed)
    return out_of_fold(splits, network, settings)


CLAIMS = (
    Claim(
        "wrong labels shown where all are right, n = 300, accuracy .9",
        "at most 5%",
        lambda effort: right_labels(effort, 300, 6.0),
    ),
    Claim(
        "wrong labels shown where all are right, n = 3,000, accuracy .9",
        "at most 5%",
        lambda effort: right_labels(effort, 3000, 6.0),
    ),
    Claim(
        "wrong labels shown where all are right, n = 3,000, accuracy .5",
        "at most 5%",
        lambda effort: right_labels(effort, 3000, 1.5),
    ),
    Claim(
        "wrong labels shown among right ones of MNIST by a weak perceptron, n = 1,000",
        "at most 5%",
        right_labels_of_digits,
        trains=True,
    ),
    Claim("pair flips, 5%: in the first n of n", ".93", lambda effort: recall(effort, "pairs", 0.93), trains=True),
    Claim(
        "30% of one class to another: in the first n of n",
        ".75",
        lambda effort: recall(effort, "one", 0.75),
        trains=True,
    ),
)
