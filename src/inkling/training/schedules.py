"""Learning-rate schedules: the rate of every step, known before training starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("constant", "cosine", "linear")


@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate goes from the first step to the last.

    Attributes
    ----------
    name : str
        One of SCHEDULES.
    learning_rate : float
        Largest rate, per unit of the mean gradient of a batch.
    warmup : float
        Part of all steps, 0..1, in which the rate rises linearly from near 0 (not for constant).
    """

    name: str = "constant"
    learning_rate: float = 0.5
    warmup: float = 0.0

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        problems = []
        if self.name not in SCHEDULES:
            problems.append(f"schedule must be one of {', '.join(SCHEDULES)}, found '{self.name}'")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            problems.append(f"learning rate must be above 0, found {self.learning_rate}")
        if not 0 <= self.warmup < 1:
            problems.append(f"warm-up must lie in 0..1 (1 excluded), found {self.warmup}")
        if self.warmup and self.name == "constant":
            problems.append("warm-up needs the cosine or the linear schedule")
        return problems


def rate_at(settings: ScheduleSettings, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of one step.

    Parameters
    ----------
    settings : ScheduleSettings
    step : int
        0 for the first step of training.
    steps_per_epoch, epochs : int

    Returns
    -------
    float
        Constant; or a linear warm-up, then a way down to nearly 0 at the last step: half a cosine (Loshchilov and
        Hutter, 2017, without restarts) or a straight line. A warm-up of 0.2 to 0.4 and the line are the one-cycle
        policy of Smith and Topin (2018).
    """
    if settings.name == "constant":
        return settings.learning_rate
    steps = epochs * steps_per_epoch
    warmup = settings.warmup * steps
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1.0, steps - warmup)
    left = 1 - done if settings.name == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return settings.learning_rate * left
