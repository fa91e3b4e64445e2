"""The report: one HTML page that needs nothing else, from `ReportContent`."""

from __future__ import annotations

import json

import numpy as np
from markupsafe import Markup
from matplotlib.colors import to_hex

from inkling.views import wording
from inkling.views.architecture import ArchitectureDisplay
from inkling.views.comparison import comparison_rows
from inkling.views.counts import ConfusionMatrixDisplay, MissesDisplay
from inkling.views.curves import LearningCurvesDisplay, Measure, shared_limits
from inkling.views.feature_maps import FeatureMapsDisplay
from inkling.views.interaction import curve_panel, script, unit_numbers
from inkling.views.pictures import png_uri, weight_limit, weight_png_uri
from inkling.views.report_content import CellContent, ReportContent
from inkling.views.style import WEIGHT_MAP, network_colour, variables
from inkling.views.svg import to_svg
from inkling.views.templating import environment

UNITS = 64
"""Hidden units or filters shown as pictures, at most."""


def render_report(content: ReportContent) -> str:
    """Return the report as a self-contained HTML page: no request leaves it, and it is whole without its script."""
    figures = _Figures(content)
    return environment().get_template("report.html.j2").render(
        content=content,
        words=wording,
        light=variables(dark=False),
        dark=variables(dark=True),
        error_curves={name: figures.curves(name, "error") for name in content.networks},
        loss_curves={name: figures.curves(name, "loss") for name in content.networks},
        compared=content.compared and comparison_rows(content.compared, content.n_validation, content.n_test),
        best_cells=figures.best_cells,
        confusions=[figures.confusion(cell) for cell in figures.best_cells],
        misses=figures.misses(),
        galleries=[(cell, figures.gallery(cell)) for cell in figures.best_cells if cell.mistakes],
        architectures=[(cell, *figures.architecture(cell)) for cell in figures.best_cells],
        weights=figures.weights(),
        feature_maps=figures.feature_maps(),
        gradient=_gradient(),
        script=script(),
        class_names=json.dumps(content.class_names, ensure_ascii=False, separators=(",", ":")),
    )  # fmt: skip


class _Figures:
    """Draws the figures of one report, on shared scales and each with an id of its own."""

    def __init__(self, content: ReportContent) -> None:
        self.content = content
        self.colours = {name: network_colour(i) for i, name in enumerate(content.networks)}
        self.best_cells = [
            max(content.cells_of(name), key=lambda cell: cell.validation_accuracy.mean) for name in content.networks
        ]
        self.drawn = 0

    def curves(self, network: str, measure: Measure) -> list[Markup]:
        """One panel a training size; all panels of the report share their vertical scale."""
        displays = {id(cell): self._curves_of(cell, measure) for cell in self.content.cells}
        limits = shared_limits(list(displays.values()))
        # Networks may differ a hundredfold in epochs: each has a horizontal scale of its own.
        epochs = max(displays[id(cell)].epochs for cell in self.content.cells_of(network))
        panels = []
        for cell in self.content.cells_of(network):
            title = wording.images(cell.train_size)
            figure = displays[id(cell)].plot(title=title, limits=limits, epochs=epochs)
            label = f"{measure} of the {network} by epoch, {title}, training solid and validation dashed"
            svg, sizes = to_svg(figure, self._key(), label), (cell.train_size, self.content.n_validation)
            seed = cell.first.seed if len(cell.runs) > 1 else None
            panels.append(curve_panel(svg, figure, displays[id(cell)], sizes, seed))
        return panels

    def _curves_of(self, cell: CellContent, measure: Measure) -> LearningCurvesDisplay:
        histories, overfitting = [run.history for run in cell.runs], cell.first.overfitting
        colour = self.colours[cell.network]
        if measure == "loss":
            return LearningCurvesDisplay.from_histories(
                histories, "loss", overfitting.lowest_loss_epoch, "lowest", colour
            )
        return LearningCurvesDisplay.from_histories(histories, "error", overfitting.kept_epoch, "best", colour)

    def confusion(self, cell: CellContent) -> Markup:
        """The confusion matrix of a cell's first run."""
        display = ConfusionMatrixDisplay.from_evaluation(cell.first.evaluation)
        label = f"Confusion matrix of the {cell.network} on {cell.first.evaluation.n:,} test images"
        return to_svg(display.plot(), self._key(), label)

    def misses(self) -> list[Markup]:
        """Misses per class: a panel a cell, all on one scale."""
        displays = [MissesDisplay.from_misses(cell.misses, self.colours[cell.network]) for cell in self.content.cells]
        limit = max(display.limit for display in displays)
        panels = []
        for cell, display in zip(self.content.cells, displays, strict=True):
            title = f"{cell.network}, {wording.images(cell.train_size)}"
            panels.append(to_svg(display.plot(title=title, limit=limit), self._key(), f"Misses per class: {title}"))
        return panels

    def gallery(self, cell: CellContent) -> list[str]:
        """Data URIs of a cell's mistakes; empty where the images could not be loaded."""
        return [png_uri(found.picture) for found in cell.mistakes if found.picture is not None]

    def architecture(self, cell: CellContent) -> tuple[Markup, float]:
        """The network drawn, and how many points wide it is."""
        display = ArchitectureDisplay.from_layers(cell.layers, self.colours[cell.network])
        label = f"Architecture of the {cell.network}: {display.label}"
        return to_svg(display.plot(), self._key(), label), display.width

    def feature_maps(self) -> list[tuple[CellContent, FeatureMapsDisplay]]:
        """The feature maps of each network that has any."""
        return [
            (cell, FeatureMapsDisplay.from_maps(cell.feature_maps.picture, cell.feature_maps.maps))
            for cell in self.best_cells
            if cell.feature_maps
        ]

    def weights(self) -> list[tuple[str, float, list[tuple[CellContent, int, list[str], str]]]]:
        """For each network with first-layer weights: its colour limit, and the pictures and numbers of each size."""
        found = []
        for network in self.content.networks:
            cells = [cell for cell in self.content.cells_of(network) if cell.first_layer is not None]
            layers = [cell.first_layer for cell in cells if cell.first_layer is not None]
            if layers:
                limit = weight_limit(layers)
                pictures = [[weight_png_uri(unit, limit) for unit in layer[:UNITS]] for layer in layers]
                numbers = [unit_numbers(cell.hidden, UNITS) if cell.hidden else "" for cell in cells]
                panels = list(zip(cells, map(len, layers), pictures, numbers, strict=True))
                found.append((network, limit, panels))
        return found

    def _key(self) -> str:
        self.drawn += 1
        return f"f{self.drawn}"


def _gradient() -> str:
    stops = (to_hex(WEIGHT_MAP(x)) for x in np.linspace(0, 1, 9))
    return f"linear-gradient(to right, {', '.join(stops)})"
