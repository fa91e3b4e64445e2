"""How well a network does on what it learns from and is chosen by, measured after every epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress
from inkling.images.sampling import stratified_order
from inkling.metrics.scores import mean_cross_entropy
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Classifier
from inkling.training.examples import Examples, FeatureDataset

SAMPLE = 10_000
"""Images of a large training set that are measured after an epoch. Their accuracy is known to about 0.2 points where it
is 0.99 (95% interval), which a curve does not show; all 50,000 of MNIST take half as long as the epoch itself."""

LARGE = 2 * SAMPLE
"""Training sets of more images than this are measured on a sample."""


def sample_to_measure(training: Examples) -> Examples:
    """Return the images whose accuracy and loss stand for those of the training set: all, or a sample of a large one.

    The sample is stratified by class and the same in every epoch and of every seed, so that curves compare.

    Parameters
    ----------
    training : ImageDataset or FeatureDataset
    """
    if len(training) <= LARGE:
        return training
    chosen = np.sort(stratified_order(training.labels, seed=0)[: max(SAMPLE, training.n_classes)])
    if isinstance(training, ImageDataset):
        return training.subset(chosen)
    return FeatureDataset(training.images[chosen], training.labels[chosen], training.n_classes)


def measure(network: Classifier, dataset: Examples, progress: Progress | None = None) -> tuple[float, float]:
    """Return the mean cross-entropy (nats) and the accuracy (fraction) of a network on a data set."""
    return loss_and_accuracy(dataset.labels, predict_in_parts(network, dataset.images, progress))


def loss_and_accuracy(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> tuple[float, float]:
    """Return what `measure` returns, of predictions (N, K)."""
    return mean_cross_entropy(labels, probabilities), float(np.mean(probabilities.argmax(axis=1) == labels))
