"""The training loop: one for every network and every tool. It touches neither disk nor screen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import TrainingError
from inkling.images.dataset import Splits
from inkling.images.progress import Progress
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Classifier, State, Trainable, weights_only
from inkling.training.batches import MiniBatches
from inkling.training.examples import Examples
from inkling.training.features import Learning, prepare_learning
from inkling.training.measuring import loss_and_accuracy, measure, sample_to_measure
from inkling.training.progress import FEATURES, MEASURING, TEACHER, TRAINING, EpochProgressCallback, ProgressMeter
from inkling.training.schedules import rate_at
from inkling.training.selection import EpochScore, patience_is_over
from inkling.training.settings import TrainingSettings
from inkling.training.steps import diverged, take_steps
from inkling.training.threads import one_blas_thread

EpochObserver = Callable[[int, NDArray[np.float32]], None]
"""Called with the number of an epoch and the probabilities of the training images after it, (N, K)."""


@dataclass(frozen=True)
class TrainingState:
    """All that training needs to go on after an epoch as if it had never stopped.

    Orders and augmentation are drawn from (seed, epoch), so there is no random generator to keep beyond what a
    network keeps in its own arrays.

    Attributes
    ----------
    epoch : int
        Epochs done.
    network : State
        Every array of the network, the optimiser's included.
    best : State
        Weights of the best epoch so far.
    best_epoch : int
    best_accuracy : float
        On validation.
    best_loss : float
        On validation.
    """

    epoch: int
    network: State
    best: State
    best_epoch: int
    best_accuracy: float
    best_loss: float


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did. Accuracies are fractions; losses are mean cross-entropies in nats.

    Attributes
    ----------
    epoch : int
        1 for the first.
    learning_rate : float
        Of the last step.
    running_loss : float
        Mean over the epoch's batches, of their own targets and augmented images, as weights moved.
    train_loss : float
        Of the weights at the end of the epoch, on the training images as they are.
    train_accuracy : float
    train_measured : int
        Training images behind these two: all of them, or a fixed stratified sample of a large set
        (`training.measuring`).
    validation_loss : float
    validation_accuracy : float
    train_seconds : float
        Training steps alone, augmentation included.
    evaluation_seconds : float
        Measuring the four figures above.
    best : bool
        Best validation accuracy so far (ties: lower validation loss).
    last : bool
        No epoch follows.
    """

    epoch: int
    learning_rate: float
    running_loss: float
    train_loss: float
    train_accuracy: float
    train_measured: int
    validation_loss: float
    validation_accuracy: float
    train_seconds: float
    evaluation_seconds: float
    best: bool
    last: bool
    _state_after: Callable[[int], TrainingState] = field(repr=False, compare=False)

    @property
    def state(self) -> TrainingState:
        """What training can go on from after this epoch, copied when it is first asked for.

        A record keeps no arrays. Take the state before the next epoch begins, and before anything else changes the
        network; that of the last epoch can be taken after the loop too.

        Raises
        ------
        TrainingError
            If the loop has gone on since.
        """
        return self._state_after(self.epoch)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the state, as JSON values."""
        return {name: value for name, value in self.__dict__.items() if name != "_state_after"}


def train(
    network: Trainable,
    splits: Splits,
    settings: TrainingSettings,
    start: TrainingState | None = None,
    image_weights: NDArray[np.floating[Any]] | None = None,
    teacher: Classifier | None = None,
    progress: EpochProgressCallback | None = None,
    observe: EpochObserver | None = None,
) -> Generator[EpochRecord, None, None]:
    """Train a network, yielding a record after every epoch.

    Leave the loop at any time. When it runs to its end, the network holds the weights of the best epoch: the one of
    the highest validation accuracy, and among equals of the lowest validation loss. The test split is never read.
    Matrix products use one thread while an epoch lasts (`training.threads`).

    Parameters
    ----------
    network : Trainable
        Changed in place.
    splits : Splits
    settings : TrainingSettings
    start : TrainingState, optional
        Where an earlier call stood. The weights then become bit-identical to those of an uninterrupted run (on one
        machine, with one number of threads).
    image_weights : ndarray of float, shape (N,), optional
        How much each training image counts, 0 or more; 1 is the default.
    teacher : Classifier, optional
        Its probabilities stand in for the labels, as `settings.distillation` says.
    progress : callable, optional
        Called with an `EpochProgress` a few times a second at most, between training steps and while measuring.
    observe : callable, optional
        Called after each epoch, before its record, with its number and the probabilities of the training images,
        float32 (N, K). The training loss is then measured on all of them, however many.

    Raises
    ------
    SettingsError
        If settings are out of range, or do not fit the teacher.
    DataError
        If the image weights do not fit the training images.
    TrainingError
        If training diverged: the loss is not finite.
    """
    # The test images stay behind here: what chooses an epoch cannot read them.
    return train_on(
        network, splits.train, splits.validation, settings, start, image_weights, teacher, progress, observe
    )


def train_on(
    network: Trainable,
    training: Examples,
    validation: Examples | None,
    settings: TrainingSettings,
    start: TrainingState | None = None,
    image_weights: NDArray[np.floating[Any]] | None = None,
    teacher: Classifier | None = None,
    progress: EpochProgressCallback | None = None,
    observe: EpochObserver | None = None,
) -> Generator[EpochRecord, None, None]:
    """Do what `train` does with images or features, and without validation where there is none.

    Parameters
    ----------
    training : ImageDataset or FeatureDataset
    validation : ImageDataset or FeatureDataset, optional
        None: the last epoch is kept, patience is not heeded, and the validation figures of the records are NaN.
    network, settings, start, image_weights, teacher, progress, observe
        As of `train`, which says what is raised.
    """
    settings.check()
    meter = ProgressMeter(progress, settings.epochs)
    course = _Course(network, start, chooses=validation is not None)
    batches = MiniBatches(
        training, settings, image_weights, teacher, meter.stage(course.epoch + 1, TEACHER, len(training))
    )
    network.configure(settings.optimizer, settings.precision)
    images = len(training) + (0 if validation is None else len(validation))
    told = meter.stage(course.epoch + 1, FEATURES, images)
    learning = prepare_learning(network, batches, training, validation, told)
    measured = learning.training if observe else sample_to_measure(learning.training)
    images = len(measured) + (0 if validation is None else len(validation))
    if start:
        network.load_state(start.network)
    while not course.finished(settings):
        epoch = course.begin_epoch()
        # Not around the loop: a limit must not hold in the caller between two epochs.
        with one_blas_thread():
            began = time.perf_counter()
            running_loss, rate = _train_epoch(learning, epoch, meter.stage(epoch, TRAINING, len(training)))
            stepped = time.perf_counter()
            with np.errstate(over="ignore", invalid="ignore"):
                told = meter.stage(epoch, MEASURING, images)
                probabilities = predict_in_parts(learning.network, measured.images, told)
                train_loss, train_accuracy = loss_and_accuracy(measured.labels, probabilities)
                loss = accuracy = math.nan
                if learning.validation is not None:
                    told = meter.stage(epoch, MEASURING, images, len(measured))
                    loss, accuracy = measure(learning.network, learning.validation, told)
        if not (math.isfinite(train_loss) and (math.isfinite(loss) or validation is None)):
            raise TrainingError(diverged(epoch, ", at its end", rate))
        if observe:
            observe(epoch, probabilities)
        best = course.end_epoch(EpochScore(epoch, accuracy, loss))
        yield EpochRecord(
            epoch=epoch,
            learning_rate=rate,
            running_loss=running_loss,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            train_measured=len(measured),
            validation_loss=loss,
            validation_accuracy=accuracy,
            train_seconds=stepped - began,
            evaluation_seconds=time.perf_counter() - stepped,
            best=best,
            last=course.finished(settings),
            _state_after=course.state_after,
        )
    course.keep_best()


class _Course:
    """Where a training stands: epochs done, the best of them, and the network's arrays once somebody asked for them."""

    def __init__(self, network: Trainable, start: TrainingState | None, chooses: bool) -> None:
        self._network = network
        self._chooses = chooses  # by validation; else every epoch is better than those before it
        self.epoch = start.epoch if start else 0  # epochs done
        self._best = EpochScore(start.best_epoch, start.best_accuracy, start.best_loss) if start else None
        self._best_weights = start.best if start else None
        self._arrays = start.network if start else None  # after `epoch`; None where nobody has asked
        self._under_way = False

    def finished(self, settings: TrainingSettings) -> bool:
        """Whether no epoch follows."""
        return self._best is not None and (
            self.epoch >= settings.epochs or patience_is_over(self.epoch, self._best.epoch, settings.patience)
        )

    def begin_epoch(self) -> int:
        """Let go of the last epoch's arrays and return the number of the next."""
        self._arrays, self._under_way = None, True
        return self.epoch + 1

    def end_epoch(self, score: EpochScore) -> bool:
        """Take note of an epoch, and return whether it is the best so far."""
        self.epoch, self._under_way = score.epoch, False
        if self._chooses and self._best is not None and not score.is_better_than(self._best):
            return False
        self._arrays = self._network.state()
        self._best, self._best_weights = score, weights_only(self._arrays)
        return True

    def state_after(self, epoch: int) -> TrainingState:
        """Return the state after the last epoch done, which this must be."""
        if epoch != self.epoch or self._under_way or self._best is None or self._best_weights is None:
            raise TrainingError(
                f"the state after epoch {epoch} is gone, for training went on: take record.state before the next epoch"
            )
        if self._arrays is None:
            self._arrays = self._network.state()
        best = self._best
        return TrainingState(epoch, self._arrays, self._best_weights, best.epoch, best.accuracy, best.loss)

    def keep_best(self) -> None:
        """Load the weights of the best epoch; the state of the last can still be asked for."""
        if self._best_weights is not None:
            self._arrays = self.state_after(self.epoch).network
            self._network.load_state(self._best_weights)


def _train_epoch(learning: Learning, epoch: int, progress: Progress) -> tuple[float, float]:
    """Take the steps of one epoch; return the mean loss on the way and the last learning rate."""
    settings, n = learning.batches.settings, len(learning.batches.dataset)
    steps_per_epoch = math.ceil(n / settings.batch_size)
    before = (epoch - 1) * steps_per_epoch
    steps, images = [], 0
    for step in take_steps(
        learning.network,
        learning.batches,
        epoch,
        lambda number: rate_at(settings.schedule, before + number, steps_per_epoch, settings.epochs),
    ):
        steps.append(step)
        images += step.images
        progress(images, n)
    # Only now, so that a GPU is not waited for at every step.
    losses = 0.0
    for step in steps:
        losses += step.finite_loss() * step.images
    return losses / n, steps[-1].learning_rate
