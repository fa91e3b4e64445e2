"""Which of several classifiers suffers least from corruptions, and which is the most accurate under them.

Two questions: a classifier that was poor before has less to lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.robustness import LEVEL, MeanChange, Robustness, mean_change
from inkling.errors import DataError
from inkling.metrics.formatting import p_words, percent, points
from inkling.metrics.multiple import holm


@dataclass(frozen=True)
class PairCompared:
    """Two classifiers on the same corrupted images, means over all corruptions and severities."""

    a: str
    b: str
    change: MeanChange  # what corruptions change in A's accuracy less what they change in B's
    accuracy: MeanChange  # accuracy of A on the corrupted images less that of B
    change_p: float  # of no difference, adjusted for all pairs and both questions
    accuracy_p: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; intervals as [low, high], each of its pair alone."""
        values: dict[str, Any] = {"a": self.a, "b": self.b}
        for name, found, adjusted in (
            ("change", self.change, self.change_p),
            ("accuracy", self.accuracy, self.accuracy_p),
        ):
            interval = found.interval()
            values[f"{name}_difference"] = found.mean
            values[f"{name}_interval"] = [interval.low, interval.high]
            values[f"{name}_p"], values[f"{name}_adjusted_p"] = found.p_value, adjusted
        return values


@dataclass(frozen=True, eq=False)
class RobustnessComparison:
    """Several classifiers on the same corrupted images."""

    measured: Mapping[str, Robustness]  # by name, in the order given
    pairs: tuple[PairCompared, ...]

    @property
    def suffers_least(self) -> str | None:
        """The one that loses least accuracy, where that is shown against each other one."""
        first, _, p_value = self._first_by_change()
        return first if p_value < LEVEL else None

    @property
    def most_accurate(self) -> str | None:
        """The one most accurate on the corrupted images, where that is shown against each other one."""
        first, _, p_value = self._first_by_accuracy()
        return first if p_value < LEVEL else None

    @property
    def verdict(self) -> str:
        """Three sentences, about these trained models."""
        least, next_least, p_least = self._first_by_change()
        n = self.measured[least].n
        losses = [points(-self.measured[name].change.mean, n) for name in (least, next_least)]
        said = (
            f"{losses[0]} points, {next_least} {losses[1]} on average (the same {n:,} "
            f"{self.measured[least].split} images, {p_words(p_least)} adjusted for all pairs)."
        )
        if p_least < LEVEL:
            text = f"{least} suffers least: it loses {said}"
        else:
            text = f"Which suffers least is not shown: {least} loses {said}"
        best, second, p_best = self._first_by_accuracy()
        accuracies = [percent(self.measured[name].corrupted_accuracy, n) for name in (best, second)]
        said = f"{accuracies[0]} against {accuracies[1]} of {second} ({p_words(p_best)} adjusted)"
        if p_best < LEVEL:
            text += f" On the corrupted images {best} is the most accurate, {said}."
        else:
            text += f" Which is the most accurate on them is not shown: {best} {said}."
        return f"{text} This is about these trained models; of how they were trained, one seed each says nothing."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "pairs": [pair.to_dict() for pair in self.pairs],
            "suffers_least": self.suffers_least,
            "most_accurate": self.most_accurate,
            "verdict": self.verdict,
        }

    def _first_by_change(self) -> tuple[str, str, float]:
        order = sorted(self.measured, key=lambda name: -self.measured[name].change.mean)
        return order[0], order[1], max(pair.change_p for pair in self.pairs if order[0] in (pair.a, pair.b))

    def _first_by_accuracy(self) -> tuple[str, str, float]:
        order = sorted(self.measured, key=lambda name: -self.measured[name].corrupted_accuracy)
        return order[0], order[1], max(pair.accuracy_p for pair in self.pairs if order[0] in (pair.a, pair.b))


def compare_robustness(measured: Mapping[str, Robustness]) -> RobustnessComparison:
    """Compare two classifiers or more on the same corrupted images.

    Each pair is tested twice, image by image: whether corruptions change the accuracy of one more than that of the
    other, and whether one is more accurate on the corrupted images; all tests are one family (Holm).

    Parameters
    ----------
    measured : mapping of str to Robustness
        By the name that sentences use; of the same images with the same corruptions.

    Raises
    ------
    DataError
        If there are fewer than two, or their corruptions, severities or numbers of images differ.
    """
    if len(measured) < 2:
        raise DataError(f"expected two classifiers or more to compare, found {len(measured)}")
    (first_name, first), *others = measured.items()
    for name, other in others:
        if (other.corruptions, other.right.shape) != (first.corruptions, first.right.shape):
            raise DataError(
                f"{name} was measured on {other.n:,} images with {', '.join(other.corruptions)} at "
                f"{len(other.severities)} severities, {first_name} on {first.n:,} with {', '.join(first.corruptions)} "
                f"at {len(first.severities)}: compare what was measured alike"
            )
    changes = {name: each.changes.mean(axis=0) for name, each in measured.items()}
    accuracies = {name: _of_images(each) for name, each in measured.items()}
    pairs = list(combinations(measured, 2))
    tested = [(mean_change(changes[a] - changes[b], 2), mean_change(accuracies[a] - accuracies[b])) for a, b in pairs]
    adjusted = holm([found.p_value for both in tested for found in both])
    return RobustnessComparison(
        dict(measured),
        tuple(
            PairCompared(a, b, *both, adjusted[2 * place], adjusted[2 * place + 1])
            for place, ((a, b), both) in enumerate(zip(pairs, tested, strict=True))
        ),
    )


def _of_images(measured: Robustness) -> NDArray[np.float64]:
    """Return the fraction of corruptions and severities at which each image is classified correctly, (N,)."""
    fraction: NDArray[np.float64] = measured.right.mean(axis=(0, 1))
    return fraction
