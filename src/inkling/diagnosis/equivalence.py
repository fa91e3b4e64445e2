"""Equal accuracy, but for a margin that does not matter: two one-sided tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from inkling.errors import DataError
from inkling.metrics.formatting import p_words, points, points_interval
from inkling.metrics.intervals import Interval

MARGIN = 0.005
"""Half a point: differences below it are called none, unless the caller says what matters. A convention."""

LEVEL = 0.05
"""Of the two one-sided tests together."""


class Difference(Protocol):
    """A measured difference of two accuracies, and how far chance may take it."""

    @property
    def difference(self) -> float:
        """A less B."""

    def p_at_most(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or more."""

    def p_at_least(self, at: float) -> float:
        """One-sided p-value of a true difference of `at` or less."""

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the interval of the true difference."""


@dataclass(frozen=True)
class Equivalence:
    """Whether two accuracies are equal within a margin."""

    a: str
    b: str
    n: int  # images
    margin: float  # fraction
    interval: Interval  # 90%, of the difference: within the margin exactly where p_value is below 0.05
    p_value: float  # of the larger of the two one-sided tests
    adjusted_p: float | None = None  # Holm, for all comparisons of a family
    tests: int = 1  # comparisons of the family

    @property
    def shown(self) -> bool:
        """Whether they are equal within the margin, by more than chance."""
        return (self.p_value if self.adjusted_p is None else self.adjusted_p) < LEVEL

    @property
    def verdict(self) -> str:
        """One sentence."""
        adjusted = "" if self.adjusted_p is None else f", {p_words(self.adjusted_p)} adjusted for {self.tests} tests"
        numbers = (
            f"90% interval of the difference {points_interval(self.interval, self.n)} points, "
            f"{p_words(self.p_value)}{adjusted} (two one-sided tests)"
        )
        within = f"within {points(self.margin, self.n)} points"
        if self.shown:
            return f"{self.a} and {self.b} are equal {within}: {numbers}."
        return f"That {self.a} and {self.b} are equal {within} is not shown: {numbers}."

    def among(self, adjusted_p: float, tests: int) -> Equivalence:
        """Return the same as one of a family of tests."""
        return replace(self, adjusted_p=adjusted_p, tests=tests)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; the interval as [low, high]."""
        return {
            "margin": self.margin,
            "interval_90": [self.interval.low, self.interval.high],
            "p_value": self.p_value,
            "adjusted_p": self.adjusted_p,
            "shown": self.shown,
            "verdict": self.verdict,
        }


def equal_within(measured: Difference, n: int, margin: float, a: str, b: str) -> Equivalence:
    """Test by two one-sided tests that a difference lies within a margin (Schuirmann, 1987, J. Pharmacokinet. 15:657).

    Parameters
    ----------
    measured : Difference
        `metrics.paired.PairedDifference` or `metrics.over_seeds.SeedsDifference`.
    n : int
        Images.
    margin : float
        Largest difference that does not matter, fraction above 0 and below 1: 0.005 is half a point.
    a, b : str
        What the two are called.

    Raises
    ------
    DataError
        If the margin is not within 0..1.
    """
    if not 0 < margin < 1:
        raise DataError(f"expected a margin above 0 and below 100 points, found {100 * margin:g}: 0.5 is half a point")
    p_value = max(measured.p_at_most(margin), measured.p_at_least(-margin))
    return Equivalence(a, b, n, margin, measured.interval(1 - 2 * LEVEL), p_value)
