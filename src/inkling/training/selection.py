"""Which epoch is kept, and when waiting for a better one ends: the one rule of training and of every diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EpochScore:
    """What an epoch is chosen by."""

    epoch: int  # 1 for the first
    accuracy: float  # on validation, a fraction
    loss: float  # on validation, nats

    def is_better_than(self, other: EpochScore) -> bool:
        """Whether the accuracy is higher, or equal at a lower loss; among equals the earlier epoch is kept."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


def epoch_scores(history: Iterable[Mapping[str, Any]]) -> list[EpochScore]:
    """Return the score of each epoch of a history, mappings with "validation_accuracy" and "validation_loss"."""
    return [
        EpochScore(epoch, float(figures["validation_accuracy"]), float(figures["validation_loss"]))
        for epoch, figures in enumerate(history, 1)
    ]


def patience_is_over(epoch: int, best: int, patience: int | None) -> bool:
    """Whether training stops after `epoch`, the best so far being `best`; without a patience it never does."""
    return patience is not None and epoch - best >= patience


def select_epoch(scores: Iterable[EpochScore], patience: int | None = None) -> tuple[EpochScore, int]:
    """Return the epoch to keep, and the last epoch that is trained.

    Parameters
    ----------
    scores : iterable of EpochScore
        One at least, in the order of training.
    patience : int, optional
        Epochs without a better one after which training stops; None: never.

    Raises
    ------
    ValueError
        If there is no epoch.
    """
    best: EpochScore | None = None
    for score in scores:
        if best is None or score.is_better_than(best):
            best = score
        if patience_is_over(score.epoch, best.epoch, patience):
            break
    if best is None:
        raise ValueError("expected one epoch or more, found none")
    return best, score.epoch
