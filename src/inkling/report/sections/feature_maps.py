"""Feature maps: what the layers of a network compute from one test image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.figures.feature_maps import FeatureMapsDisplay
from inkling.images.dataset import ImageDataset
from inkling.networks.catalogue import network_noun
from inkling.networks.protocols import Layer
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What a network computes from one test image on the way to its prediction."""

    cell: Cell
    index: int  # of the image in the test split
    name: str  # "test image 7", or the file it is from
    label: int  # its class, which the network predicts
    picture: NDArray[np.uint8]  # (H, W, C)
    maps: tuple[tuple[Layer, NDArray[np.floating[Any]]], ...]  # after every layer, (h, w, channels)

    @property
    def display(self) -> FeatureMapsDisplay:
        """The maps, to be drawn."""
        return FeatureMapsDisplay.from_maps(self.picture, self.maps)


def _gather(evidence: Evidence) -> Mapping[str, FeatureMaps] | None:
    if evidence.splits is None:
        return None
    test = evidence.splits.test
    maps = {cell.network: _feature_maps(cell, test) for cell in evidence.best_cells}
    return {network: shown for network, shown in maps.items() if shown} or None


def _feature_maps(cell: Cell, test: ImageDataset) -> FeatureMaps | None:
    """The maps of the first test image that the network classifies correctly."""
    predictions = cell.first.run.predictions("test")
    right = np.flatnonzero(predictions.probabilities.argmax(axis=1) == predictions.labels)
    if not len(right):
        return None
    index = int(right[0])
    picture = test.images[index]
    maps = tuple(cell.first_network.feature_maps(picture))
    name = test.image_name(index, "test")
    return FeatureMaps(cell, index, name, int(test.labels[index]), picture, maps) if maps else None


def _draw(content: Mapping[str, FeatureMaps], _evidence: Evidence, _drawing: Drawing) -> dict[str, Any]:
    return {"displays": {network: shown.display for network, shown in content.items()}}


def _pictures(content: Mapping[str, FeatureMaps], _evidence: Evidence) -> dict[str, Figure]:
    return {
        f"feature-maps-{network}": shown.display.plot(title=f"Feature maps of the {network_noun(network)}")
        for network, shown in content.items()
    }


SECTION = Section(
    id="feature-maps",
    order=120,
    title="Feature maps",
    template="feature_maps.html.j2",
    gather=_gather,
    draw=_draw,
    pictures=_pictures,
)
