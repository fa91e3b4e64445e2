"""Does more data, or another recipe, overfit less? Two overfitting verdicts compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inkling.diagnosis.overfitting import Overfitting
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
        """Whether the interval of the change leaves out 0."""
        return self.change_interval.low > 0 or self.change_interval.high < 0

    @property
    def verdict(self) -> str:
        """One or two sentences."""
        first, second = 100 * self.first.gap, 100 * self.second.gap
        gaps = f"from {first:.1f} to {second:.1f} points"
        change = f"{100 * self.change:+.1f} [{100 * self.change_interval.low:+.1f}, "
        change += f"{100 * self.change_interval.high:+.1f}]"
        change = change.replace("-", "−")
        head = f"With {self.second_name} instead of {self.first_name}"
        before, after = self.first.validation_accuracy, self.second.validation_accuracy
        accuracy = f"validation accuracy goes from {before:.2%} to {after:.2%}"
        if not self.shown:
            return f"{head} no change of the gap is shown: {gaps}, {change}; {accuracy}."
        moves = "falls" if self.change < 0 else "grows"
        sentence = f"{head} the gap {moves} {gaps}, {change}; {accuracy}."
        if self.change < 0 and after < before:
            return f"{sentence} It is smaller because the training images are learned less well."
        return sentence

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included ("sentence" is its earlier name)."""
        values = asdict(self)
        values["first"], values["second"] = self.first.to_dict(), self.second.to_dict()
        values["change_interval"] = [self.change_interval.low, self.change_interval.high]
        return {"verdict": self.verdict, "sentence": self.verdict, **values}


def compare_gaps(first: Overfitting, second: Overfitting, first_name: str, second_name: str) -> GapChange:
    """Compare the gaps of two runs: of two training sizes, or of two recipes.

    The interval of the change is put together from those of the two gaps (MOVER; Zou and Donner, 2008, Stat. Med.
    27:1693), as if all four accuracies came from independent images. They do not: both runs are judged on the same
    validation images, and share training images where one set is a part of the other. What one run finds hard, the
    other does too, so the true interval is narrower than this one.

    Parameters
    ----------
    first, second : Overfitting
        From `diagnose_overfitting`.
    first_name, second_name : str
        What they are called in the sentence: "2,000 images", "the recipe strong".
    """
    change = second.gap - first.gap
    low = change - ((second.gap - second.gap_interval.low) ** 2 + (first.gap_interval.high - first.gap) ** 2) ** 0.5
    high = change + ((second.gap_interval.high - second.gap) ** 2 + (first.gap - first.gap_interval.low) ** 2) ** 0.5
    return GapChange(first_name, second_name, first, second, change, Interval(float(low), float(high)))
