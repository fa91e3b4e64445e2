"""What an accuracy is worth where classes are unequal: majority baseline, recall and precision of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from inkling.diagnosis.class_balance import UNEQUAL
from inkling.metrics.f1 import FEWEST_IMAGES, class_f1, macro_f1, macro_f1_interval
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.homogeneity import LEVEL
from inkling.metrics.intervals import Interval, mean_of_proportions_interval, simultaneous_intervals


@dataclass(frozen=True)
class ClassScore:
    """One class: how many of its images are found, and how many of those that are called it are."""

    name: str
    images: int
    predicted: int  # images that are predicted as it
    correct: int
    f1: float | None  # harmonic mean of recall and precision; 0 where nothing is correct, None without an image
    recall_interval: Interval | None  # simultaneous over the classes; None without an image
    precision_interval: Interval | None  # likewise; None where nothing is predicted as it

    @property
    def recall(self) -> float | None:
        """Fraction of its images that are classified correctly."""
        return self.correct / self.images if self.images else None

    @property
    def precision(self) -> float | None:
        """Fraction of the images predicted as it that are of it."""
        return self.correct / self.predicted if self.predicted else None


@dataclass(frozen=True)
class ClassScores:
    """Scores in which every class counts equally, beside what no look at an image would reach.

    Attributes
    ----------
    split : str
    n, correct : int
    classes : tuple of ClassScore
    majority : str
        The most frequent class among these images.
    baseline : float
        Accuracy of always answering it: the majority baseline.
    p_baseline : float
        Exact McNemar test of the network against that baseline, two-sided.
    balanced_accuracy : float
        Mean recall of the classes that have images.
    balanced_interval : Interval
    macro_f1 : float
        Mean F1 of the classes that have images.
    macro_f1_interval : Interval or None
        None where one of these classes has fewer images than `metrics.f1.FEWEST_IMAGES`.
    """

    split: str
    n: int
    correct: int
    classes: tuple[ClassScore, ...]
    majority: str
    baseline: float
    p_baseline: float
    balanced_accuracy: float
    balanced_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval | None = None

    @property
    def beats_baseline(self) -> bool:
        """Whether the network is shown to be right more often than the majority baseline."""
        return self.correct / self.n > self.baseline and self.p_baseline <= LEVEL

    @property
    def unequal(self) -> bool:
        """Whether one class has three times the images of another or more, so that accuracy says little."""
        present = [each.images for each in self.classes if each.images]
        return max(present) >= UNEQUAL * min(present)

    @property
    def verdict(self) -> str:
        """One sentence."""
        against = (
            "more accurate than" if self.beats_baseline else "not shown to be more accurate than"
        ) + f" always answering {self.majority} ({percent(self.baseline, self.n)})"
        return (
            f"On {self.n:,} {self.split} {'image' if self.n == 1 else 'images'} it is {against}; balanced accuracy "
            f"{percent(self.balanced_accuracy, self.n)} "
            f"(95% interval {percent_interval(self.balanced_interval, self.n)}), "
            f"macro-F1 {self.macro_f1:.3f} ({self.macro_f1_reach}){self.without_images}."
        )

    @property
    def without_images(self) -> str:
        """What balanced accuracy and macro-F1 leave out, in words; empty where every class has images."""
        missing = sum(not each.images for each in self.classes)
        if not missing:
            return ""
        return f", without {missing:,} of {len(self.classes):,} classes, of which there is no {self.split} image"

    @property
    def macro_f1_reach(self) -> str:
        """The interval of macro-F1 in words, or why there is none."""
        if self.macro_f1_interval is None:
            return f"no interval: a class has fewer than {FEWEST_IMAGES} images"
        return f"95% interval {self.macro_f1_interval.low:.3f}–{self.macro_f1_interval.high:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; intervals as [low, high]."""
        values = {**asdict(self), "verdict": self.verdict, "beats_baseline": self.beats_baseline}
        values["balanced_interval"] = _pair(self.balanced_interval)
        values["macro_f1_interval"] = _pair(self.macro_f1_interval)
        values["classes"] = [
            {
                **asdict(each), "recall": each.recall, "precision": each.precision,
                "recall_interval": _pair(each.recall_interval), "precision_interval": _pair(each.precision_interval),
            }
            for each in self.classes
        ]  # fmt: skip
        return values


def score_classes(matrix: NDArray[np.int64], class_names: Sequence[str], split: str = "test") -> ClassScores:
    """Score a confusion matrix with every class counted equally.

    Recalls, and precisions, have exact intervals (Clopper and Pearson, 1934, Biometrika 26:404) at Bonferroni's level:
    all of them hold together with 95% or more. The interval of the balanced accuracy is put together from exact ones
    of the classes (Zou, Huang and Zhang, 2009, CSDA 53:1080), that of macro-F1 by `metrics.f1.macro_f1_interval`.

    Parameters
    ----------
    matrix : ndarray of int64, shape (K, K)
        Row: true class, column: predicted class; one image at least.
    class_names : sequence of str, length K
    split : str
        What the images are called in the result.
    """
    images, predicted, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)  # (K,) each
    n, correct, majority = int(matrix.sum()), int(right.sum()), int(images.argmax())
    only_network = correct - int(right[majority])
    only_baseline = int(images[majority] - right[majority])
    discordant = only_network + only_baseline
    classes = tuple(
        ClassScore(str(name), int(of), int(called), int(hits), float(f1) if of else None, recall, precision)
        for name, of, called, hits, f1, recall, precision in zip(
            class_names, images, predicted, right, class_f1(matrix),
            simultaneous_intervals(right, images), simultaneous_intervals(right, predicted), strict=True,
        )
    )  # fmt: skip
    present = images > 0
    return ClassScores(
        split=split,
        n=n,
        correct=correct,
        classes=classes,
        majority=str(class_names[majority]),
        baseline=int(images[majority]) / n,
        p_baseline=float(binomtest(only_network, discordant).pvalue) if discordant else 1.0,
        balanced_accuracy=float((right[present] / images[present]).mean()),
        balanced_interval=mean_of_proportions_interval(right[present], images[present]),
        macro_f1=macro_f1(matrix),
        macro_f1_interval=macro_f1_interval(matrix),
    )


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
