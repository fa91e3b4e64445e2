"""Wrong labels: none shown where all are right, and those that are planted ranked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling import Splits, diagnose_labels, find_label_errors, recipe
from inkling.diagnosis.label_noise import draw_labels
from inkling.labels.out_of_fold import out_of_fold
from planted_labels import plant


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
        splits = mnist_of(effort, 1000, seed)
        found = diagnose_labels(splits.train.labels, rated_out_of_fold(splits, "perceptron", "reference", 10, seed))
        shown += found.flagged > 0
        singled_out += found.singled_out
    measured = rate(shown, times, high=0.05)
    return Measured(f"{measured.shown}; {singled_out / times:.0f} of 1,000 singled out", measured.reached)


def recall(effort: Effort, kind: str, least: float) -> Measured:
    """Mean part of the planted wrong labels among as many first ones."""
    network = ("perceptron", "reference", 5) if effort.quick else ("small-cnn", "strong", 10)
    found = []
    for seed in range(effort.times(6, 1)):
        planted, wrong = plant_in_mnist(effort, 3000, kind, seed)
        found.append(recall_of(planted, wrong, rated_out_of_fold(planted, *network, seed)))
    return Measured(f"{mean_and_spread(found)} of {len(found)} drawings", bool(np.mean(found) >= least))


def consensus(effort: Effort, kind: str) -> Measured:
    """How much more of the planted labels three seeds find together than one, perceptrons on 2,000 images."""
    one: list[float] = []
    three: list[float] = []
    for drawing in range(effort.times(10, 2)):
        planted, wrong = plant_in_mnist(effort, 2000, kind, drawing)
        epochs = 5 if effort.quick else 30
        rated = [
            rated_out_of_fold(planted, "perceptron", "reference", epochs, 100 * drawing + seed) for seed in range(3)
        ]
        one.append(float(np.mean([recall_of(planted, wrong, each) for each in rated])))
        three.append(recall_of(planted, wrong, np.mean(rated, axis=0)))
    gain = np.subtract(three, one)
    low = gain.mean() - 2 * gain.std(ddof=1) / len(gain) ** 0.5
    return Measured(
        f"{mean_and_spread(three)} against {mean_and_spread(one)} of one seed, {len(gain)} drawings",
        bool(low > 0 or effort.quick),
    )


def right_ones_counted(effort: Effort) -> Measured:
    """How often more labels are said to look wrong than are wrong: 100 of 2,000, a network that is right 19 in 20."""
    times, more, said = effort.times(100), 0, []
    for seed in range(times):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 4, 2000)
        labels = truth.copy()
        labels[:100] = (truth[:100] + rng.integers(1, 4, 100)) % 4
        logits = 3 * (rng.normal(size=(2000, 4)) + 3 * np.eye(4)[truth])
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        said.append(diagnose_labels(labels, odds / odds.sum(axis=1, keepdims=True)).flagged)
        more += said[-1] > 100
    measured = rate(more, times, high=0.05)
    return Measured(f"{measured.shown}; {np.mean(said):.0f} said on average", measured.reached)


def plant_in_mnist(effort: Effort, n: int, kind: str, seed: int) -> tuple[Splits, NDArray[np.intp]]:
    """Return so many images of MNIST with a twentieth of the labels wrong, or 30% of a class, and which are."""
    splits = mnist_of(effort, n, seed)
    return plant(splits, kind, len(splits.train) // 20, seed)


def recall_of(planted: Splits, wrong: NDArray[np.intp], probabilities: NDArray[np.float32]) -> float:
    """Return the part of the wrong labels that is among as many first ones."""
    ranked = find_label_errors(planted.train.labels, probabilities, len(wrong))
    return float(np.isin(wrong, [error.index for error in ranked]).mean())


def mean_and_spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation in words."""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def mnist_of(effort: Effort, n: int, seed: int) -> Splits:
    """Return so many training images of MNIST, and few others."""
    splits = mnist_images(effort.quick)
    few = splits.validation.subset(np.arange(100))  # they choose nothing here
    return replace(splits, validation=few).with_train_size(min(n, len(splits.train)), seed)


def rated_out_of_fold(splits: Splits, network: str, name: str, epochs: int, seed: int) -> NDArray[np.float32]:
    """Return out-of-fold probabilities of the training images."""
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
        lambda effort: recall(effort, "one-class", 0.75),
        trains=True,
    ),
    Claim(
        "three seeds together find more pair flips than one, perceptrons on 2,000 images of MNIST",
        "more",
        lambda effort: consensus(effort, "pairs"),
        trains=True,
    ),
    Claim(
        "three seeds together find more labels changed evenly than one, perceptrons on 2,000 images of MNIST",
        "more",
        lambda effort: consensus(effort, "uniform"),
        trains=True,
    ),
    Claim("more labels said to look wrong than are, 100 of 2,000 wrong", "at most 5%", right_ones_counted),
)
