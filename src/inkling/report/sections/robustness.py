"""Robustness: what corruptions of the test images cost, where `inkling stress` measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.robustness import Robustness
from inkling.diagnosis.robustness_comparison import RobustnessComparison, compare_robustness
from inkling.diagnosis.run_robustness import StressedRun, corrupted_pictures, stored_robustness
from inkling.figures.robustness import RobustnessDisplay
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section


@dataclass(frozen=True, eq=False)
class StressedNetworks:
    """What corruptions cost one run of each network that was stressed, all on the same images."""

    measured: Mapping[str, Robustness]  # by network
    folders: tuple[str, ...]  # names of the runs' folders, in the same order
    comparison: RobustnessComparison | None  # of two networks or more
    pictures: NDArray[np.uint8] | None  # one image under each corruption; None where the images could not be loaded


def _gather(evidence: Evidence) -> StressedNetworks | None:
    chosen_first = sorted(evidence.best_cells, key=lambda cell: cell is not evidence.chosen)
    stressed = [(cell, *found) for cell in chosen_first if (found := _first_stressed(cell))]
    if not stressed:
        return None
    first = stressed[0][2]
    alike = [each for each in stressed if _same_images(each[2], first)]
    measured = {cell.network: found.robustness for cell, _, found in alike}
    pictures = None
    if evidence.splits is not None:
        dataset = dict(evidence.splits.items())[first.robustness.split]
        pictures = corrupted_pictures(dataset.images[first.images[0]])
    comparison = compare_robustness(measured) if len(measured) > 1 else None
    return StressedNetworks(measured, tuple(name for _, name, _ in alike), comparison, pictures)


def _first_stressed(cell: Cell) -> tuple[str, StressedRun] | None:
    """Return the first run of a cell that was stressed: the name of its folder, and what was found."""
    for each in cell.runs:
        if found := stored_robustness(each.run):
            return each.run.folder.resolve().name, found
    return None


def _same_images(one: StressedRun, other: StressedRun) -> bool:
    return one.robustness.split == other.robustness.split and np.array_equal(one.images, other.images)


def _draw(content: StressedNetworks, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    figure = None
    if content.pictures is not None:
        colours = [evidence.colour(network) for network in content.measured]
        display = RobustnessDisplay.from_robustness(content.measured, content.pictures, colours)
        label = "One image under every corruption and severity, and the accuracy of each network under it"
        figure = drawing.svg("robustness", display.plot(), label)
    return {"figure": figure}


SECTION = Section(
    id="robustness", order=54, title="Robustness", template="robustness.html.j2", gather=_gather, draw=_draw
)
