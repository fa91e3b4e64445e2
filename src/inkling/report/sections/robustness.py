"""Robustness: what corruptions of the test images cost, where `inkling stress` measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.robustness import Robustness, title_case
from inkling.diagnosis.robustness_comparison import RobustnessComparison, compare_robustness
from inkling.diagnosis.run_robustness import StressedRun, corrupted_pictures, stored_robustness
from inkling.figures.robustness import RobustnessDisplay
from inkling.images.naming import and_list
from inkling.metrics.formatting import points, points_interval
from inkling.metrics.intervals import Interval
from inkling.networks.catalogue import network_noun
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


def robustness_title(network: str, measured: Robustness) -> str:
    """Return whether corruptions of the images are shown to cost a network accuracy, and how much."""
    noun, low_to_high = network_noun(network), measured.change.interval()
    if low_to_high.high < 0:
        cost = Interval(-low_to_high.high, -low_to_high.low)
        return (
            f"Corruptions cost the {noun} {points(-measured.change.mean, measured.n)} points of accuracy on average "
            f"(95% interval {points_interval(cost, measured.n)})"
        )
    harmful = [cost.corruption for cost in measured.costs if cost.harmful_at or cost.interval.high < 0]
    if harmful:
        verb = "lowers" if len(harmful) == 1 else "lower"
        return f"{title_case(and_list(harmful))} {verb} the accuracy of the {noun}"
    return f"No corruption is shown to lower the accuracy of the {noun} on {measured.n:,} {measured.split} images"


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
    title = robustness_title(*next(iter(content.measured.items())))
    return {"figure": figure, "title": title}


SECTION = Section(
    id="robustness", order=54, title="Robustness", template="robustness.html.j2", gather=_gather, draw=_draw
)
