"""Networks side by side: the rows of a table, and in each the network that is best, where that can be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds
from inkling.metrics.formatting import mean_sd, seconds, signed, significant
from inkling.report.content import CellContent

MARGIN = 1.1
"""A cost is said to be the lowest where the next is at least this many times as high: times vary from run to run."""


@dataclass(frozen=True)
class ComparisonRow:
    """One measure of every network, in words."""

    measure: str
    values: tuple[str, ...]  # one a network
    best: int | None = None  # place of the best, if one is


def comparison_rows(
    cells: Sequence[CellContent],
    n_validation: int,
    n_test: int,
    comparisons: Sequence[Comparison | ComparisonOverSeeds],
) -> tuple[ComparisonRow, ...]:
    """Return the rows that compare cells of one training size: means over seeds, and the times of the fastest.

    `comparisons` are those of every two of the networks, of which the rows say where one is the most accurate.
    """

    def cost(measure: str, values: Sequence[float], words: Sequence[str]) -> ComparisonRow:
        return ComparisonRow(measure, tuple(words), _lowest(values))

    timings = [cell.timing for cell in cells]
    parameters = [cell.parameters for cell in cells]
    multiply_adds = [cell.multiply_adds for cell in cells]
    per_epoch = [timing.per_epoch for timing in timings]
    to_best = [timing.to_best for timing in timings]
    test = tuple(mean_sd(cell.test_accuracy, n_test) for cell in cells)
    validation = tuple(mean_sd(cell.validation_accuracy, n_validation) for cell in cells)
    return (
        ComparisonRow(f"Test accuracy, n = {n_test:,}", test, _most_accurate(cells, comparisons)),
        ComparisonRow(f"Validation accuracy, n = {n_validation:,}", validation),
        ComparisonRow("Gap, training − validation, points", tuple(signed(100 * cell.gap.mean) for cell in cells)),
        cost("Parameters", parameters, [f"{count:,}" for count in parameters]),
        cost("Multiply-adds an image", multiply_adds, [f"{count:,}" for count in multiply_adds]),
        cost("Time an epoch", per_epoch, [seconds(value) for value in per_epoch]),
        cost("Time to the best epoch", to_best, [seconds(value) for value in to_best]),
        ComparisonRow("Best epoch", tuple(_best_epochs(cell) for cell in cells)),
        ComparisonRow("Training images a second", tuple(significant(t.images_per_second) for t in timings)),
    )


def _most_accurate(cells: Sequence[CellContent], comparisons: Sequence[Comparison | ComparisonOverSeeds]) -> int | None:
    """The network that is shown to be better than every other."""
    best = max(cells, key=lambda cell: cell.test_accuracy.mean)
    won = sum(found.shown and best.network in (found.a, found.b) for found in comparisons)
    return cells.index(best) if won == len(cells) - 1 else None


def _lowest(values: Sequence[float]) -> int | None:
    first, second = sorted(values)[:2]
    return list(values).index(first) if second >= MARGIN * first else None


def _best_epochs(cell: CellContent) -> str:
    """Which epochs were best, and of how many."""
    best = sorted({run.best_epoch for run in cell.runs})
    lengths = sorted({len(run.history) for run in cell.runs})
    low_high = ["–".join(f"{epoch:,}" for epoch in dict.fromkeys((found[0], found[-1]))) for found in (best, lengths)]
    return " of ".join(low_high)
