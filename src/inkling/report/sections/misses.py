"""Errors per class: how many test images of each class are misclassified, by every network and training size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.class_misses import ClassMisses, find_hardest_class, misses_per_class
from inkling.figures.counts import MissesDisplay
from inkling.metrics.formatting import training_images
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section


@dataclass(frozen=True, eq=False)
class Misses:
    """Misclassified images of each class."""

    cells: tuple[tuple[Cell, tuple[ClassMisses, ...]], ...]
    chosen: tuple[ClassMisses, ...]  # of the chosen network and training size
    title: str


def misses_title(network: str, misses: Sequence[ClassMisses]) -> str:
    """Return the class of the highest error rate, and whether it is shown to be the hardest."""
    if not any(each.mean for each in misses):
        return f"The {network_noun(network)} misclassifies no test image"
    found = find_hardest_class(misses)
    if found.leader is None:
        return f"No class is clearly the hardest for the {network_noun(network)}"
    if found.hardest:
        return f"{found.hardest.name} is hardest for the {network_noun(network)}: {found.hardest.missed}"
    missed = f"Missed most by the {network_noun(network)}: {found.leader.name}, {found.leader.missed}"
    if found.classes_differ:
        return f"{missed}; classes differ, and others may be as hard"
    return f"{missed}; no class is shown to be harder than another"


def _gather(evidence: Evidence) -> Misses:
    cells = tuple((cell, misses_per_class([run.evaluation for run in cell.runs])) for cell in evidence.cells)
    chosen = misses_per_class([run.evaluation for run in evidence.chosen.runs])
    return Misses(cells, chosen, misses_title(evidence.chosen.network, chosen))


def _draw(content: Misses, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    displays = [MissesDisplay.from_misses(misses, evidence.colour(cell.network)) for cell, misses in content.cells]
    limit = max(display.limit for display in displays)
    panels = []
    for (cell, _), display in zip(content.cells, displays, strict=True):
        title = f"{cell.network}, {training_images(cell.train_size)}"
        figure = display.plot(title=title, limit=limit)
        name = f"misses-{cell.network}-{cell.train_size}"
        panels.append(drawing.svg(name, figure, f"Misclassified test images per class: {title}"))
    return {"panels": panels}


SECTION = Section(
    id="misses",
    order=70,
    title="Errors per class",
    template="misses.html.j2",
    gather=_gather,
    draw=_draw,
)
