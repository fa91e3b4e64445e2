"""Does it overfit? A verdict in words, and the numbers that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.optimize import brentq
from scipy.special import bdtr

from inkling.errors import DataError
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.rounding import rounded
from inkling.training.selection import epoch_scores, select_epoch

SLIGHT_GAP, STRONG_GAP = 0.01, 0.03
"""Gaps (fractions) of less than the first are called slight, from the second on strong: conventions.

It is the lower end of the gap's interval that is called so: what is found in a small set is large or not found at all,
so that the gap that is read there would call every gap strong."""
TURNED_UP = 0.05
"""The validation loss has turned up when all its last epochs lie more than this fraction above its lowest value."""
ENOUGH_MISTAKES = 10
"""Validation images that must be misclassified for the upper Wilson limit of the accuracy to hold."""


def last_epochs(epochs: int) -> int:
    """Return how many epochs count as the last: a tenth, at least 3, so that one bad epoch is no trend."""
    return max(3, epochs // 10)


@dataclass(frozen=True)
class Overfitting:
    """Training against validation, at the epoch that was kept and over the whole run."""

    level: str  # "none shown", "slight", "moderate" or "strong"
    kept_epoch: int  # the best on validation
    epochs: int
    n_train: int
    n_validation: int
    train_accuracy: float  # at the kept epoch
    validation_accuracy: float  # the highest of all epochs, and so too high on average
    gap: float  # train - validation, fraction: too small on average, for the same reason
    gap_interval: Interval  # holds the gap to new images at least 95% of the time, the choice of the epoch allowed for
    lowest_loss_epoch: int  # of the validation loss
    loss_rise: float  # lowest validation loss of the last epochs over the lowest of all, minus 1
    loss_turned_up: bool

    @property
    def relative_excess_error(self) -> float:
        """The gap as a fraction of the validation error rate: 1 where no training image is misclassified.

        Below 0 where validation images are easier, and 0 where there is no validation error.
        """
        error = 1 - self.validation_accuracy
        return self.gap / error if error > 0 else 0.0

    @property
    def summary(self) -> str:
        """Whether it overfits, in one sentence."""
        n = min(self.n_train, self.n_validation)
        chosen = "" if self.epochs == 1 else f", its upper end corrected for choosing the best of {self.epochs} epochs"
        gap = (
            f"accuracy {percent(self.train_accuracy, self.n_train)} on training images against "
            f"{percent(self.validation_accuracy, self.n_validation)} on validation images at epoch {self.kept_epoch}, "
            f"a gap of {points(self.gap, n)} points {points_interval(self.gap_interval, n)} (95% interval{chosen})"
        )
        if self.level != "none shown":
            excess = rounded(100 * self.relative_excess_error, 0, (0.0, 100.0))
            return f"The model overfits {_ADVERBS[self.level]}: {gap}; the gap is {excess}% of the validation error."
        if self.gap_interval.high < 0:
            return f"No overfitting is detected: {gap}; the validation images are easier than the training images."
        return f"No significant overfitting: {gap}."

    @property
    def verdict(self) -> str:
        """The summary, and a sentence on the validation loss."""
        first = self.summary
        if self.loss_turned_up:
            return (
                f"{first} The validation loss turned up after epoch {self.lowest_loss_epoch} and ended "
                f"{self.loss_rise:.0%} above its lowest value: training longer makes the probabilities worse."
            )
        if self.epochs == 1:
            return f"{first} One epoch cannot show what training longer would do."
        if self.lowest_loss_epoch == self.epochs:
            return f"{first} The validation loss was still falling at the last epoch: training longer may help."
        if self.lowest_loss_epoch > self.epochs - last_epochs(self.epochs):
            return (
                f"{first} The validation loss was lowest at epoch {self.lowest_loss_epoch}, too near the end to say "
                "whether it turns up."
            )
        return f"{first} The validation loss flattened out and did not turn up."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the summary and the verdict included."""
        values = asdict(self)
        values["gap_interval"] = [self.gap_interval.low, self.gap_interval.high]
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "relative_excess_error": self.relative_excess_error,
            **values,
        }


