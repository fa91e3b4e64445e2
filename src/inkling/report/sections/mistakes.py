"""Misclassified images: those to whose true class a network gave the lowest probability, beside what they resemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.diagnosis.mistakes import Mistake, worst_mistakes
from inkling.diagnosis.neighbours import Neighbour, labelled_neighbours
from inkling.figures.pictures import MistakesDisplay
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section

MOST_MISTAKES, FEWEST_MISTAKES = 48, 24
"""Mistakes shown as pictures, at most: the more, the smaller the images are, so that a report can be sent by mail."""

_MISTAKE_PIXELS = 300_000

NEIGHBOURS = 4
"""Training images shown beside each mistake."""


@dataclass(frozen=True, eq=False)
class PicturedMistake:
    """A mistake and, where the images could be loaded, its picture and the training images that look most like it."""

    mistake: Mistake
    name: str  # "test image 7", or the file it is from
    picture: NDArray[np.uint8] | None  # (H, W, C)
    neighbours: tuple[Neighbour, ...]


Galleries = Mapping[str, tuple[PicturedMistake, ...]]
"""By network, worst first; only those of networks that made a mistake."""


def mistakes_title(network: str, mistakes: tuple[PicturedMistake, ...], class_names: tuple[str, ...]) -> str:
    """Return a network's worst mistake."""
    worst = mistakes[0].mistake
    return (
        f"Worst mistake of the {network_noun(network)}: {class_names[worst.label]} predicted as "
        f"{class_names[worst.predicted]} with {worst.probability:.1%} confidence"
    )


def _gather(evidence: Evidence) -> Galleries | None:
    galleries = {cell.network: _mistakes(cell, evidence) for cell in evidence.best_cells}
    return {network: mistakes for network, mistakes in galleries.items() if mistakes} or None


def _mistakes(cell: Cell, evidence: Evidence) -> tuple[PicturedMistake, ...]:
    predictions, splits = cell.first.run.predictions("test"), evidence.splits_of(cell.first)
    count = max(FEWEST_MISTAKES, min(MOST_MISTAKES, _MISTAKE_PIXELS // int(np.prod(evidence.image_shape))))
    mistakes = worst_mistakes(predictions.labels, predictions.probabilities, count)
    if splits is None or not mistakes:
        return tuple(PicturedMistake(mistake, f"test image {mistake.index}", None, ()) for mistake in mistakes)
    pictures = splits.test.images[[mistake.index for mistake in mistakes]]
    names = [splits.test.image_name(mistake.index, "test") for mistake in mistakes]
    neighbours = labelled_neighbours(pictures, splits.train, NEIGHBOURS)
    return tuple(PicturedMistake(*parts) for parts in zip(mistakes, names, pictures, neighbours, strict=True))


def _draw(content: Galleries, evidence: Evidence, _drawing: Drawing) -> dict[str, Any]:
    cells = {cell.network: cell for cell in evidence.best_cells}
    titles = {name: mistakes_title(name, mistakes, evidence.class_names) for name, mistakes in content.items()}
    return {"titles": titles, "cells": cells}


def _pictures(content: Galleries, evidence: Evidence) -> dict[str, Figure]:
    figures = {}
    for network, mistakes in content.items():
        pictured = [(shown.mistake, shown.picture) for shown in mistakes if shown.picture is not None]
        if pictured:
            display = MistakesDisplay.from_pictures(pictured, evidence.class_names)
            figures[f"mistakes-{network}"] = display.plot(title=f"Worst mistakes of the {network_noun(network)}")
    return figures


SECTION = Section(
    id="mistakes",
    order=80,
    title="Misclassified images",
    template="mistakes.html.j2",
    gather=_gather,
    draw=_draw,
    pictures=_pictures,
)
