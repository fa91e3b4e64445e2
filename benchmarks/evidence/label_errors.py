"""Wrong labels: none shown where all are right, and those that are planted ranked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from images import mnist_images
from inkling import Splits, diagnose_labels, find_label_errors, recipe
from inkling.diagnosis.label_noise import draw_labels
from inkling.labels.out_of_fold import out_of_fold
from inkling.labels.rating import rate_by_training
from inkling.labels.review import RatedLabels
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
        rated = rated_by_command(splits, "perceptron", "reference", 10, seed)
        found = diagnose_labels(splits.train.labels, rated.probabilities, rated.over_epochs)
        shown += found.flagged > 0
        singled_out += found.singled_out
    measured = rate(shown, times, high=0.05)
    return Measured(f"{measured.shown}; {singled_out / times:.0f} of 1,000 singled out", measured.reached)


def recall(effort: Effort, kind: str, least: float) -> Measured:
    """Mean part of the planted wrong labels among as many first ones of `inkling labels`, and by self-confidence."""
    network = ("perceptron", "reference", 5) if effort.quick else ("small-cnn", "strong", 10)
    found: list[float] = []
    by_confidence: list[float] = []
    for seed in range(effort.times(6, 1)):
        planted, wrong = plant_in_mnist(effort, 3000, kind, seed)
        rated = rated_by_command(planted, *network, seed)
        found.append(recall_of(planted, wrong, rated.probabilities, rated.over_epochs))
        own = rated.probabilities[np.arange(len(planted.train)), planted.train.labels]
        by_confidence.append(float(np.isin(wrong, np.argsort(own, kind="stable")[: len(wrong)]).mean()))
    return Measured(
        f"{mean_and_spread(found)}, least {min(found):.2f} of {len(found)} drawings "
        f"(by self-confidence {mean_and_spread(by_confidence)})",
        bool(np.mean(found) >= least or effort.quick),
    )


def over_epochs(effort: Effort, kind: str) -> Measured:
    """How much more the mean over the epochs finds than the last one, perceptrons on 2,000 images."""
    last: list[float] = []
    mean: list[float] = []
    for drawing in range(effort.times(10, 2)):
        planted, wrong = plant_in_mnist(effort, 2000, kind, drawing)
        rated = rated_by_command(planted, "perceptron", "reference", 5 if effort.quick else 30, drawing)
        last.append(recall_of(planted, wrong, rated.probabilities))
        mean.append(recall_of(planted, wrong, rated.probabilities, rated.over_epochs))
    gain = np.subtract(mean, last)
    return Measured(
        f"{mean_and_spread(mean)} against {mean_and_spread(last)} by the last epoch alone, {len(gain)} drawings",
        bool(gain.mean() > standard_errors(gain) or effort.quick),
    )


def consensus(effort: Effort, kind: str) -> Measured:
    """How many of the planted labels three seeds find together, and one, perceptrons on 2,000 images."""
    one: list[float] = []
    three: list[float] = []
    for drawing in range(effort.times(10, 2)):
        planted, wrong = plant_in_mnist(effort, 2000, kind, drawing)
        epochs = 5 if effort.quick else 30
        seeds = [100 * drawing + seed for seed in range(3)]
        rated = [rated_by_command(planted, "perceptron", "reference", epochs, seed) for seed in seeds]
        ranked_by = [each.over_epochs for each in rated if each.over_epochs is not None]
        one.append(float(np.mean([recall_of(planted, wrong, each) for each in ranked_by])))
        three.append(recall_of(planted, wrong, np.mean(ranked_by, axis=0)))
    gain = np.subtract(three, one)
    return Measured(
        f"{mean_and_spread(three)} against {mean_and_spread(one)} of one seed, {len(gain)} drawings",
        bool(gain.mean() + standard_errors(gain) >= 0 or effort.quick),
    )


def standard_errors(gain: NDArray[np.floating[Any]]) -> float:
    """Return two standard errors of the mean."""
    return float(2 * gain.std(ddof=1) / len(gain) ** 0.5)


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


def plant_in_mnist(
    effort: Effort, n: int, kind: str, seed: int, drawn_with: int | None = None
) -> tuple[Splits, NDArray[np.intp]]:
    """Return so many images of MNIST with a twentieth of the labels wrong, or 30% of a class, and which are.

    The images are drawn with the seed, and so are the wrong labels unless they have another.
    """
    splits = mnist_of(effort, n, seed)
    return plant(splits, kind, len(splits.train) // 20, seed if drawn_with is None else drawn_with)


def recall_of(
    planted: Splits,
    wrong: NDArray[np.intp],
    probabilities: NDArray[np.floating[Any]],
    over_epochs: NDArray[np.floating[Any]] | None = None,
) -> float:
    """Return the part of the wrong labels that is among as many first ones."""
    ranked = find_label_errors(planted.train.labels, probabilities, len(wrong), over_epochs)
    return float(np.isin(wrong, [error.index for error in ranked]).mean())


def mean_and_spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation in words."""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def mnist_of(effort: Effort, n: int, seed: int) -> Splits:
    """Return so many training images of MNIST, and few others."""
    splits = mnist_images(effort.quick)
    few = splits.validation.subset(np.arange(100))  # they choose nothing here
    return replace(splits, validation=few).with_train_size(min(n, len(splits.train)), seed)


def rated_by_command(splits: Splits, network: str, name: str, epochs: int, seed: int) -> RatedLabels:
    """Return what `inkling labels` ranks by: five folds, and the mean of all networks over their epochs."""
    settings = recipe(name, network, len(splits.train) * 4 // 5, epochs=epochs, seed=seed)
    return rate_by_training(splits, network, settings)


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
    Claim(
        "pair flips, 5% of 3,000, small-cnn: in the first n of n of inkling labels",
        ".93",
        lambda effort: recall(effort, "pairs", 0.93),
        trains=True,
    ),
    Claim(
        "30% of one class to another, of 3,000, small-cnn: in the first n of n of inkling labels",
        ".75",
        lambda effort: recall(effort, "one-class", 0.75),
        trains=True,
    ),
    Claim(
        "the mean over the epochs finds more pair flips, perceptrons on 2,000 images of MNIST",
        "more",
        lambda effort: over_epochs(effort, "pairs"),
        trains=True,
    ),
    Claim(
        "the mean over the epochs finds more of 30% of one class to another, perceptrons on 2,000 images of MNIST",
        "more",
        lambda effort: over_epochs(effort, "one-class"),
        trains=True,
    ),
    Claim(
        "three seeds together find no fewer pair flips than one, perceptrons on 2,000 images of MNIST",
        "no fewer",
        lambda effort: consensus(effort, "pairs"),
        trains=True,
    ),
    Claim(
        "three seeds together find no fewer labels changed evenly than one, perceptrons on 2,000 images of MNIST",
        "no fewer",
        lambda effort: consensus(effort, "uniform"),
        trains=True,
    ),
    Claim("more labels said to look wrong than are, 100 of 2,000 wrong", "at most 5%", right_ones_counted),
)
