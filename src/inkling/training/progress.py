"""How far a training is within an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from inkling.images.progress import SECONDS, Progress

TEACHER, FEATURES, TRAINING, MEASURING = "teacher", "features", "training", "measuring"
"""What an epoch's images are used for: asked of the teacher or turned into features (once, before the first epoch),
learnt from, measured."""


@dataclass(frozen=True)
class EpochProgress:
    """How far an epoch is.

    Attributes
    ----------
    epoch : int
        Under way, 1 for the first.
    epochs : int
        As many as there will be, unless patience ends before.
    done : int
        Images of this stage.
    total : int
    stage : str
        "teacher", "features", "training" or "measuring".
    """

    epoch: int
    epochs: int
    done: int
    total: int
    stage: str


EpochProgressCallback = Callable[[EpochProgress], None]


class ProgressMeter:
    """Reports how far a training is, a few times a second at most.

    Parameters
    ----------
    report : callable, optional
        None: nothing is reported.
    epochs : int
    """

    def __init__(self, report: EpochProgressCallback | None, epochs: int) -> None:
        self._report, self._epochs = report, epochs
        self._last = time.monotonic()

    def stage(self, epoch: int, stage: str, total: int, before: int = 0) -> Progress:
        """Return the callback of one stage, to be told how many images are done beyond those `before`."""
        report = self._report
        if report is None:
            return lambda *_: None

        def pass_on(done: int, _: int) -> None:
            now = time.monotonic()
            if now - self._last >= SECONDS:
                self._last = now
                report(EpochProgress(epoch, self._epochs, before + done, total, stage))

        return pass_on
