"""Ablations: which of the settings that a study varies changed accuracy, and which changed overfitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.ablation import Ablation, Change
from inkling.metrics.formatting import p_words, points, points_interval
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Answer, Section
from inkling.studies.ablation import ablate_runs


@dataclass(frozen=True, eq=False)
class Ablations:
    """What the settings changed, and every cell of the grid."""

    effects: Ablation
    cells: tuple[Cell, ...]


def change_words(change: Change | None) -> str:
    """Return a change with its interval and adjusted p-value."""
    if change is None:
        return "one seed cannot say"
    shown = "" if change.shown else ", not shown"
    interval = points_interval(change.interval, change.n)
    return f"{points(change.difference, change.n)} {interval}, {p_words(change.adjusted_p)}{shown}"


def _gather(evidence: Evidence) -> Ablations | None:
    cells = (*evidence.cells, *evidence.others)
    effects = ablate_runs([run.run for cell in _in_order(cells) for run in cell.runs])
    return None if effects is None else Ablations(effects, _in_order(cells))


def _in_order(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Cells in the order of the study's grid, whether all sections show them or not."""
    return tuple(sorted(cells, key=lambda cell: cell.place))


def _draw(_content: Ablations, _evidence: Evidence, _drawing: Drawing) -> Mapping[str, Any]:
    return {"change_words": change_words}


def _answer(content: Ablations | None, _evidence: Evidence) -> Answer | None:
    return None if content is None else Answer(6, "Settings", content.effects.verdict)


SECTION = Section(
    id="ablation",
    order=25,
    title="Which setting changed what",
    template="ablation.html.j2",
    gather=_gather,
    draw=_draw,
    answer=_answer,
)
