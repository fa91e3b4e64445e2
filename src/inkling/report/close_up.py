"""One trained network examined: how sure it is, its mistakes beside what they look like, and what it looked at."""

from __future__ import annotations

import numpy as np

from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.calibration import diagnose_calibration
from inkling.diagnosis.deletion import deletion_test
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.diagnosis.neighbours import labelled_neighbours
from inkling.diagnosis.risk_coverage import risk_coverage
from inkling.images.dataset import ImageDataset, Splits
from inkling.networks.protocols import Network
from inkling.report.content import AttributedImage, Attribution, CellContent, CloseUp, FeatureMaps, PicturedMistake
from inkling.runs.run import Predictions, Run

MOST_MISTAKES, FEWEST_MISTAKES = 48, 24
"""Mistakes shown as pictures, at most: the more, the smaller the images are, so that a report can be sent by mail."""

_MISTAKE_PIXELS = 300_000

NEIGHBOURS = 4
"""Training images shown beside each mistake."""

ATTRIBUTED = 10
"""Images whose attribution maps are shown, at most: so many that are right, and so many that are wrong."""

TESTED = 200
"""Test images, the first ones, on which attribution maps are put to the test."""


def close_up(cell: CellContent, run: Run, splits: Splits | None) -> CloseUp:
    """Examine the first run of a cell.

    Parameters
    ----------
    cell : CellContent
    run : Run
    splits : Splits, optional
        What the run was trained and judged on; None where it could not be loaded.
    """
    predictions, network = run.predictions("test"), run.network("cpu")
    return CloseUp(
        cell=cell,
        calibration=diagnose_calibration(predictions.labels, predictions.probabilities, run.temperature()),
        refusals=risk_coverage(predictions.labels, predictions.probabilities),
        mistakes=_mistakes(predictions, splits, run.data.image_shape),
        feature_maps=None if splits is None else _feature_maps(network, predictions, splits.test),
        attribution=None if splits is None else _attribution(network, predictions, splits.test),
        attribution_missing=None,
    )


def _mistakes(
    predictions: Predictions, splits: Splits | None, image_shape: tuple[int, int, int]
) -> tuple[PicturedMistake, ...]:
    count = max(FEWEST_MISTAKES, min(MOST_MISTAKES, _MISTAKE_PIXELS // int(np.prod(image_shape))))
    found = worst_mistakes(predictions.labels, predictions.probabilities, count)
    if splits is None or not found:
        return tuple(PicturedMistake(mistake, None, ()) for mistake in found)
    pictures = splits.test.images[[mistake.index for mistake in found]]
    neighbours = labelled_neighbours(pictures, splits.train, NEIGHBOURS)
    return tuple(PicturedMistake(*parts) for parts in zip(found, pictures, neighbours, strict=True))


def _feature_maps(network: Network, predictions: Predictions, test: ImageDataset) -> FeatureMaps | None:
    """What the network makes of the first test image that it names right."""
    right = np.flatnonzero(predictions.probabilities.argmax(axis=1) == predictions.labels)
    if not len(right):
        return None
    index = int(right[0])
    picture = test.images[index]
    maps = tuple(network.feature_maps(picture))
    return FeatureMaps(index, int(test.labels[index]), picture, maps) if maps else None


def _attribution(network: Network, predictions: Predictions, test: ImageDataset) -> Attribution:
    """Maps of the first image of each class that is named right, and of the worst mistakes, for the class named."""
    labels, named = predictions.labels, predictions.probabilities.argmax(axis=1)
    right = np.flatnonzero(named == labels)
    _, first = np.unique(labels[right], return_index=True)
    wrong = [mistake.index for mistake in worst_mistakes(labels, predictions.probabilities, ATTRIBUTED)]
    parts = []
    for places in (right[first][:ATTRIBUTED], np.array(wrong, np.int64)):
        maps = attribute(network, test.images[places], named[places])
        parts.append(
            tuple(
                AttributedImage(
                    index=int(i),
                    label=int(labels[i]),
                    predicted=int(named[i]),
                    probability=float(predictions.probabilities[i, named[i]]),
                    picture=test.images[i],
                    map=of_image,
                )
                for i, of_image in zip(places, maps, strict=True)
            )
        )
    images = test.images[:TESTED]
    test_of_maps = deletion_test(network.predict_proba, images, attribute(network, images), labels=labels[:TESTED])
    return Attribution(parts[0], parts[1], test_of_maps)
