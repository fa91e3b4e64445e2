"""The training loop: one for every network and every tool. It touches neither disk nor screen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import TrainingError
from inkling.images.dataset import ImageDataset, Splits
from inkling.metrics.scores import mean_cross_entropy
from inkling.networks.protocols import State, Trainable, weights_only
from inkling.training.batches import MiniBatches
from inkling.training.schedules import rate_at
from inkling.training.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingState:
    """All that training needs to go on after an epoch as if it had never stopped.

    Orders and augmentation are drawn from (seed, epoch), so there is no random generator to keep beyond what a
    network keeps in its own arrays.
    """

    epoch: int  # epochs done
    network: State  # every array of the network, the optimiser's included
    best: State  # weights of the best epoch so far
    best_epoch: int
    best_accuracy: float  # on validation
    best_loss: float  # on validation


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did. Accuracies are fractions; losses are mean cross-entropies in nats."""

    epoch: int  # 1 for the first
    learning_rate: float  # of the last step
    running_loss: (
        float  # mean over the epoch's batches, as trained on (augmented, smoothed, taught), while the weights moved
    )
    train_loss: float  # of the weights at the end of the epoch, on the training images as they are
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    train_seconds: float  # training steps alone, augmentation included
    evaluation_seconds: float  # measuring the four figures above
    best: bool  # best validation accuracy so far (ties: lower validation loss)
    last: bool  # no epoch follows
    state: TrainingState = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the state, as JSON values."""
        return {name: value for name, value in self.__dict__.items() if name != "state"}


def train(
    network: Trainable,
    splits: Splits,
    settings: TrainingSettings,
    start: TrainingState | None = None,
    image_weights: NDArray[np.floating[Any]] | None = None,
    teacher: Trainable | None = None,
) -> Generator[EpochRecord, None, None]:
    """Train a network, yielding a record after every epoch.

    Leave the loop at any time. When it runs to its end, the network holds the weights of the best epoch: the one of
    the highest validation accuracy, and among equals of the lowest validation loss. The test split is never read.

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
        How much each training image counts; 1 is the default.
    teacher : Trainable, optional
        Its probabilities stand in for the labels, as `settings.distillation` says.

    Raises
    ------
    SettingsError
        If settings are out of range, or do not fit the teacher.
    TrainingError
        If the loss stops being a number.
    """
    settings.check()
    batches = MiniBatches(splits.train, settings, image_weights, teacher)
    network.configure(settings.optimizer, settings.precision)
    state = start
    if state:
        network.load_state(state.network)
    while not _finished(state, settings):
        epoch = state.epoch + 1 if state else 1
        began = time.perf_counter()
        running_loss, rate = _train_epoch(network, batches, epoch)
        stepped = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):
            train_loss, train_accuracy = measure(network, splits.train)
            loss, accuracy = measure(network, splits.validation)
        if not (math.isfinite(train_loss) and math.isfinite(loss)):
            raise TrainingError(_diverged(epoch, f"at its end, at learning rate {rate:g}"))
        current = network.state()
        best = state is None or (accuracy, -loss) > (state.best_accuracy, -state.best_loss)
        if best or state is None:
            state = TrainingState(epoch, current, weights_only(current), epoch, accuracy, loss)
        else:
            state = TrainingState(epoch, current, state.best, state.best_epoch, state.best_accuracy, state.best_loss)
        yield EpochRecord(
            epoch=epoch,
            learning_rate=rate,
            running_loss=running_loss,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            train_seconds=stepped - began,
            evaluation_seconds=time.perf_counter() - stepped,
            best=best,
            last=_finished(state, settings),
            state=state,
        )
    if state:
        network.load_state(state.best)


@dataclass(frozen=True)
class Step:
    """One training step."""

    learning_rate: float
    loss: float  # mean over the batch, before the step
    images: int


def take_steps(network: Trainable, batches: MiniBatches, epoch: int, rate_of: Callable[[int], float]) -> Iterator[Step]:
    """Take the steps of one epoch; `rate_of` gives the learning rate of each, counted from 0.

    Raises
    ------
    TrainingError
        If the loss stops being a number.
    """
    for number, batch in enumerate(batches.epoch(epoch)):
        rate = rate_of(number)
        # A rate that is far too large overflows; the loss then says so, and nothing else needs to.
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(network.train_step(batch.images, batch.targets, rate, batch.weights))
        if not math.isfinite(loss):
            raise TrainingError(_diverged(epoch, f"step {number + 1}, at learning rate {rate:g}"))
        yield Step(rate, loss, len(batch.images))


def _train_epoch(network: Trainable, batches: MiniBatches, epoch: int) -> tuple[float, float]:
    """Take the steps of one epoch; return the mean loss on the way and the last learning rate."""
    settings, n = batches.settings, len(batches.dataset)
    steps_per_epoch = math.ceil(n / settings.batch_size)
    before = (epoch - 1) * steps_per_epoch
    losses, rate = 0.0, 0.0
    for step in take_steps(
        network,
        batches,
        epoch,
        lambda number: rate_at(settings.schedule, before + number, steps_per_epoch, settings.epochs),
    ):
        losses += step.loss * step.images
        rate = step.learning_rate
    return losses / n, rate


def _diverged(epoch: int, where: str) -> str:
    kept = "every epoch before this one is kept" if epoch > 1 else "no epoch was finished"
    return f"the loss is no longer a number in epoch {epoch}, {where}: try a lower learning rate; {kept}"


def measure(network: Trainable, dataset: ImageDataset) -> tuple[float, float]:
    """Return the mean cross-entropy (nats) and the accuracy (fraction) of a network on a data set."""
    probabilities = network.predict_proba(dataset.images)
    return mean_cross_entropy(dataset.labels, probabilities), float(
        np.mean(probabilities.argmax(axis=1) == dataset.labels)
    )


def _finished(state: TrainingState | None, settings: TrainingSettings) -> bool:
    if state is None:
        return False
    waited = state.epoch - state.best_epoch
    return state.epoch >= settings.epochs or (settings.patience is not None and waited >= settings.patience)
