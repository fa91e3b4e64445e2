"""What early stopping would have kept and saved: read off the history of a run that went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inkling.errors import DataError
from inkling.metrics.formatting import percent
from inkling.training.selection import epoch_scores, select_epoch


@dataclass(frozen=True)
class EarlyStopping:
    """A run as it was, and as a patience would have ended it (Prechelt, 1998).

    Epochs count from 1. Up to the stop both are one run, bit by bit: the rule only decides where it ends.
    """

    patience: int  # epochs without a better validation accuracy
    epochs: int  # of the run as it was
    stopped_at: int  # last epoch that would have been trained; the run's own last where the rule never fired
    kept_epoch: int  # the best on validation among them
    kept_accuracy: float
    whole_kept_epoch: int  # the best of the whole run
    whole_kept_accuracy: float
    seconds_saved: float | None  # fraction of the training time; None where the history has no times
    n_validation: int  # images behind each accuracy

    @property
    def stops(self) -> bool:
        """Whether it would have saved an epoch."""
        return self.stopped_at < self.epochs

    @property
    def cost(self) -> float:
        """Validation accuracy lost, a fraction of 0 or more."""
        return self.whole_kept_accuracy - self.kept_accuracy

    @property
    def verdict(self) -> str:
        """One sentence."""
        waiting = f"{self.patience} epochs" if self.patience > 1 else "1 epoch"
        if not self.stops:
            return (
                f"Stopping when validation accuracy had not improved for {waiting} would have saved none of the "
                f"{self.epochs:,} epoch{'s' * (self.epochs > 1)}."
            )
        saved = (
            f"{1 - self.stopped_at / self.epochs:.0%} of the epochs"
            if self.seconds_saved is None
            else f"{self.seconds_saved:.0%} of the training time"
        )
        at_the_end = percent(self.whole_kept_accuracy, self.n_validation)
        lost = (
            "the whole run kept the same epoch"
            if self.kept_epoch == self.whole_kept_epoch
            else f"the whole run kept {at_the_end} (epoch {self.whole_kept_epoch})"
        )
        return (
            f"Stopping when validation accuracy had not improved for {waiting} would have kept "
            f"{percent(self.kept_accuracy, self.n_validation)} (epoch {self.kept_epoch}) and saved {saved}; {lost}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included ("sentence" is its earlier name)."""
        return {"verdict": self.verdict, "sentence": self.verdict, **asdict(self)}


def stopped_early(history: Sequence[Mapping[str, Any]], patience: int, n_validation: int) -> EarlyStopping:
    """Say what a patience would have kept and saved.

    The rule is that of `train` (`training.selection`).

    Parameters
    ----------
    history : sequence of mappings
        One per epoch, with "validation_accuracy", "validation_loss" and, where known, "train_seconds".
    patience : int
        Epochs, 1 or more.
    n_validation : int
        Images behind each accuracy.

    Raises
    ------
    DataError
        If the history is empty or the patience below 1.
    """
    if not history or patience < 1:
        raise DataError(
            f"expected a history of 1 epoch or more and a patience of 1 or more, found {len(history)} and {patience}"
        )
    scores = epoch_scores(history)
    kept, stopped_at = select_epoch(scores, patience)
    unstopped, _ = select_epoch(scores)
    saved = None
    if all("train_seconds" in epoch for epoch in history):
        seconds = [float(epoch["train_seconds"]) for epoch in history]
        saved = sum(seconds[stopped_at:]) / sum(seconds) if sum(seconds) > 0 else None
    return EarlyStopping(
        patience=patience,
        epochs=len(scores),
        stopped_at=stopped_at,
        kept_epoch=kept.epoch,
        kept_accuracy=kept.accuracy,
        whole_kept_epoch=unstopped.epoch,
        whole_kept_accuracy=unstopped.accuracy,
        seconds_saved=saved,
        n_validation=n_validation,
    )
