"""Does it overfit? A verdict in words, and the numbers that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inkling.metrics.intervals import Interval, newcombe_interval

SLIGHT_GAP, STRONG_GAP = 0.01, 0.03
"""Gaps (fractions) below the first are called slight, above the second strong: conventions, not laws."""
TURNED_UP = 0.05
"""The validation loss has turned up when all its last epochs lie more than this fraction above its lowest value."""


def last_epochs(epochs: int) -> int:
    """Return how many epochs count as the last: a tenth, at least 3, so that one bad epoch is no trend."""
    return max(3, epochs // 10)


@dataclass(frozen=True)
class Overfitting:
    """Training against validation, at the epoch that was kept and over the whole run."""

    level: str  # "none shown", "slight", "moderate" or "strong"
    kept_epoch: int  # the best on validation
    epochs: int
    train_accuracy: float  # at the kept epoch
    validation_accuracy: float
    gap: float  # train - validation, fraction
    gap_interval: Interval
    lowest_loss_epoch: int  # of the validation loss
    loss_rise: float  # lowest validation loss of the last epochs over the lowest of all, minus 1
    loss_turned_up: bool

    @property
    def summary(self) -> str:
        """Whether it overfits, in one sentence."""
        points, low, high = 100 * self.gap, 100 * self.gap_interval.low, 100 * self.gap_interval.high
        gap = (
            f"{self.train_accuracy:.2%} on training images against {self.validation_accuracy:.2%} on validation "
            f"images at epoch {self.kept_epoch}, a gap of {points:.1f} points [{low:.1f}, {high:.1f}]"
        )
        if self.level != "none shown":
            return f"It overfits {_ADVERBS[self.level]}: {gap}."
        if self.gap_interval.high < 0:
            return f"No overfitting is shown: {gap}; the validation images are the easier ones."
        return f"No overfitting is shown: {gap}, which chance alone could explain."

    @property
    def verdict(self) -> str:
        """The summary, and a sentence on the validation loss."""
        first = self.summary
        if self.loss_turned_up:
            return (
                f"{first} The validation loss turned up after epoch {self.lowest_loss_epoch} and ended "
                f"{self.loss_rise:.0%} above its lowest: training longer makes its probabilities worse."
            )
        if self.epochs == 1:
            return f"{first} One epoch says nothing of what training longer would do."
        if self.lowest_loss_epoch == self.epochs:
            return f"{first} The validation loss was still falling at the last epoch: training longer may help."
        if self.lowest_loss_epoch > self.epochs - last_epochs(self.epochs):
            return (
                f"{first} The validation loss was lowest at epoch {self.lowest_loss_epoch}, too near the end to say "
                "whether it turns up."
            )
        return f"{first} The validation loss flattened out and did not turn up."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        values = asdict(self)
        values["gap_interval"] = [self.gap_interval.low, self.gap_interval.high]
        return {"verdict": self.verdict, **values}


_ADVERBS = {"slight": "slightly", "moderate": "moderately", "strong": "strongly"}


def diagnose_overfitting(history: Sequence[Mapping[str, Any]], n_train: int, n_validation: int) -> Overfitting:
    """Say whether a run overfits.

    Parameters
    ----------
    history : sequence of mappings
        One an epoch, with "train_accuracy", "validation_accuracy" and "validation_loss".
    n_train, n_validation : int
        Images behind each accuracy.

    Returns
    -------
    Overfitting
        "none shown" where the interval of the gap contains 0. The kept epoch is the one with the highest
        validation accuracy, among equals the one with the lowest validation loss.
    """
    kept = max(range(len(history)), key=lambda i: (history[i]["validation_accuracy"], -history[i]["validation_loss"]))
    losses = [float(epoch["validation_loss"]) for epoch in history]
    lowest = min(range(len(losses)), key=losses.__getitem__)
    train, validation = history[kept]["train_accuracy"], history[kept]["validation_accuracy"]
    gap = train - validation
    interval = newcombe_interval(round(train * n_train), n_train, round(validation * n_validation), n_validation)
    if interval.low <= 0:
        level = "none shown"
    else:
        level = "slight" if gap < SLIGHT_GAP else "moderate" if gap < STRONG_GAP else "strong"
    rise = min(losses[-last_epochs(len(losses)) :]) / losses[lowest] - 1 if losses[lowest] > 0 else 0.0
    return Overfitting(
        level=level,
        kept_epoch=kept + 1,
        epochs=len(history),
        train_accuracy=train,
        validation_accuracy=validation,
        gap=gap,
        gap_interval=interval,
        lowest_loss_epoch=lowest + 1,
        loss_rise=rise,
        loss_turned_up=rise > TURNED_UP,
    )
