"""Learning curves: error after every epoch, training solid and validation dashed, a panel per training size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inkling.metrics.differences import means_differ
from inkling.metrics.formatting import percent
from inkling.networks.catalogue import network_noun
from inkling.report.curve_panel import curve_panels
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section


@dataclass(frozen=True)
class Curves:
    """What the learning curves of each network show."""

    titles: Mapping[str, str]  # by network


def curves_title(cells: Sequence[Cell], n_validation: int) -> str:
    """Return what the learning curves of one network show."""
    small, large = cells[0], cells[-1]
    noun = network_noun(small.network)
    of_small, of_large = (1 - cell.validation_accuracy.mean for cell in (small, large))
    if len(cells) == 1:
        first = small.first
        epochs = len(first.history)
        where = "after one epoch" if epochs == 1 else f"at epoch {first.best_epoch}, the best of {epochs}"
        if len(small.runs) > 1:
            where = f"on average over {len(small.runs)} runs, each at its best epoch"
        return f"Validation error of the {noun} is {percent(of_small, n_validation)} {where}"
    errors = (
        f"{percent(of_small, n_validation)} at {small.train_size:,}, {percent(of_large, n_validation)} at "
        f"{large.train_size:,}"
    )
    before, after = ([run.validation.value for run in cell.runs] for cell in (small, large))
    if min(len(before), len(after)) == 1:
        return f"Validation error of the {noun}, by training images: {errors} (one run each)"
    errors += f" (means over seeds compared, n = {n_validation:,} validation images)"
    if not means_differ(before, after, n_validation):
        return f"More training images do not significantly change the {noun}'s validation error: {errors}"
    verb = "lower" if of_large < of_small else "raise"
    return f"More training images {verb} the {noun}'s validation error: {errors}"


def _gather(evidence: Evidence) -> Curves:
    return Curves({name: curves_title(evidence.cells_of(name), evidence.n_validation) for name in evidence.networks})


def _draw(_content: Curves, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    return {"panels": curve_panels(evidence, drawing, "error")}


SECTION = Section(
    id="curves",
    order=10,
    title="Learning curves",
    template="curves.html.j2",
    gather=_gather,
    draw=_draw,
)