_ADVERBS = {"slight": "slightly", "moderate": "moderately", "strong": "strongly"}


def diagnose_overfitting(history: Sequence[Mapping[str, Any]], n_train: int, n_validation: int) -> Overfitting:
    """Say whether a run overfits.

    Parameters
    ----------
    history : sequence of mappings
        One per epoch, with "train_accuracy", "validation_accuracy" and "validation_loss"; "train_measured", where it
        is there, is the number of images behind the first.
    n_train, n_validation : int
        Images behind each accuracy, where the history does not say.

    Returns
    -------
    Overfitting
        "none shown" where the interval of the gap contains 0; else the level is that of its lower end. The kept epoch
        is the one with the highest validation accuracy, among equals the one with the lowest validation loss.

        The interval of the gap is put together from those of the two accuracies (MOVER; Zou and Donner, 2008, Stat.
        Med. 27:1693), which are Wilson's; but where fewer than `ENOUGH_MISTAKES` validation images are misclassified,
        the upper limit is the exact one at the mid-p value (Lancaster, 1961, JASA 56:223), since of accuracies near 1
        Wilson's interval holds the truth in as few as 84% of sets.

        The highest of T noisy validation accuracies lies above the true one on average, the more so the more epochs
        there are and the less their mistakes have in common, so the gap read there is too small. The lower end of its
        interval is safe against that: where the highest of all lies so far below the truth, the one of the best true
        accuracy does too. The upper end is at the confidence 1 - 0.05 / T (Bonferroni; Dunn, 1961, JASA 56:52), which
        holds whatever the dependence between epochs.

    Raises
    ------
    DataError
        If the history is empty.
    """
    if not history:
        raise DataError("expected a history of 1 epoch or more, found 0")
    kept = select_epoch(epoch_scores(history))[0].epoch - 1
    losses = [float(epoch["validation_loss"]) for epoch in history]
    lowest = min(range(len(losses)), key=losses.__getitem__)
    train, validation = history[kept]["train_accuracy"], history[kept]["validation_accuracy"]
    n_train = history[kept].get("train_measured") or n_train
    gap = train - validation
    interval = _gap_interval(
        round(train * n_train), n_train, round(validation * n_validation), n_validation, len(history)
    )
    if interval.low <= 0:
        level = "none shown"
    else:
        level = "slight" if interval.low < SLIGHT_GAP else "moderate" if interval.low < STRONG_GAP else "strong"
    rise = min(losses[-last_epochs(len(losses)) :]) / losses[lowest] - 1 if losses[lowest] > 0 else 0.0
    return Overfitting(
        level=level,
        kept_epoch=kept + 1,
        epochs=len(history),
        n_train=n_train,
        n_validation=n_validation,
        train_accuracy=train,
        validation_accuracy=validation,
        gap=gap,
        gap_interval=interval,
        lowest_loss_epoch=lowest + 1,
        loss_rise=rise,
        loss_turned_up=rise > TURNED_UP,
    )


def _gap_interval(train: int, n_train: int, validation: int, n_validation: int, choices: int) -> Interval:
    """Interval of the gap from how many images were classified correctly, at the best of so many epochs."""
    trained, validated = train / n_train, validation / n_validation
    tail = 0.025 / choices
    below = trained - wilson_interval(train, n_train).low
    above = wilson_interval(train, n_train, 1 - 2 * tail).high - trained
    easier = _upper(validation, n_validation) - validated
    harder = validated - wilson_interval(validation, n_validation, 1 - 2 * tail).low
    gap = trained - validated
    return Interval(gap - float((below**2 + easier**2) ** 0.5), gap + float((above**2 + harder**2) ** 0.5))


def _upper(successes: int, n: int) -> float:
    """Upper limit of a rate: Wilson's, or at the mid-p value where few fail."""
    if n - successes >= ENOUGH_MISTAKES:
        return wilson_interval(successes, n).high
    if successes == n:
        return 1.0

    def excess(rate: float) -> float:
        fewer = bdtr(successes - 1, n, rate) if successes else 0.0
        return float(fewer + bdtr(successes, n, rate)) / 2 - 0.025

    return float(brentq(excess, successes / n, 1.0))
