"""First-layer weights as pictures, and what the hidden units contribute to the decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.diagnosis.hidden_units import HiddenUnits, contributions_of_units
from inkling.figures.pictures import WeightsDisplay, weight_limit, weight_png_uri
from inkling.figures.style import WEIGHT_MAP
from inkling.metrics.formatting import training_images
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Section

UNITS = 64
"""Hidden units or filters shown as pictures, at most."""

_BARS = 20
"""Outgoing weights shown of one hidden unit, at most."""


@dataclass(frozen=True, eq=False)
class HiddenUnitWeights:
    """The weights from the hidden units to the classes, and what the units contribute on the test images."""

    outgoing: NDArray[np.floating[Any]]  # (H, K) weights to the logits
    units: HiddenUnits | None  # None where the test images could not be loaded


@dataclass(frozen=True, eq=False)
class CellWeights:
    """The first layer of one trained network."""

    cell: Cell
    first_layer: NDArray[np.floating[Any]]  # (units, h, w, C)
    hidden: HiddenUnitWeights | None  # of networks with one hidden layer

    @property
    def has_filters(self) -> bool:
        """Whether the first layer with weights is a convolution."""
        return next((layer.kind for layer in self.cell.layers if layer.parameters), "") == "convolution"


Weights = Mapping[str, tuple[CellWeights, ...]]
"""By network, small training sizes first; only networks whose first layer can be pictured."""


def _gather(evidence: Evidence) -> Weights | None:
    weights: dict[str, tuple[CellWeights, ...]] = {}
    for cell in evidence.cells:
        first_layer = cell.first_network.first_layer()
        if first_layer is not None:
            layer = CellWeights(cell, first_layer, _hidden_units(cell, evidence))
            weights[cell.network] = (*weights.get(cell.network, ()), layer)
    return weights or None


def _hidden_units(cell: Cell, evidence: Evidence) -> HiddenUnitWeights | None:
    empty = np.zeros((0, *evidence.image_shape), np.uint8)
    hidden = cell.first_network.hidden_layer(empty if evidence.splits is None else evidence.splits.test.images)
    if hidden is None:
        return None
    seen = evidence.splits is not None
    units = contributions_of_units(hidden.activations, hidden.weights, hidden.bias) if seen else None
    return HiddenUnitWeights(hidden.weights, units)


def unit_numbers(hidden: HiddenUnitWeights, count: int) -> str:
    """Return what the first hidden units do, as JSON: one per unit, [for, against, contribution or null, weights].

    `for` and `against` are classes; weights are [class, weight] for every class, or for the highest and the lowest.
    """
    numbers = []
    for unit, weights in enumerate(hidden.outgoing[:count]):
        order = np.argsort(-weights, kind="stable")
        shown = order if len(order) <= _BARS else np.concatenate([order[: _BARS // 2], order[-_BARS // 2 :]])
        mean = None if hidden.units is None else round(float(hidden.units.mean_absolute[unit]), 2)
        pairs = [(int(k), round(float(weights[k]), 2)) for k in (np.sort(shown) if shown is order else shown)]
        numbers.append((int(weights.argmax()), int(weights.argmin()), mean, pairs))
    return json.dumps(numbers, separators=(",", ":"))


def _draw(content: Weights, _evidence: Evidence, _drawing: Drawing) -> dict[str, Any]:
    networks = []
    for network, sizes in content.items():
        limit = weight_limit([layer.first_layer for layer in sizes])
        panels = []
        for layer in sizes:
            pictures = [weight_png_uri(unit, limit) for unit in layer.first_layer[:UNITS]]
            panels.append((layer, pictures, unit_numbers(layer.hidden, UNITS) if layer.hidden else ""))
        networks.append((network, limit, panels))
    return {"networks": networks, "gradient": _gradient()}


def _gradient() -> str:
    stops = (to_hex(WEIGHT_MAP(x)) for x in np.linspace(0, 1, 9))
    return f"linear-gradient(to right, {', '.join(stops)})"


def _pictures(content: Weights, _evidence: Evidence) -> dict[str, Figure]:
    figures = {}
    for network, sizes in content.items():
        limit = weight_limit([layer.first_layer for layer in sizes])
        for layer in sizes:
            size = layer.cell.train_size
            title = f"First-layer weights of the {network_noun(network)}, {training_images(size)}"
            display = WeightsDisplay.from_first_layer(layer.first_layer, limit)
            figures[f"weights-{network}-{size}"] = display.plot(title=title)
    return figures


SECTION = Section(
    id="weights",
    order=110,
    title="First-layer weights",
    template="weights.html.j2",
    gather=_gather,
    draw=_draw,
    pictures=_pictures,
)
