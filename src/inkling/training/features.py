"""Before the first epoch: a network makes ready, and what a backbone that stays makes of images is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress
from inkling.networks.protocols import Preparable, Trainable
from inkling.training.batches import MiniBatches


@dataclass(frozen=True, eq=False)
class FeatureDataset:
    """Labelled features, in the place of labelled images."""

    images: NDArray[Any]  # (N, D)
    labels: NDArray[np.int64]  # (N,)
    n_classes: int

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Learning:
    """What an epoch works on: a network with what it takes, images or features."""

    network: Trainable
    batches: MiniBatches
    training: ImageDataset | FeatureDataset
    validation: ImageDataset | FeatureDataset


def prepare_learning(
    network: Trainable, batches: MiniBatches, training: ImageDataset, validation: ImageDataset, progress: Progress
) -> Learning:
    """Return what epochs work on: features where the backbone stays as it is and images are not augmented.

    Parameters
    ----------
    network : Trainable
        Configured.
    batches : MiniBatches
        Of the training images.
    training, validation : ImageDataset
    progress : callable
        Called with (images whose features are computed, images in all).
    """
    if not isinstance(network, Preparable):
        return Learning(network, batches, training, validation)
    ready = network.prepare((training.images, validation.images), training.labels, progress)
    if ready is None or batches.settings.augmentation:
        return Learning(network, batches, training, validation)
    rest, features = ready
    datasets = [
        FeatureDataset(of_part, part.labels, part.n_classes)
        for of_part, part in zip(features, (training, validation), strict=True)
    ]
    return Learning(rest, batches.over(features[0]), *datasets)
