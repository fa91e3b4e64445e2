"""Does more data, or another recipe, reduce overfitting? The gaps of two runs compared, or of several seeds of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from inkling.diagnosis.overfitting import Overfitting
from inkling.metrics.differences import reach_of_seeds
from inkling.metrics.formatting import percent, points, points_interval
from inkling.metrics.intervals import Interval


@dataclass(frozen=True)
class GapChange:
    """The gap between training and validation accuracy in two runs, or in two ways of training over several seeds."""

    first_name: str
    second_name: str
    first: Overfitting  # of the first seed
    second: Overfitting
    change: float  # gap of the second - gap of the first, means over seeds, fraction: below 0: the second overfits less
    change_interval: Interval
    first_seeds: tuple[Overfitting, ...]
    second_seeds: tuple[Overfitting, ...]

    @property
    def over_seeds(self) -> bool:
        """Whether it speaks of two ways of training; with one seed of each it speaks of two runs."""
        return len(self.first_seeds) > 1

    @property
    def shown(self) -> bool:
        """Whether the change is significant: its interval leaves out 0."""
        return self.change_interval.low > 0 or self.change_interval.high < 0

    @property
    def verdict(self) -> str:
        """One or two sentences."""
        first, second = (_means(seeds) for seeds in (self.first_seeds, self.second_seeds))
        n = min(min(run.n_train, run.n_validation) for run in (*self.first_seeds, *self.second_seeds))
        n_validation = min(self.first.n_validation, self.second.n_validation)
        change = f"a difference of {points(self.change, n)} {points_interval(self.change_interval, n)}"
        accuracies = [percent(accuracy, n_validation) for _, accuracy in (first, second)]
        if not self.over_seeds:
            gaps = f"{points(second[0], n)} against {points(first[0], n)} points"
            size = "smaller" if self.change < 0 else "larger"
            said = f"has a {size} gap than" if self.shown else "has no significantly different gap from"
            text = (
                f"The run with {self.second_name} {said} the run with {self.first_name}: {gaps}, {change}; validation "
                f"accuracy {accuracies[1]} against {accuracies[0]}. One seed of each speaks of these two runs only: "
                "another seed may change the gap as much."
            )
        else:
            count = " and ".join(str(n) for n in dict.fromkeys((len(self.first_seeds), len(self.second_seeds))))
            moves = "falls" if self.change < 0 else "grows"
            text = (
                f"With {self.second_name} instead of {self.first_name} the gap "
                f"{moves if self.shown else 'does not change significantly:'} from {points(first[0], n)} to "
                f"{points(second[0], n)} points, {change} (means over {count} seeds); validation accuracy goes from "
                f"{accuracies[0]} to {accuracies[1]}."
            )
        if self.shown and self.change < 0 and second[1] < first[1]:
            return f"{text} It is smaller because the training images are learned less well."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included ("sentence" is its earlier name)."""
        return {
            "verdict": self.verdict,
            "sentence": self.verdict,
            "first_name": self.first_name,
            "second_name": self.second_name,
            "first": self.first.to_dict(),
            "second": self.second.to_dict(),
            "change": self.change,
            "change_interval": [self.change_interval.low, self.change_interval.high],
            "first_gaps": [run.gap for run in self.first_seeds],
            "second_gaps": [run.gap for run in self.second_seeds],
        }


def compare_gaps(
    first: Overfitting | Sequence[Overfitting],
    second: Overfitting | Sequence[Overfitting],
    first_name: str,
    second_name: str,
) -> GapChange:
    """Compare the gaps of two runs, or of several seeds of each: of two training sizes, or of two recipes.

    Of two runs, the interval of the change is put together from those of the two gaps (MOVER; Zou and Donner, 2008,
    Stat. Med. 27:1693), as if all four accuracies came from independent images. They do not: both runs are evaluated on
    the same validation images, and share training images where one set is a part of the other. What one run finds hard,
    the other does too, so the true interval is narrower than this one. It holds for these two networks: two seeds of
    one recipe are two networks whose gaps differ.

    Over several seeds, the same reach of the images, of gaps averaged over seeds, is joined by that of the seeds:
    Student's t of the difference of two means with the degrees of freedom of Welch (1947, Biometrika 34:28). What is
    noise of single images in single runs is in both, which errs on the careful side.

    Parameters
    ----------
    first, second : Overfitting, or sequence of Overfitting with one a seed
        From `diagnose_overfitting`. Where either has one seed only, the first of each are compared as two runs.
    first_name, second_name : str
        What they are called in the verdict: "2,000 images", "the recipe strong".
    """
    sides = [(side,) if isinstance(side, Overfitting) else tuple(side) for side in (first, second)]
    if min(len(side) for side in sides) == 1:
        sides = [side[:1] for side in sides]
    gaps = [fmean(run.gap for run in side) for side in sides]
    below = [fmean(run.gap - run.gap_interval.low for run in side) for side in sides]
    above = [fmean(run.gap_interval.high - run.gap for run in side) for side in sides]
    of_seeds = reach_of_seeds(*([run.gap for run in side] for side in sides)) if len(sides[0]) > 1 else 0.0
    change = gaps[1] - gaps[0]
    low = change - float((below[1] ** 2 + above[0] ** 2 + of_seeds**2) ** 0.5)
    high = change + float((above[1] ** 2 + below[0] ** 2 + of_seeds**2) ** 0.5)
    interval = Interval(max(low, -2.0), min(high, 2.0))
    return GapChange(first_name, second_name, sides[0][0], sides[1][0], change, interval, *sides)


def _means(seeds: Sequence[Overfitting]) -> tuple[float, float]:
    """Mean gap and mean validation accuracy."""
    return fmean(run.gap for run in seeds), fmean(run.validation_accuracy for run in seeds)
