"""Networks side by side: accuracy, size and time in one table, and every two networks tested on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds
from inkling.images.naming import and_list
from inkling.metrics.formatting import mean_sd, percent, seconds, signed, significant, training_images
from inkling.networks.catalogue import network_noun
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Answer, Section
from inkling.studies.comparison import SizedComparison, compare_networks_of

MARGIN = 1.1
"""A cost is said to be the lowest where the next is at least this many times as high: times vary from run to run."""


@dataclass(frozen=True)
class ComparisonRow:
    """One measure of every network, in words."""

    measure: str
    values: tuple[str, ...]  # one per network
    best: int | None = None  # place of the best, if one is


@dataclass(frozen=True, eq=False)
class NetworkComparison:
    """Networks of one training size side by side, and every two of them tested."""

    cells: tuple[Cell, ...]  # one per network, at the largest training size that all have; empty without one
    comparisons: Mapping[int, tuple[Comparison | ComparisonOverSeeds, ...]]  # by training size: every two networks
    title: str  # of the table; empty without cells
    better_title: str  # of the tests; empty without any
    rows: tuple[ComparisonRow, ...]
    tested: tuple[SizedComparison, ...] = ()  # the same comparisons in order, with their tests of equality


def compared_cells(evidence: Evidence) -> tuple[Cell, ...]:
    """Return one cell per network, at the largest training size that all have; empty without, or of one network.

    Variants of one network are no different networks: the section on ablations compares them.
    """
    if len({cell.first.run.network_name for cell in evidence.cells}) < 2:
        return ()
    sizes = [{cell.train_size for cell in evidence.cells_of(network)} for network in evidence.networks]
    common = set.intersection(*sizes)
    if len(sizes) < 2 or not common:
        return ()
    return tuple(cell for cell in evidence.cells if cell.train_size == max(common))


def comparison_title(cells: Sequence[Cell], n_test: int) -> str:
    """Return the test accuracies, and what an epoch of the best network costs against the cheapest of the others."""
    best, *others = sorted(cells, key=lambda cell: -cell.validation_accuracy.mean)
    cheapest = min(others, key=lambda cell: cell.timing.per_epoch)
    accuracies = and_list(
        [f"{percent(cell.test_accuracy.mean, n_test)} for the {network_noun(cell.network)}" for cell in (best, *others)]
    )
    cost = f"{_times(best, cheapest)} one of the {network_noun(cheapest.network)}"
    return f"Test accuracy {accuracies}; an epoch of the {network_noun(best.network)} takes {cost}"


def _times(cell: Cell, other: Cell) -> str:
    ratio = cell.timing.per_epoch / other.timing.per_epoch
    if 0.9 < ratio < 1.1:
        return "about as long as"
    return f"{significant(ratio)} times as long as" if ratio > 1 else f"{ratio:.0%} of the time of"


def decisive(
    cells: Sequence[Cell], comparisons: Mapping[int, Sequence[Comparison | ComparisonOverSeeds]]
) -> tuple[int, Comparison | ComparisonOverSeeds]:
    """Return the largest training size that networks share, and the best network there against its closest rival."""
    size = max(comparisons)
    compared = comparisons[size]
    known = {name for pair in compared for name in (pair.a, pair.b)}
    there = [cell for cell in cells if cell.train_size == size and cell.network in known]
    best = max(there, key=lambda cell: cell.validation_accuracy.mean).network
    rivals = [pair for pair in compared if best in (pair.a, pair.b)]
    return size, max(rivals, key=lambda pair: pair.b_accuracy if pair.a == best else pair.a_accuracy)


def better_title(size: int, comparison: Comparison | ComparisonOverSeeds) -> str:
    """Return whether one network is better than another, or with one seed which run was, without the numbers."""
    a, b = comparison.a, comparison.b
    better, other = (a, b) if comparison.difference > 0 else (b, a)
    if comparison.shown and isinstance(comparison, Comparison):
        return (
            f"The run of the {network_noun(better)} classified more test images correctly than that of the "
            f"{network_noun(other)} after {training_images(size)}"
        )
    if comparison.shown:
        return f"The {network_noun(better)} is better than the {network_noun(other)} after {training_images(size)}"
    both = f"the {network_noun(a)} and the {network_noun(b)}"
    return f"No significant difference between {both} after {training_images(size)}"


def best_network(
    cells: Sequence[Cell], comparisons: Mapping[int, Sequence[Comparison | ComparisonOverSeeds]]
) -> str | None:
    """Return whether one network is better than another, at the largest training size that they share."""
    if not comparisons:
        return None
    size, comparison = decisive(cells, comparisons)
    verdict = comparison.verdict
    if verdict.startswith("No significant"):
        verdict = f"n{verdict[1:]}"
    return f"After {training_images(size)}, {verdict}"


def comparison_rows(
    cells: Sequence[Cell],
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
        ComparisonRow(
            "Gap, training − validation, percentage points", tuple(signed(100 * cell.gap.mean) for cell in cells)
        ),
        cost("Parameters", parameters, [f"{count:,}" for count in parameters]),
        cost("Multiply-adds per image", multiply_adds, [f"{count:,}" for count in multiply_adds]),
        cost("Time per epoch", per_epoch, [seconds(value) for value in per_epoch]),
        cost("Time to the best epoch", to_best, [seconds(value) for value in to_best]),
        ComparisonRow("Best epoch", tuple(_best_epochs(cell) for cell in cells)),
        ComparisonRow("Training images per second", tuple(significant(t.images_per_second) for t in timings)),
    )


def _most_accurate(cells: Sequence[Cell], comparisons: Sequence[Comparison | ComparisonOverSeeds]) -> int | None:
    """The network that is significantly better than every other; none of one seed each, which shows runs only."""
    best = max(cells, key=lambda cell: cell.test_accuracy.mean)
    won = sum(
        pair.shown and isinstance(pair, ComparisonOverSeeds) and best.network in (pair.a, pair.b)
        for pair in comparisons
    )
    return cells.index(best) if won == len(cells) - 1 else None


def _lowest(values: Sequence[float]) -> int | None:
    first, second = sorted(values)[:2]
    return list(values).index(first) if second >= MARGIN * first else None


def _best_epochs(cell: Cell) -> str:
    """Which epochs were best, and of how many."""
    best = sorted({run.best_epoch for run in cell.runs})
    lengths = sorted({len(run.history) for run in cell.runs})
    low_high = [
        "–".join(f"{epoch:,}" for epoch in dict.fromkeys((epochs[0], epochs[-1]))) for epochs in (best, lengths)
    ]
    return " of ".join(low_high)


def _gather(evidence: Evidence) -> NetworkComparison | None:
    cells = compared_cells(evidence)
    comparisons: dict[int, tuple[Comparison | ComparisonOverSeeds, ...]] = {}
    tested = compare_networks_of(evidence.runs)
    for sized in tested:
        comparisons[sized.train_size] = (*comparisons.get(sized.train_size, ()), sized.comparison)
    if not cells and not comparisons:
        return None
    at_size = comparisons.get(cells[0].train_size, ()) if cells else ()
    return NetworkComparison(
        cells=cells,
        comparisons=comparisons,
        title=comparison_title(cells, evidence.n_test) if cells else "",
        better_title=better_title(*decisive(evidence.cells, comparisons)) if comparisons else "",
        rows=comparison_rows(cells, evidence.n_validation, evidence.n_test, at_size) if cells else (),
        tested=tested,
    )


def _answer(content: NetworkComparison | None, evidence: Evidence) -> Answer | None:
    sentence = content and best_network(evidence.cells, content.comparisons)
    if not (content and sentence):
        return None
    size, compared = decisive(evidence.cells, content.comparisons)
    tested = next(each for each in content.tested if (each.train_size, each.comparison) == (size, compared))
    if tested.equivalence.shown:
        sentence = f"{sentence} {tested.equivalence.verdict}"
    elif not compared.shown:
        sentence = f"{sentence} {compared.power.verdict}"
    return Answer(2, "Runs compared" if isinstance(compared, Comparison) else "Best network", sentence)


SECTION = Section(
    id="comparison",
    order=20,
    title="Comparison of networks",
    template="comparison.html.j2",
    gather=_gather,
    answer=_answer,
)
