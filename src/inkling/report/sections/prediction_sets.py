"""Prediction sets: how large they must be to hold the true class as often as promised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inkling.diagnosis.prediction_sets import (
    METHODS,
    PredictionSets,
    calibrate_sets,
    calibration_half,
    measure_sets,
)
from inkling.errors import DataError
from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Section

LEVELS = (0.9, 0.95, 0.99)

Measured = Mapping[str, tuple[PredictionSets, ...]]
"""By network."""


def _gather(evidence: Evidence) -> Measured | None:
    measured = {}
    for cell in evidence.best_cells:
        test = cell.first.run.predictions("test")
        half = calibration_half(len(test.labels))
        found = []
        for level in LEVELS:
            for method in METHODS:
                try:
                    threshold = calibrate_sets(test.labels[half], test.probabilities[half], level, method)
                except DataError:  # too few test images for this level
                    continue
                found.append(measure_sets(test.labels[~half], test.probabilities[~half], threshold))
        if found:
            measured[cell.network] = tuple(found)
    return measured or None


def _draw(content: Measured, evidence: Evidence, _: Drawing) -> dict[str, Any]:
    of_chosen = content.get(evidence.chosen.network, next(iter(content.values())))
    middle = [sets for sets in of_chosen if sets.threshold.level == LEVELS[1]] or of_chosen
    return {"title": middle[0].verdict.removesuffix(".")}


SECTION = Section(
    id="prediction-sets",
    order=52,
    title="Prediction sets",
    template="prediction_sets.html.j2",
    gather=_gather,
    draw=_draw,
)
