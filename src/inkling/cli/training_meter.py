"""How far a training is, epochs and the one under way together, for a meter on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inkling.cli.progress import Meter

if TYPE_CHECKING:
    from inkling.training.loop import EpochRecord
    from inkling.training.progress import EpochProgress

SHARES = {
    "teacher": (0.0, 0.0),
    "features": (0.0, 0.0),
    "training": (0.0, 0.75),
    "measuring": (0.75, 1.0),
    "predicting": (1.0, 1.09),
}
"""Stage -> the part of an epoch that it takes, about: a forward pass costs a third of a step. Predicting comes last."""

EPOCHS_BEYOND = 0.1
"""What the predictions at the end, and writing them down, add to the epochs of a run."""


def epochs_done(progress: EpochProgress) -> float:
    """Return how many epochs are done, the one under way as the part that is done of it."""
    low, high = SHARES[progress.stage]
    part = low + (high - low) * progress.done / max(1, progress.total)
    return (progress.epochs if progress.stage == "predicting" else progress.epoch) - 1 + part


class TrainingMeter:
    """Puts the epochs of a run, and the images within them, on a meter.

    Parameters
    ----------
    meter : Meter
    epochs : int
        Of the run, at most.
    n_validation : int
        Images behind a validation accuracy, for its digits.
    before : float
        What the meter showed at the start of the run.
    per_epoch : float
        What an epoch adds to it.
    prefix : str
        Words before all others: which run of a study it is.
    """

    def __init__(
        self,
        meter: Meter,
        epochs: int,
        n_validation: int,
        before: float = 0.0,
        per_epoch: float = 1.0,
        prefix: str = "",
    ) -> None:
        self.meter, self.epochs, self.n_validation = meter, epochs, n_validation
        self.before, self.per_epoch, self.prefix = before, per_epoch, prefix
        self._measured = self._latest = ""

    def within(self, progress: EpochProgress) -> None:
        """Show how far an epoch is."""
        images = f"{progress.done:,}/{progress.total:,} images"
        if progress.stage == "training":
            detail = f"epoch {progress.epoch}/{self.epochs}, {images}"
        elif progress.stage == "measuring":
            detail = f"epoch {progress.epoch}/{self.epochs}, measuring {images}"
        else:
            detail = f"{progress.stage} {images}"
        self._show(epochs_done(progress), detail + self._measured)

    def after(self, record: EpochRecord) -> None:
        """Show what an epoch did."""
        from inkling.metrics.formatting import percent

        self._measured = f", validation accuracy {percent(record.validation_accuracy, self.n_validation)}"
        self._latest = f"epoch {record.epoch}/{self.epochs}, loss {record.train_loss:.4f}{self._measured}"
        self._show(record.epoch, self._latest)

    def end(self) -> None:
        """Show that the run is done, all its predictions included."""
        self._show(self.epochs + EPOCHS_BEYOND, self._latest)

    def _show(self, epochs: float, detail: str) -> None:
        self.meter.update(self.before + self.per_epoch * epochs, self.prefix + detail)
