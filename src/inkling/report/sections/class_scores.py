"""Unequal classes: what an accuracy is worth, with every class counted equally and beside the majority baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.accuracy import Evaluation
from inkling.metrics.formatting import percent, percent_interval
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Evidence
from inkling.report.section import Section


@dataclass(frozen=True)
class ScoredNetworks:
    """The evaluation on test images of each network, of its first seed and the training size best on validation."""

    chosen: Evaluation
    by_network: tuple[tuple[str, Evaluation], ...]


def class_scores_title(network: str, evaluation: Evaluation) -> str:
    """Return what is left of the accuracy when every class counts equally."""
    scores, noun = evaluation.scores, network_noun(network)
    balanced = (
        f"{percent(scores.balanced_accuracy, scores.n)} (95% interval "
        f"{percent_interval(scores.balanced_interval, scores.n)}{scores.without_images})"
    )
    if not scores.beats_baseline:
        return (
            f"The {noun} is not shown to be more accurate than always answering {scores.majority} "
            f"({percent(scores.baseline, scores.n)}); balanced accuracy {balanced}"
        )
    accuracy = percent(evaluation.accuracy, evaluation.n)
    if scores.unequal:
        return f"With every class counted equally the accuracy of the {noun} is {balanced}, of all images {accuracy}"
    return f"Classes have similar numbers of images: balanced accuracy of the {noun} {balanced}, accuracy {accuracy}"


def _gather(evidence: Evidence) -> ScoredNetworks:
    return ScoredNetworks(
        evidence.chosen.first.evaluation,
        tuple((cell.network, cell.first.evaluation) for cell in evidence.best_cells),
    )


def _draw(content: ScoredNetworks, evidence: Evidence, _drawing: Drawing) -> dict[str, Any]:
    return {"title": class_scores_title(evidence.chosen.network, content.chosen)}


SECTION = Section(
    id="class-scores",
    order=65,
    title="Every class counted equally",
    template="class_scores.html.j2",
    gather=_gather,
    draw=_draw,
)
