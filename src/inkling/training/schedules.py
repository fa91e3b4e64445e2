"""Learning-rate schedules: the rate of every step, known before training starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate goes from the first step to the last."""

    name: str = "constant"  # one of SCHEDULES
    learning_rate: float = 0.5  # largest rate, per unit of the mean gradient of a batch
    warmup_epochs: float = 0.0  # epochs of linear rise from near 0 (cosine only)

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        found = []
        if self.name not in SCHEDULES:
            found.append(f"schedule must be one of {', '.join(SCHEDULES)}, found '{self.name}'")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            found.append(f"learning rate must be above 0, found {self.learning_rate}")
        if not self.warmup_epochs >= 0:
            found.append(f"warm-up epochs must be 0 or more, found {self.warmup_epochs}")
        if self.warmup_epochs and self.name == "constant":
            found.append("warm-up needs the cosine schedule")
        return found


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
        Constant; or a linear warm-up, then half a cosine down to nearly 0 at the last step (Loshchilov and
        Hutter, 2017, without restarts).
    """
    if settings.name == "constant":
        return settings.learning_rate
    warmup = settings.warmup_epochs * steps_per_epoch
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1.0, epochs * steps_per_epoch - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
