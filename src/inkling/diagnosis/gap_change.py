"""Does more data, or another recipe, reduce overfitting? The gaps of two runs compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inkling.diagnosis.overfitting import Overfitting
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval


@dataclass(frozen=True)
class GapChange:
    """The gap between training and validation accuracy in two runs of one network."""

    first_name: str
    second_name: str
    first: Overfitting
    second: Overfitting
    change: float  # gap of the second - gap of the first, fraction: below 0 where the second overfits less
    change_interval: Interval

    @property
    def shown(self) -> bool:
        """Whether the change is significant: its interval leaves out 0."""
        return self.change_interval.low > 0 or self.change_interval.high < 0

    @property
    def verdict(self) -> str:
        """One or two sentences."""
        first, second = self.first, self.second
        n = min(first.n_train, first.n_validation, second.n_train, second.n_validation)
        gaps = f"from {points(first.gap, n)} to {points(second.gap, n)} points"
        change = f"a difference of {points(self.change, n)} {points_interval(self.change_interval, n)}"
        head = f"With {self.second_name} instead of {self.first_name}"
        accuracy = (
            f"validation accuracy goes from {percent(first.validation_accuracy, first.n_validation)} to "
            f"{percent(second.validation_accuracy, second.n_validation)}"
        )
        if not self.shown:
            return f"{head} the gap does not change significantly: {gaps}, {change}; {accuracy}."
        moves = "falls" if self.change < 0 else "grows"
        text = f"{head} the gap {moves} {gaps}, {change}; {accuracy}."
        if self.change < 0 and second.validation_accuracy < first.validation_accuracy:
            return f"{text} It is smaller because the training images are learned less well."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included ("sentence" is its earlier name)."""
        values = asdict(self)
        values["first"], values["second"] = self.first.to_dict(), self.second.to_dict()
        values["change_interval"] = [self.change_interval.low, self.change_interval.high]
        return {"verdict": self.verdict, "sentence": self.verdict, **values}


def compare_gaps(first: Overfitting, second: Overfitting, first_name: str, second_name: str) -> GapChange:
    """Compare the gaps of two runs: of two training sizes, or of two recipes.

    The interval of the change is put together from those of the two gaps (MOVER; Zou and Donner, 2008, Stat. Med.
    27:1693), as if all four accuracies came from independent images. They do not: both runs are evaluated on the same
    validation images, and share training images where one set is a part of the other. What one run finds hard, the
    other does too, so the true interval is narrower than this one.

    Parameters
    ----------
    first, second : Overfitting
        From `diagnose_overfitting`.
    first_name, second_name : str
        What they are called in the verdict: "2,000 images", "the recipe strong".
    """
    change = second.gap - first.gap
    low = change - ((second.gap - second.gap_interval.low) ** 2 + (first.gap_interval.high - first.gap) ** 2) ** 0.5
    high = change + ((second.gap_interval.high - second.gap) ** 2 + (first.gap - first.gap_interval.low) ** 2) ** 0.5
    return GapChange(first_name, second_name, first, second, change, Interval(float(low), float(high)))
