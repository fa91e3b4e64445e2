"""The training steps of an epoch, for the loop and for the learning-rate range test."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from numbers import Real
from typing import SupportsFloat

import numpy as np

from inkling.errors import TrainingError
from inkling.networks.protocols import Trainable
from inkling.training.batches import MiniBatches


@dataclass(frozen=True)
class Step:
    """One training step."""

    epoch: int  # 1 for the first
    number: int  # in its epoch, 1 for the first
    learning_rate: float
    loss: SupportsFloat  # mean over the batch, before the step; perhaps still being computed, on a GPU
    images: int

    def finite_loss(self) -> float:
        """Return the loss as a float, waiting for it where it must be waited for.

        Raises
        ------
        TrainingError
            If it is not finite.
        """
        loss = float(self.loss)
        if not math.isfinite(loss):
            raise TrainingError(diverged(self.epoch, f", step {self.number}", self.learning_rate))
        return loss


def take_steps(
    network: Trainable, batches: MiniBatches, epoch: int, rate_of: Callable[[int], float]
) -> Generator[Step, None, None]:
    """Take the steps of one epoch; `rate_of` gives the learning rate of each, counted from 0.

    Raises
    ------
    TrainingError
        If a loss that is known at once is not finite. One that a GPU still computes is checked by who asks for it.
    """
    # Closed, so that the thread that prepares batches ends with the steps, whatever ends them.
    with closing(batches.epoch(epoch)) as prepared:
        for number, batch in enumerate(prepared):
            rate = rate_of(number)
            # A rate that is far too large overflows; the loss then says so, and nothing else needs to.
            with np.errstate(over="ignore", invalid="ignore"):
                loss = network.train_step(batch.images, batch.targets, rate, batch.weights)
            step = Step(epoch, number + 1, rate, loss, len(batch.images))
            if isinstance(loss, Real):
                step.finite_loss()
            yield step


def diverged(epoch: int, step: str, learning_rate: float) -> str:
    """Return the message of a training whose loss is not finite."""
    kept = "every epoch before it is kept" if epoch > 1 else "no epoch was finished"
    return (
        f"training diverged in epoch {epoch}{step}: the loss is not finite at learning rate {learning_rate:g}: "
        f"try a lower learning rate; {kept}"
    )
