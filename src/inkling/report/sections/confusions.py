"""Confusion matrix: which classes are predicted as which."""

from __future__ import annotations

from typing import Any

from inkling.diagnosis.class_misses import leading_confusion
from inkling.figures.counts import ConfusionMatrixDisplay
from inkling.images.naming import and_list
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Answer, Section


def confusion_title(cell: Cell) -> str:
    """Return the confusion that was seen most, and whether it is shown to be the most frequent."""
    evaluation = cell.first.evaluation
    if not evaluation.most_confused:
        return f"The {network_noun(cell.network)} misclassifies no test image"
    most, others = evaluation.most_confused[0], evaluation.most_confused[1:]
    times = f"{most.label} predicted as {most.predicted}, {most.count:,} time{'s' * (most.count > 1)}"
    if leading_confusion(evaluation):
        return f"Most frequent confusion of the {network_noun(cell.network)}: {times}"
    if others and others[0].count == most.count:
        return f"No confusion of the {network_noun(cell.network)} stands out"
    return f"Seen most often for the {network_noun(cell.network)}: {times}; others may be as frequent"


def most_confused(cell: Cell, count: int = 3) -> str:
    """Return which classes are predicted as which most often."""
    evaluation = cell.first.evaluation
    wrong = evaluation.n - evaluation.correct
    if not wrong:
        return f"None of the {evaluation.n:,} test images is misclassified."
    pairs = [
        f"{pair.label} predicted as {pair.predicted} ({pair.count:,})" for pair in evaluation.most_confused[:count]
    ]
    return (
        f"{wrong:,} of {evaluation.n:,} test images {'is' if wrong == 1 else 'are'} misclassified, most often "
        f"{and_list(pairs)}."
    )


def _gather(evidence: Evidence) -> tuple[Cell, ...]:
    return evidence.best_cells


def _draw(content: tuple[Cell, ...], _evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    matrices = []
    for cell in content:
        display = ConfusionMatrixDisplay.from_evaluation(cell.first.evaluation)
        label = f"Confusion matrix of the {network_noun(cell.network)} on {cell.first.evaluation.n:,} test images"
        matrices.append((cell, confusion_title(cell), drawing.svg(f"confusion-{cell.network}", display.plot(), label)))
    return {"matrices": matrices}


def _answer(_content: tuple[Cell, ...] | None, evidence: Evidence) -> Answer:
    return Answer(2, "Mistakes", most_confused(evidence.chosen))


SECTION = Section(
    id="confusions",
    order=60,
    title="Confusion matrix",
    template="confusions.html.j2",
    gather=_gather,
    draw=_draw,
    answer=_answer,
)
