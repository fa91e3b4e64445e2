"""Attribution: which pixels were evidence for and against the predicted class, and whether the maps can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.diagnosis.attribution.baselines import baseline_images, baseline_of
from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.deletion import DeletionTest, deletion_test
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.figures.attribution import AttributionDisplay, DeletionDisplay
from inkling.figures.pictures import png_uri, weight_limit
from inkling.images.dataset import ImageDataset
from inkling.images.sampling import stratified_order
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section

ATTRIBUTED = 10
"""Images whose attribution maps are shown, at most: so many classified correctly, and so many misclassified."""

FEWEST_TESTED, MOST_TESTED, MULTIPLY_ADDS = 20, 200, 5 * 10**9
"""Test images, of all classes in proportion, on which attribution maps are put to the test: as many as one prediction
of each takes so many multiply-adds, within these bounds. Each is predicted some 90 times, differentiated 32 times."""

CORRECT, WRONG = "Classified correctly", "Misclassified, worst first"


@dataclass(frozen=True, eq=False)
class AttributedImage:
    """A test image, and which of its pixels were evidence for its predicted class."""

    name: str  # "test image 7", or the file it is from
    label: int
    predicted: int
    probability: float  # of the predicted class
    picture: NDArray[np.uint8]  # (H, W, C)
    map: NDArray[np.floating[Any]]  # (H, W), logits


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution maps of some test images, and how far such maps can be trusted."""

    right: tuple[AttributedImage, ...]  # one per class
    wrong: tuple[AttributedImage, ...]  # the worst mistakes
    test: DeletionTest


Attributions = Mapping[str, Attribution]
"""By network."""


def attribution_title(network: str, test: DeletionTest) -> str:
    """Return whether the maps of a network point at what matters."""
    if test.gain_interval is None:
        return f"Attribution maps of the {network_noun(network)}"
    if not test.shown:
        return f"The attribution maps of the {network_noun(network)} are not shown to beat maps that never saw it"
    return f"The attribution maps of the {network_noun(network)} find pixels that decide its predictions"


def _gather(evidence: Evidence) -> Attributions | None:
    if evidence.splits is None:
        return None
    test = evidence.splits.test
    return {cell.network: _attribution(cell, test) for cell in evidence.best_cells}


def _attribution(cell: Cell, test: ImageDataset) -> Attribution:
    """Maps of the first correct image of each class, and of the worst mistakes, for the predicted class."""
    predictions, network = cell.first.run.predictions("test"), cell.first_network
    labels, predicted = predictions.labels, predictions.probabilities.argmax(axis=1)
    right = np.flatnonzero(predicted == labels)
    _, first = np.unique(labels[right], return_index=True)
    wrong = [mistake.index for mistake in worst_mistakes(labels, predictions.probabilities, ATTRIBUTED)]
    kind = baseline_of(test.images)
    parts = []
    for places in (right[first][:ATTRIBUTED], np.array(wrong, np.int64)):
        images = test.images[places]
        maps = attribute(network, images, predicted[places], baselines=baseline_images(images, kind))
        parts.append(
            tuple(
                AttributedImage(
                    name=test.image_name(int(i), "test"),
                    label=int(labels[i]),
                    predicted=int(predicted[i]),
                    probability=float(predictions.probabilities[i, predicted[i]]),
                    picture=test.images[i],
                    map=pixels,
                )
                for i, pixels in zip(places, maps, strict=True)
            )
        )
    cost = sum(layer.multiply_adds for layer in network.layers())
    tested = min(max(MULTIPLY_ADDS // max(1, cost), FEWEST_TESTED), MOST_TESTED)
    places = stratified_order(labels, seed=0)[:tested]
    images = test.images[places]
    maps = attribute(network, images, baselines=baseline_images(images, kind))
    deletion = deletion_test(network.predict_proba, images, maps, labels=labels[places], baseline=kind)
    return Attribution(parts[0], parts[1], deletion)


def _displays(
    result: Attribution, class_names: tuple[str, ...]
) -> list[tuple[str, tuple[AttributedImage, ...], AttributionDisplay]]:
    """Rows of images with their maps, on one scale; a heading for each row."""
    rows = [(CORRECT, result.right), (WRONG, result.wrong)]
    limit = weight_limit([image.map for _, row in rows for image in row])
    return [
        (
            heading,
            row,
            AttributionDisplay.from_maps(
                np.stack([image.picture for image in row]),
                np.stack([image.map for image in row]),
                [
                    (f"{class_names[image.predicted]} {image.probability:.0%}", f"true {class_names[image.label]}")
                    for image in row
                ],
                limit,
            ),
        )
        for heading, row in rows
        if row
    ]


def _draw(content: Attributions, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    parts, tests = [], []
    for network, result in content.items():
        rows = [
            (
                heading,
                [(image, png_uri(image.picture), png_uri(pixels)) for image, pixels in zip(row, maps, strict=True)],
            )
            for heading, row, maps in (
                (heading, row, display.map_pixels) for heading, row, display in _displays(result, evidence.class_names)
            )
        ]
        parts.append((attribution_title(network, result.test), rows, result.test))
        display = DeletionDisplay.from_test(result.test, evidence.colour(network))
        noun = network_noun(network)
        label = f"Probability of the class the {noun} predicts, as pixels are removed by its maps and at random"
        tests.append(drawing.svg(f"deletion-{network}", display.plot(title=network), label))
    return {"parts": parts, "tests": tests}


def _pictures(content: Attributions, evidence: Evidence) -> dict[str, Figure]:
    figures = {}
    for network, result in content.items():
        for heading, _, display in _displays(result, evidence.class_names):
            title = f"{network}: evidence for the predicted class. {heading}"
            name = f"attribution-{network}-{'correct' if heading == CORRECT else 'mistakes'}"
            figures[name] = display.plot(title=title, columns=10)
    return figures


SECTION = Section(
    id="attribution",
    order=100,
    title="Attribution",
    template="attribution.html.j2",
    gather=_gather,
    draw=_draw,
    pictures=_pictures,
)
