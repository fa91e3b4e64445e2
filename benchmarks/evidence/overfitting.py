"""The gap between training and validation accuracy: its interval, its level, and its change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.mnist_perceptrons import Trained, perceptrons
from inkling.diagnosis.gap_change import compare_gaps
from inkling.diagnosis.overfitting import Overfitting, diagnose_overfitting

TRAIN_SIZE, EPOCHS = 1000, 20


def _networks(effort: Effort) -> tuple[Trained, ...]:
    size, epochs = (100, 4) if effort.quick else (TRAIN_SIZE, EPOCHS)
    return perceptrons(6 if effort.quick else effort.times(40, 12), size, epochs, effort.quick)


def _diagnosed(network: Trained, validation: NDArray[np.intp], train_size: int) -> tuple[Overfitting, float]:
    """What is said from some validation images, and the true gap of the epoch that it keeps."""
    history = [
        {
            "train_accuracy": float(train),
            "validation_accuracy": float(right[validation].mean()),
            "validation_loss": loss,
        }
        for train, right, loss in zip(network.train_accuracy, network.right, network.losses, strict=True)
    ]
    found = diagnose_overfitting(history, train_size, len(validation))
    kept = found.kept_epoch - 1
    return found, float(network.train_accuracy[kept] - network.right[kept].mean())


def _sampled(effort: Effort) -> tuple[np.random.Generator, tuple[Trained, ...], int, int]:
    networks = _networks(effort)
    train_size = 100 if effort.quick else TRAIN_SIZE
    return np.random.default_rng(0), networks, train_size, 60 if effort.quick else 200


def _gap_held(effort: Effort) -> Measured:
    rng, networks, train_size, n = _sampled(effort)
    held, times = 0, effort.times(1000, 20)
    for place in range(times):
        network = networks[place % len(networks)]
        found, gap = _diagnosed(network, rng.choice(network.right.shape[1], n, replace=False), train_size)
        held += found.gap_interval.low <= gap <= found.gap_interval.high
    return rate(held, times, low=0.94)


def _gap_held_near_1(effort: Effort) -> Measured:
    """Of the best of 10 epochs whose validation images are as likely to be right, most of it shared, 0.998."""
    rng, times, n, held = np.random.default_rng(1), effort.times(2000), 100, 0
    for _ in range(times):
        missed = (rng.random(n) < 0.001) | (rng.random((10, n)) < 0.001)
        history = [
            {"train_accuracy": 1.0, "validation_accuracy": 1 - float(each.mean()), "validation_loss": 0.1}
            for each in missed
        ]
        found = diagnose_overfitting(history, 50_000, n)
        held += found.gap_interval.low <= 1 - 0.999**2 <= found.gap_interval.high
    return rate(held, times, low=0.94)


def _level(effort: Effort) -> Measured:
    """How often a true gap of 0.9 points is called more than slight."""
    rng, times = np.random.default_rng(2), effort.times(2000)
    more = 0
    for right in rng.binomial(100, 0.991, times):
        history = [{"train_accuracy": 1.0, "validation_accuracy": right / 100, "validation_loss": 0.1}]
        more += diagnose_overfitting(history, 100, 100).level in ("moderate", "strong")
    return rate(more, times, high=0.05)


def _change(effort: Effort) -> Measured:
    """Three seeds against three others of one recipe, on validation images that all six share."""
    rng, networks, train_size, n = _sampled(effort)
    shown, times = 0, effort.times(400, 10)
    for _ in range(times):
        validation = rng.choice(networks[0].right.shape[1], n, replace=False)
        found = [_diagnosed(networks[k], validation, train_size)[0] for k in rng.permutation(len(networks))[:6]]
        shown += compare_gaps(found[:3], found[3:], "a", "b").shown
    return rate(shown, times, high=0.05)


def _change_of_runs(effort: Effort) -> Measured:
    """One run against another: the change of the gap of these two networks."""
    rng, networks, train_size, n = _sampled(effort)
    held, times = 0, effort.times(1000, 10)
    for _ in range(times):
        validation = rng.choice(networks[0].right.shape[1], n, replace=False)
        (first, gap), (second, other) = (
            _diagnosed(networks[k], validation, train_size) for k in rng.permutation(len(networks))[:2]
        )
        found = compare_gaps(first, second, "a", "b").change_interval
        held += found.low <= other - gap <= found.high
    return rate(held, times, low=0.94)


CLAIMS = (
    Claim("the interval of the gap at the chosen epoch holds it, 40 perceptrons", "at least 94%", _gap_held, True),
    Claim("the same at accuracy 0.998, n = 100", "at least 94%", _gap_held_near_1),
    Claim("a true gap of 0.9 points, n = 100 each, is called more than slight", "at most 5%", _level),
    Claim("the gap changes between 3 and 3 other seeds of one recipe, 40 perceptrons", "at most 5%", _change, True),
    Claim("the interval of the change of the gap of two runs holds it", "at least 94%", _change_of_runs, True),
)
