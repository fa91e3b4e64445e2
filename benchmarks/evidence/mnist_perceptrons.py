"""Perceptrons trained on MNIST (or the bundled digits), each on other images and with another seed: real networks.

What claims about networks start from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from inkling import ImageDataset, Perceptron, Splits, load_images, recipe, train


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at the end of every epoch."""

    train_accuracy: NDArray[np.float64]  # (T,)
    right: NDArray[np.bool_]  # (T, M) on images that it never saw
    losses: NDArray[np.float64]  # (T,) on them


def images(quick: bool) -> Splits:
    """Return MNIST, or the bundled digits where this is only to see that it runs."""
    return load_images("digits" if quick else "mnist")


def taken(dataset: ImageDataset, places: NDArray[np.intp]) -> ImageDataset:
    """Return some of the images of a data set."""
    return ImageDataset(dataset.images[places], dataset.labels[places], dataset.class_names)


@cache
def perceptrons(count: int, train_size: int, epochs: int, quick: bool) -> tuple[Trained, ...]:
    """Train networks of one recipe, each with its own seed and training images."""
    return tuple(_trained(images(quick), train_size, epochs, seed) for seed in range(count))


def _trained(splits: Splits, train_size: int, epochs: int, seed: int) -> Trained:
    own = np.random.default_rng(seed).permutation(len(splits.train))[:train_size]
    parts = replace(splits, train=taken(splits.train, own), validation=taken(splits.validation, np.arange(100)))
    network = Perceptron(splits.train.image_shape, splits.train.n_classes, seed=seed)
    accuracies, right, losses = [], [], []
    for record in train(network, parts, recipe("reference", "perceptron", train_size, seed=seed, epochs=epochs)):
        probabilities = network.predict_proba(splits.test.images)
        of_label = probabilities[np.arange(len(splits.test)), splits.test.labels]
        accuracies.append(record.train_accuracy)
        right.append(probabilities.argmax(axis=1) == splits.test.labels)
        losses.append(-float(np.log(np.maximum(of_label, 1e-9)).mean()))
    return Trained(np.array(accuracies), np.stack(right), np.array(losses))
