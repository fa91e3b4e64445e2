"""Overfitting: the gap between training and validation accuracy, and when the validation loss turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.early_stopping import EarlyStopping, stopped_early
from inkling.diagnosis.gap_change import GapChange, compare_gaps
from inkling.diagnosis.overfitting import last_epochs
from inkling.images.naming import and_list
from inkling.networks.catalogue import network_noun
from inkling.report.curve_panel import curve_panels
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Answer, Section


@dataclass(frozen=True, eq=False)
class OverfittingContent:
    """How far each network fits its training images better than new ones."""

    titles: Mapping[str, str]  # by network
    early_stopping: Mapping[tuple[str, int], EarlyStopping]  # by network and training size, of first seeds
    gap_changes: Mapping[str, GapChange]  # by network of several training sizes, from the smallest to the largest


def overfitting_title(cells: Sequence[Cell]) -> str:
    """Return the gaps between training and validation in one line."""
    seed = f" (seed {cells[0].first.seed})" if len(cells[0].runs) > 1 else ""
    gaps, noun = [_gap(cell) for cell in cells], network_noun(cells[0].network)
    if all(cell.first.overfitting.level == "none shown" for cell in cells):
        sizes = and_list([f"{cell.train_size:,}" for cell in cells])
        return f"No gap between training and validation accuracy of the {noun} is shown at {sizes} images{seed}"
    return f"Gap between training and validation accuracy of the {noun}: {and_list(gaps)} images{seed}"


def _gap(cell: Cell) -> str:
    found = cell.first.overfitting
    gap = "none shown" if found.level == "none shown" else f"{100 * found.gap:.1f} points"
    return f"{gap} at {cell.train_size:,}"


def _gather(evidence: Evidence) -> OverfittingContent:
    early_stopping, gap_changes = {}, {}
    for cell in evidence.cells:
        history = cell.first.history
        early_stopping[cell.network, cell.train_size] = stopped_early(
            history, last_epochs(len(history)), evidence.n_validation
        )
    for network in evidence.networks:
        cells = evidence.cells_of(network)
        if len(cells) > 1:
            small, large = cells[0], cells[-1]
            names = [f"{cell.train_size:,} training images" for cell in (small, large)]
            of_small, of_large = ([run.overfitting for run in cell.runs] for cell in (small, large))
            gap_changes[network] = compare_gaps(of_small, of_large, *names)
    titles = {network: overfitting_title(evidence.cells_of(network)) for network in evidence.networks}
    return OverfittingContent(titles, early_stopping, gap_changes)


def _draw(_content: OverfittingContent, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    return {"panels": curve_panels(evidence, drawing, "loss")}


def _answer(_content: OverfittingContent | None, evidence: Evidence) -> Answer:
    return Answer(3, "Overfitting", evidence.chosen.first.overfitting.summary)


SECTION = Section(
    id="overfitting",
    order=30,
    title="Overfitting",
    template="overfitting.html.j2",
    gather=_gather,
    draw=_draw,
    answer=_answer,
)
