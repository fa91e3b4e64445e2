"""Training dynamics: planted wrong labels ranked first, and what is called hard where all labels are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.label_errors import mean_and_spread, mnist_of, plant_in_mnist, rated_out_of_fold, recall_of
from inkling import ImageDataset, Splits, TrainingDynamics, build_network, diagnose_dynamics, recipe, train


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
    of_called = f"; of {len(called)} called hard {called.mean():.0%} are" if len(called) else "; none called hard"
    return Measured(
        f"{mean_and_spread(learnt)} (out-of-fold {mean_and_spread(by_folds)}, by confidence alone "
        f"{mean_and_spread(by_confidence)}), {len(learnt)} drawings{of_called}",
        bool(np.mean(learnt) >= max(least, float(np.mean(by_folds))) or effort.quick),
    )


def right_labels(effort: Effort) -> Measured:
    """How often a perceptron calls images hard though all labels are right, and classes hardly overlap."""
    times, shown, never = effort.times(40), 0, 0
    for seed in range(times):
        splits = mnist_of(effort, 2000, seed)
        found = diagnose_dynamics(recorded(splits, 5 if effort.quick else 30, seed))
        shown += bool(found.hard_or_mislabelled())
        never += found.never
    measured = rate(shown, times, high=0.05)
    return Measured(f"{measured.shown}; {never / times:.0f} images never predicted as labelled", measured.reached)


def of_overlapping_classes(effort: Effort) -> Measured:
    """Which part of the images called hard are labelled, rightly, as a class that is not the most probable one."""
    times, shown, hard = effort.times(40), 0, []
    for seed in range(times):
        splits, most_probable = overlapping(1000, seed)
        called = diagnose_dynamics(recorded(splits, 10, seed)).hard_or_mislabelled()
        shown += bool(called)
        hard.append(most_probable[called] != splits.train.labels[called])
    measured = rate(int(np.concatenate(hard).sum()), max(1, sum(map(len, hard))), low=0.95)
    if not shown:
        return Measured(f"none called hard in {times} trainings", reached=True)
    return Measured(f"{measured.shown} called hard, in {shown} of {times} trainings", measured.reached)


def overlapping(n: int, seed: int) -> tuple[Splits, NDArray[np.int64]]:
    """Return so many images of four classes that overlap, rightly labelled, and the most probable class of each.

    The halves of an image are as bright as two normal variables; their means are one of four corners of a square.
    """
    rng = np.random.default_rng(seed)
    corners = 0.7 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    labels = rng.permutation(np.arange(n) % 4)
    place = corners[labels] + rng.normal(size=(n, 2))
    images = np.repeat(np.clip(100 + 30 * place, 0, 255).astype(np.uint8), 32, axis=1).reshape(n, 8, 8, 1)
    dataset = ImageDataset(images, labels, tuple("abcd"))
    few = dataset.subset(np.arange(100))  # they choose nothing here
    return Splits(dataset, few, few, "overlapping"), (place @ corners.T).argmax(axis=1)


def recorded(splits: Splits, epochs: int, seed: int) -> TrainingDynamics:
    """Return what a perceptron says of its training images while it learns them."""
    settings = recipe("reference", "perceptron", len(splits.train), epochs=epochs, seed=seed)
    network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes, seed)
    seen: list[NDArray[np.float32]] = []
    for _ in train(network, splits, settings, observe=lambda _, probabilities: seen.append(probabilities)):
        pass
    return TrainingDynamics.from_probabilities(splits.train.labels, seen)


CLAIMS = (
    Claim("pair flips, 5% of 2,000: in the first n of n by training dynamics", ".80 and no less than by held-out",
          lambda effort: recall(effort, "pairs", 0.80), trains=True),
    Claim("30% of one class to another: in the first n of n by training dynamics", ".60 and no less than by held-out",
          lambda effort: recall(effort, "one-class", 0.60), trains=True),
    Claim("evenly changed labels, 5% of 2,000: in the first n of n by training dynamics",
          ".75 and no less than by held-out", lambda effort: recall(effort, "uniform", 0.75), trains=True),
    Claim("training images called hard where all labels are right, 2,000 of MNIST", "at most 5%",
          right_labels, trains=True),
    Claim("right labels called hard where four simulated classes overlap, n = 1,000: another class is more probable",
          "at least 95%", of_overlapping_classes, trains=True),
)  # fmt: skip
