"""What each training step is given: images (augmented), targets (labels, smoothed labels, or soft targets), weights."""

from __future__ import annotations

from collections.abc import Generator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, SettingsError
from inkling.images.augment import augment
from inkling.images.ordering import augmentation_generator, epoch_batches
from inkling.images.progress import Progress
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Classifier, Targets
from inkling.training.examples import Examples
from inkling.training.prefetch import prefetch
from inkling.training.settings import TrainingSettings
from inkling.training.targets import smooth_labels, soft_targets


@dataclass(frozen=True, eq=False)
class MiniBatch:
    """The images of one step."""

    images: NDArray[np.uint8]  # (N, H, W, C)
    targets: Targets  # (N,) or (N, K)
    weights: NDArray[np.floating[Any]] | None  # (N,)


class MiniBatches:
    """The mini-batches of any epoch, a function of settings and epoch alone.

    Parameters
    ----------
    dataset : ImageDataset or FeatureDataset
    settings : TrainingSettings
    image_weights : ndarray of float, shape (N,), optional
        How much each image counts, 0 or more, on top of `settings.balance_classes`.
    teacher : Classifier, optional
    progress : callable, optional
        Called with (images done, N) while the teacher predicts.

    Raises
    ------
    SettingsError
        If there is a teacher and no weight for it, or the reverse; or its classes are others.
    DataError
        If the image weights are not one finite number of 0 or more per image.
    """

    def __init__(
        self,
        dataset: Examples,
        settings: TrainingSettings,
        image_weights: NDArray[np.floating[Any]] | None = None,
        teacher: Classifier | None = None,
        progress: Progress | None = None,
    ) -> None:
        check_teacher(settings, teacher)
        if teacher is not None and teacher.n_classes != dataset.n_classes:
            raise SettingsError([f"the teacher must know {dataset.n_classes} classes, found {teacher.n_classes}"])
        if image_weights is not None:
            image_weights = _checked_weights(image_weights, len(dataset))
        if settings.balance_classes:
            balance = class_balanced_weights(dataset.labels)
            image_weights = balance if image_weights is None else image_weights * balance
        self.dataset, self.settings, self.image_weights = dataset, settings, image_weights
        self._images: NDArray[Any] = dataset.images
        # Asked once, about the images as they are: its probabilities stand for all that augmentation makes of them.
        self._teacher_probabilities = None if teacher is None else predict_in_parts(teacher, dataset.images, progress)

    def over(self, features: NDArray[np.float32]) -> MiniBatches:
        """Return the same mini-batches with features (N, D) in the place of the images."""
        batches = copy(self)
        batches._images = features
        return batches

    def epoch(self, epoch: int) -> Generator[MiniBatch, None, None]:
        """Yield the mini-batches of an epoch, counted from 1."""
        batches = self._prepare(epoch)
        # Worth a second thread: 1.4 times as fast on two cores. Without augmentation the hand-over costs what it saves.
        return prefetch(batches) if self.settings.augmentation else batches

    def _prepare(self, epoch: int) -> Generator[MiniBatch, None, None]:
        settings = self.settings
        augmented = bool(settings.augmentation)
        rng = augmentation_generator(settings.seed, epoch)
        for batch in epoch_batches(len(self.dataset), settings.batch_size, settings.seed, epoch):
            images, labels = self._images.take(batch, axis=0), self.dataset.labels[batch]
            if augmented:
                images = augment(images, settings.augmentation, rng)
            targets: Targets
            if self._teacher_probabilities is not None:
                targets = soft_targets(labels, self._teacher_probabilities[batch], settings.distillation)
            else:
                targets = smooth_labels(labels, self.dataset.n_classes, settings.label_smoothing)
            yield MiniBatch(images, targets, None if self.image_weights is None else self.image_weights[batch])


def check_teacher(settings: TrainingSettings, teacher: Classifier | None) -> None:
    """Raise SettingsError if there is a teacher and no weight for it, or the reverse."""
    weight = settings.distillation.weight
    if weight and teacher is None:
        raise SettingsError([f"distillation weight {weight:g} needs a teacher, found none: add --teacher RUN"])
    if teacher is not None and not weight:
        raise SettingsError(["a teacher needs a distillation weight above 0, found 0: use the recipe distil"])


def class_balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return one weight per image, so that every class that has an image counts the same; the mean weight is 1."""
    from sklearn.utils.class_weight import compute_sample_weight

    weights: NDArray[np.float64] = compute_sample_weight("balanced", labels)
    return weights


def _checked_weights(weights: NDArray[np.floating[Any]], n: int) -> NDArray[np.floating[Any]]:
    weights = np.asarray(weights)
    expected = f"expected image weights of shape ({n},), one finite number of 0 or more per training image"
    if weights.shape != (n,):
        raise DataError(f"{expected}, found shape {weights.shape}")
    if weights.dtype.kind not in "fiu":
        raise DataError(f"{expected}, found {weights.dtype}")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise DataError(f"{expected}, found {weights[wrong[0]]} for image {wrong[0]}")
    return weights
