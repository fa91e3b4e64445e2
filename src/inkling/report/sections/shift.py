"""Are training and test images alike? A classifier two-sample test of their pixels, or of a backbone's features too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.run_shift import compare_splits
from inkling.diagnosis.shift import TwoSampleTest
from inkling.networks.protocols import FeatureExtractor
from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Section


@dataclass(frozen=True)
class TrainAndTest:
    """What tells test images from training images."""

    test: TwoSampleTest
    unlike: tuple[str, ...]  # names of the test images most unlike the training images


def _gather(evidence: Evidence) -> TrainAndTest | None:
    if evidence.splits is None:
        return None
    train, test = evidence.splits.train, evidence.splits.test
    best = evidence.best_cells
    cell = next((cell for cell in best if isinstance(cell.first_network, FeatureExtractor)), best[0])
    found = compare_splits(cell.first.run, cell.first_network, train.images, test.images)
    if found is None:
        return None
    return TrainAndTest(found, tuple(test.image_name(place, "test") for place in found.unlike))


def _draw(content: TrainAndTest, _evidence: Evidence, _drawing: Drawing) -> dict[str, Any]:
    return {"title": content.test.verdict("test images", "the training images").rstrip(".")}


SECTION = Section(
    id="shift", order=92, title="Training and test images", template="shift.html.j2", gather=_gather, draw=_draw
)
