"""Training dynamics: training images that are ambiguous or hard; where a run recorded them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.dynamics import DynamicsDiagnosis, diagnose_dynamics
from inkling.figures.dynamics import DataMapDisplay
from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Section
from inkling.runs.dynamics import keeps_dynamics, read_dynamics

SHOWN = 12
"""Images of each kind that are shown, at most."""


@dataclass(frozen=True, eq=False)
class LearntImage:
    """A training image, and how it was learnt."""

    name: str
    picture: NDArray[np.uint8]  # (H, W, C)
    label: int
    most_predicted: int
    confidence: float
    right_epochs: int
    mislabelled: bool


@dataclass(frozen=True, eq=False)
class Dynamics:
    """The diagnosis of one run, and pictures."""

    diagnosis: DynamicsDiagnosis
    hard: tuple[LearntImage, ...]
    ambiguous: tuple[LearntImage, ...]


def _gather(evidence: Evidence) -> Dynamics | None:
    run, splits = evidence.chosen.first.run, evidence.splits_of(evidence.chosen.first)
    if splits is None or not keeps_dynamics(run):
        return None
    recorded = read_dynamics(run)
    found = diagnose_dynamics(recorded)
    mislabelled = set(found.hard_or_mislabelled())

    def pictured(indices: Sequence[int]) -> tuple[LearntImage, ...]:
        return tuple(
            LearntImage(
                splits.train.image_name(index, "training"),
                splits.train.images[index],
                int(recorded.labels[index]),
                int(found.most_predicted[index]),
                float(found.confidence[index]),
                round(found.correctness[index] * found.epochs),
                index in mislabelled,
            )
            for index in indices
        )

    return Dynamics(found, pictured(found.hard(SHOWN)), pictured(found.ambiguous(SHOWN)))


def _draw(content: Dynamics, _evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    figure = DataMapDisplay.from_diagnosis(content.diagnosis).plot()
    return {"figure": drawing.svg("data-map", figure, "Confidence against variability of the training images")}


SECTION = Section(
    id="dynamics", order=95, title="Training dynamics", template="dynamics.html.j2", gather=_gather, draw=_draw
)
