"""Accuracy in slices of the images (a camera, a light, an hour of the day), and whether it differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.naming import and_list
from inkling.metrics.formatting import p_words, percent
from inkling.metrics.homogeneity import LEVEL, equal_proportions_p, highest_proportion_p
from inkling.metrics.intervals import Interval, simultaneous_intervals
from inkling.metrics.multiple import holm

FEWEST = 10
"""Images of a slice that may be named the worst; those of fewer are called rare."""

MOST_VALUES = 10
"""Different numbers of a column that are slices each; more are cut at the quartiles."""

MOST_BINS = 4

MOST_SLICES = 20
"""Of a column; of more values the rarest are put together as one slice."""

MISSING = "missing"

_MISSING_WORDS = {"", "na", "n/a", "nan", "null"}
"""Cells that say that a value is not known; capitals do not matter."""


@dataclass(frozen=True)
class Slice:
    """Images that have one value, or a range of them."""

    value: str
    n: int
    correct: int
    interval: Interval  # of the accuracy; holds together with those of all slices of all columns

    @property
    def accuracy(self) -> float:
        """Fraction that is classified correctly."""
        return self.correct / self.n

    @property
    def rare(self) -> bool:
        """Whether it has too few images to be named the worst."""
        return self.n < FEWEST


@dataclass(frozen=True)
class SlicedColumn:
    """The slices of one attribute.

    Attributes
    ----------
    name : str
    slices : tuple of Slice
        Disjoint, and together all images.
    p_equal : float or None
        Of the hypothesis that all slices have one accuracy, adjusted for the columns tested. None of one slice.
    p_worst : float or None
        Of the hypothesis that another slice that is not rare is as inaccurate as the least accurate, adjusted likewise;
        never below `p_equal`.
    """

    name: str
    slices: tuple[Slice, ...]
    p_equal: float | None
    p_worst: float | None

    @property
    def differs(self) -> bool:
        """Whether accuracy is shown to differ between the slices."""
        return self.p_equal is not None and self.p_equal <= LEVEL

    @property
    def worst(self) -> Slice | None:
        """The slice that is shown to be less accurate than every other that is not rare."""
        if self.p_worst is None or self.p_worst > LEVEL:
            return None
        return min((each for each in self.slices if not each.rare), key=lambda each: each.accuracy)


@dataclass(frozen=True)
class Slices:
    """The accuracy of one classifier in slices of one set of images."""

    split: str
    n: int
    correct: int
    columns: tuple[SlicedColumn, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        tested = [column for column in self.columns if column.p_equal is not None]
        of, images = f"{self.n:,} {self.split} images", f"{len(tested)} columns"
        if not tested:
            return f"Nothing is compared: no column has two values among the {of}."
        over = f", p adjusted for {images}" if len(tested) > 1 else ""
        found = [_finding(column) for column in tested if column.differs]
        if not found:
            least = min(tested, key=lambda column: column.p_equal or 0.0)
            return (
                f"Accuracy is not shown to differ between slices of {and_list([column.name for column in tested])} on "
                f"{of} ({least.name}: {p_words(least.p_equal or 0.0)}{over})."
            )
        return f"On {of}, {'; '.join(found)}{over}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included; intervals as [low, high]."""
        return {
            "verdict": self.verdict,
            "split": self.split,
            "n": self.n,
            "correct": self.correct,
            "fewest_to_be_worst": FEWEST,
            "columns": [
                {
                    "name": column.name,
                    "differs": column.differs,
                    "worst": column.worst.value if column.worst else None,
                    "p_equal": column.p_equal,
                    "p_worst": column.p_worst,
                    "slices": [
                        {
                            "value": each.value,
                            "n": each.n,
                            "correct": each.correct,
                            "accuracy": each.accuracy,
                            "interval": [each.interval.low, each.interval.high],
                            "rare": each.rare,
                        }
                        for each in column.slices
                    ],
                }
                for column in self.columns
            ],
        }


