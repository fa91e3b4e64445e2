"""Before the first epoch: a network makes ready, and what a backbone that stays makes of images is computed."""

from __future__ import annotations

from dataclasses import dataclass

from inkling.images.progress import Progress
from inkling.networks.protocols import Preparable, Trainable
from inkling.training.batches import MiniBatches
from inkling.training.examples import Examples, FeatureDataset


@dataclass(frozen=True, eq=False)
class Learning:
    """What an epoch works on: a network with what it takes, images or features."""

    network: Trainable
    batches: MiniBatches
    training: Examples
    validation: Examples | None


def prepare_learning(
    network: Trainable, batches: MiniBatches, training: Examples, validation: Examples | None, progress: Progress
) -> Learning:
    """Return what epochs work on: features where the backbone stays as it is and images are not augmented.

    Parameters
    ----------
    network : Trainable
        Configured.
    batches : MiniBatches
        Of the training images.
    training : ImageDataset or FeatureDataset
    validation : ImageDataset or FeatureDataset, optional
    progress : callable
        Called with (images whose features are computed, images in all).
    """
    if not isinstance(network, Preparable):
        return Learning(network, batches, training, validation)
    parts = (training, *([] if validation is None else [validation]))
    ready = network.prepare([part.images for part in parts], training.labels, progress)
    if ready is None or batches.settings.augmentation:
        return Learning(network, batches, training, validation)
    rest, features = ready
    datasets = [
        FeatureDataset(of_part, part.labels, part.n_classes) for of_part, part in zip(features, parts, strict=True)
    ]
    return Learning(rest, batches.over(features[0]), datasets[0], None if validation is None else datasets[1])
