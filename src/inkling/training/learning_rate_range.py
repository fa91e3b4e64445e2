"""The learning-rate range test (Smith, 2017, "Cyclical learning rates for training neural networks")."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from inkling.errors import SettingsError, TrainingError
from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress, paced
from inkling.networks.protocols import Trainable
from inkling.training.batches import MiniBatches
from inkling.training.settings import TrainingSettings
from inkling.training.steps import Step, take_steps
from inkling.training.threads import one_blas_thread

DIVERGED = 4.0
"""A loss of so many times the lowest, on the mean of `RECENT` steps, ends the test."""

RECENT = 5


@dataclass(frozen=True)
class LearningRateRange:
    """Loss of a network while its learning rate rises from step to step."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # of each step's mini-batch, nats
    smoothed: tuple[float, ...]  # the losses through a Gaussian of a fortieth of the steps
    suggestion: float  # where the smoothed loss falls fastest with the logarithm of the rate
    lowest_loss_at: float  # rate at the lowest smoothed loss: beyond it training becomes worse
    diverged_at: float | None  # rate at which training had diverged; None if it never did

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return dict(self.__dict__)


def learning_rate_range(
    network: Trainable,
    dataset: ImageDataset,
    settings: TrainingSettings,
    lowest: float = 1e-5,
    highest: float = 10.0,
    steps: int = 200,
    progress: Progress | None = None,
) -> LearningRateRange:
    """Train with a rate that grows by the same factor every step, and say which rate is worth using.

    Parameters
    ----------
    network : Trainable
        A fresh one; it is changed, and of no use afterwards.
    dataset : ImageDataset
        Training images.
    settings : TrainingSettings
        Batches, optimiser and augmentation are taken from it; its schedule is not.
    lowest, highest : float
        First and last rate.
    steps : int
        From the first to the last rate; fewer are taken if training diverges.
    progress : callable, optional
        Called a few times a second at most, with (steps taken, steps).

    Raises
    ------
    SettingsError
        If the settings or the range are of no use.
    TrainingError
        If the loss does not fall before training diverges.
    """
    if not 0 < lowest < highest < math.inf:
        raise SettingsError([f"the range of rates must rise from above 0, found {lowest} to {highest}"])
    if steps < 20:
        raise SettingsError([f"a range test needs 20 steps or more, found {steps}"])
    settings.check()
    network.configure(settings.optimizer, settings.precision)
    rates: list[float] = []
    losses: list[float] = []
    lowest_recent, diverged_at = math.inf, None
    report = paced(progress)
    batches = MiniBatches(dataset, settings)
    try:
        with one_blas_thread(), closing(_rising(network, batches, lowest, highest, steps)) as taken:
            for step in taken:
                losses.append(step.finite_loss())
                rates.append(step.learning_rate)
                report(len(rates), steps)
                recent = float(np.mean(losses[-RECENT:]))
                lowest_recent = min(lowest_recent, recent)
                if recent > DIVERGED * lowest_recent:
                    diverged_at = step.learning_rate
                    break
    except TrainingError:
        diverged_at = lowest * (highest / lowest) ** (len(rates) / (steps - 1))
    # Both sides of each step count, so that the curve does not lag behind the rate.
    smoothed = gaussian_filter1d(losses, max(1.0, steps / 40), mode="nearest") if losses else np.zeros(1)
    best = int(np.argmin(smoothed))
    if best < 2:
        raise TrainingError(
            f"the loss does not fall at any learning rate from {lowest:g}: begin the range lower, or take more steps"
        )
    slopes = np.gradient(smoothed[: best + 1], np.log(rates[: best + 1]))
    if np.argmin(slopes) < steps / 40:
        raise TrainingError(f"the loss falls fastest at the very first rates, from {lowest:g}: begin the range lower")
    return LearningRateRange(
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(float(loss) for loss in smoothed),
        suggestion=rates[int(np.argmin(slopes))],
        lowest_loss_at=rates[best],
        diverged_at=diverged_at,
    )


def _rising(
    network: Trainable, batches: MiniBatches, lowest: float, highest: float, steps: int
) -> Generator[Step, None, None]:
    """The steps of the test, through as many epochs as they need."""
    taken = 0
    factor = (highest / lowest) ** (1 / (steps - 1))
    for epoch in count(1):
        first = lowest * factor**taken
        with closing(take_steps(network, batches, epoch, partial(_grown, first, factor))) as epoch_steps:
            for step in epoch_steps:
                yield step
                taken += 1
                if taken == steps:
                    return


def _grown(first: float, factor: float, number: int) -> float:
    return first * factor**number
