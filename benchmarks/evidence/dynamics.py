"""Training dynamics: planted wrong labels ranked first, and none called hard or mislabelled where all are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.label_errors import mean_and_spread, mnist_of, plant_in_mnist, rated_out_of_fold, recall_of
from inkling import Splits, TrainingDynamics, build_network, diagnose_dynamics, recipe, train


def recall(effort: Effort, kind: str, least: float) -> Measured:
    """Part of the planted wrong labels among as many first ones, beside the same of the out-of-fold rank."""
    learnt: list[float] = []
    by_folds: list[float] = []
    by_confidence: list[float] = []
    right = []
    epochs = 5 if effort.quick else 30
    for seed in range(effort.times(10, 2)):
        planted, wrong = plant_in_mnist(effort, 2000, kind, seed)
        dynamics = recorded(planted, epochs, seed)
        found = diagnose_dynamics(dynamics)
        learnt.append(recall_of(planted, wrong, dynamics.mean))
        by_confidence.append(float(np.isin(wrong, np.argsort(found.confidence)[: len(wrong)]).mean()))
        by_folds.append(recall_of(planted, wrong, rated_out_of_fold(planted, "perceptron", "reference", epochs, seed)))
        right.append(np.isin(found.hard_or_mislabelled(), wrong))
    called = np.concatenate(right)
    of_called = (
        f"; of {len(called)} called hard or mislabelled {called.mean():.0%} are" if len(called) else "; none called so"
    )
    return Measured(
        f"{mean_and_spread(learnt)} (out-of-fold {mean_and_spread(by_folds)}, by confidence alone "
        f"{mean_and_spread(by_confidence)}), {len(learnt)} drawings{of_called}",
        bool(np.mean(learnt) >= max(least, float(np.mean(by_folds))) or effort.quick),
    )


def right_labels(effort: Effort) -> Measured:
    """How often a perceptron calls images hard or mislabelled though all labels are right."""
    times, shown, never = effort.times(40), 0, 0
    for seed in range(times):
        splits = mnist_of(effort, 2000, seed)
        found = diagnose_dynamics(recorded(splits, 5 if effort.quick else 30, seed))
        shown += bool(found.hard_or_mislabelled())
        never += found.never
    measured = rate(shown, times, high=0.05)
    return Measured(f"{measured.shown}; {never / times:.0f} images never predicted as labelled", measured.reached)


def recorded(splits: Splits, epochs: int, seed: int) -> TrainingDynamics:
    """Return what a perceptron says of its training images while it learns them."""
    settings = recipe("reference", "perceptron", len(splits.train), epochs=epochs, seed=seed)
    network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes, seed)
    seen: list[NDArray[np.float32]] = []
    for _ in train(network, splits, settings, observe=lambda _, probabilities: seen.append(probabilities)):
        pass
    return TrainingDynamics.from_probabilities(splits.train.labels, seen)


CLAIMS = (
    Claim("pair flips, 5% of 2,000: in the first n of n by training dynamics", ".80 and no less than out-of-fold",
          lambda effort: recall(effort, "pairs", 0.80), trains=True),
    Claim("30% of one class to another: in the first n of n by training dynamics", ".60 and no less than out-of-fold",
          lambda effort: recall(effort, "one-class", 0.60), trains=True),
    Claim("evenly changed labels, 5% of 2,000: in the first n of n by training dynamics",
          ".75 and no less than out-of-fold", lambda effort: recall(effort, "uniform", 0.75), trains=True),
    Claim("training images called hard or mislabelled where all labels are right, 2,000 of MNIST", "at most 5%",
          right_labels, trains=True),
)  # fmt: skip