def measure_slices(correct: Any, columns: Mapping[str, Any], split: str = "test") -> Slices:
    """Measure accuracy in the slices that attributes of the images make.

    A column of words has a slice for each word; of more than 20 the rarest are one slice. Numbers that take more than
    10 values are cut at their quartiles, into 4 slices at most. Images whose value is missing (empty, NA, NaN, null,
    None) are a slice of their own.

    Intervals are exact (Clopper and Pearson, 1934, Biometrika 26:404), at Bonferroni's level over all slices of all
    columns. That the slices of a column have one accuracy is tested by Pearson's statistic among random tables
    (`metrics.homogeneity.equal_proportions_p`), that one is worse than every other of 10 images or more by Fisher's
    exact test (`metrics.homogeneity.highest_proportion_p`); both are adjusted for the number of columns by Holm's
    method (1979, Scand. J. Stat. 6:65).

    Parameters
    ----------
    correct : array-like of bool, shape (N,)
        Whether each image is classified correctly: ``probabilities.argmax(axis=1) == labels``.
    columns : mapping of str to array-like, shape (N,)
        Attributes by name: words, numbers, booleans, or None.
    split : str
        What the images are called in the result.

    Raises
    ------
    DataError
        If there is no image or no column, `correct` is not boolean, or a column has another length.
    """
    right = np.asarray(correct)
    if right.ndim != 1 or right.dtype != np.bool_ or not len(right):
        raise DataError(f"correct must be booleans of shape (N,), found {right.dtype} of shape {right.shape}")
    if not columns:
        raise DataError("expected a column of attributes at least, found none")
    cut = {name: _cut(_words(values, name, len(right))) for name, values in columns.items()}
    counts = {
        name: [(value, int(of.sum()), int(right[of].sum())) for value, of in slices] for name, slices in cut.items()
    }
    everything = [each for slices in counts.values() for each in slices]
    intervals = iter(simultaneous_intervals([k for _, _, k in everything], [n for _, n, _ in everything]))
    p_values = {name: _p_values(slices) for name, slices in counts.items() if len(slices) > 1}
    equal, worst = (dict(zip(p_values, holm([pair[k] for pair in p_values.values()]), strict=True)) for k in (0, 1))
    made = []
    for name, slices in counts.items():
        of_column = tuple(Slice(value, n, k, next(intervals) or Interval(0, 1)) for value, n, k in slices)
        made.append(SlicedColumn(name, of_column, equal.get(name), worst.get(name)))
    return Slices(split, len(right), int(right.sum()), tuple(made))


def is_missing(value: object) -> bool:
    """Whether a value of an attribute says that it is not known: None, NaN, or a cell with nothing or NA in it."""
    return value is None or str(value).strip().lower() in _MISSING_WORDS


def _p_values(slices: Sequence[tuple[str, int, int]]) -> tuple[float, float]:
    """Return the p-values that accuracies are equal, and that the worst is not alone; the second is no smaller."""
    p_equal = equal_proportions_p([n - k for _, n, k in slices], [n for _, n, _ in slices])
    frequent = [(n - k, n) for _, n, k in slices if n >= FEWEST]
    if len(frequent) < 2:
        return p_equal, 1.0
    _, p_worst = highest_proportion_p([missed for missed, _ in frequent], [n for _, n in frequent])
    return p_equal, max(p_equal, p_worst)


def _words(values: Any, name: str, n: int) -> list[str]:
    """Return the values of a column as words, MISSING where they are not known."""
    column = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if len(column) != n:
        raise DataError(f"{n:,} images but {len(column):,} values in the column '{name}': give one for each image")
    return [MISSING if is_missing(value) else str(value).strip() for value in column]


def _cut(words: list[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return each slice of a column: what it is called, and its images as a mask (N,). Missing values come last."""
    column, counts = np.asarray(words), Counter(word for word in words if word != MISSING)
    numbers = _numbers(list(counts))
    if numbers and len(numbers) > MOST_VALUES:
        slices = _quantile_bins(column, numbers)
    else:
        frequent = list(counts) if len(counts) <= MOST_SLICES else _most_frequent(counts)
        ordered = sorted(frequent, key=lambda word: (numbers[word] if numbers else 0, word))
        slices = [(word, column == word) for word in ordered]
        if len(frequent) < len(counts):
            together = ~np.isin(column, [*frequent, MISSING])
            slices.append((f"{len(counts) - len(frequent):,} other values", together))
    missing = column == MISSING
    return [*slices, (MISSING, missing)] if missing.any() else slices


def _most_frequent(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word))[: MOST_SLICES - 1]


def _numbers(words: list[str]) -> dict[str, float] | None:
    """Return the value of each word, where all are finite numbers."""
    try:
        values = {word: float(word) for word in words}
    except ValueError:
        return None
    return values if np.isfinite(list(values.values())).all() else None


def _quantile_bins(column: NDArray[np.str_], numbers: Mapping[str, float]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return slices of about equal size; equal values are never in two. Each is called by the values in it."""
    values = np.array([numbers.get(word, np.nan) for word in column.tolist()])
    cuts = np.unique(np.nanquantile(values, np.arange(1, MOST_BINS) / MOST_BINS))
    places = np.where(np.isnan(values), -1, np.searchsorted(cuts, values))
    bins = []
    for place in range(len(cuts) + 1):
        if (inside := places == place).any():
            low, high = (_plain(end(values[inside])) for end in (np.min, np.max))
            bins.append((low if low == high else f"{low} to {high}", inside))
    return bins


def _plain(value: float) -> str:
    return np.format_float_positional(value, trim="-")


def _finding(column: SlicedColumn) -> str:
    worst = column.worst
    if worst is None:
        return f"accuracy differs between slices of {column.name} ({p_words(column.p_equal or 0.0)})"
    than = f"every other slice of {FEWEST} images or more" if len(column.slices) > 2 else "the other"
    return (
        f"of {column.name}, {worst.value} is worst ({percent(worst.accuracy, worst.n)} of {worst.n:,} images correct, "
        f"less than in {than}, {p_words(column.p_worst or 0.0)})"
    )
