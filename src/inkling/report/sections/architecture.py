"""Architecture: each network drawn from its image to its probabilities, and a table of its layers."""

from __future__ import annotations

from typing import Any

from inkling.figures.architecture import ArchitectureDisplay
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section


def architecture_title(cell: Cell) -> str:
    """Return the size of a network."""
    counts = f"{cell.parameters:,} parameters and {cell.multiply_adds:,} multiply-adds per image"
    return f"The {network_noun(cell.network)} has {counts}"


def _gather(evidence: Evidence) -> tuple[Cell, ...]:
    return evidence.best_cells


def _draw(content: tuple[Cell, ...], evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    diagrams = []
    for cell in content:
        display = ArchitectureDisplay.from_layers(cell.layers, evidence.colour(cell.network))
        label = f"Architecture of the {network_noun(cell.network)}: {display.label}"
        svg = drawing.svg(f"architecture-{cell.network}", display.plot(), label)
        diagrams.append((cell, architecture_title(cell), svg, display.width))
    return {"diagrams": diagrams}


SECTION = Section(
    id="architecture",
    order=130,
    title="Architecture",
    template="architecture.html.j2",
    gather=_gather,
    draw=_draw,
)
