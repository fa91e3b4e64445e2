"""The figures of a report: each drawn once, on scales shared with its like, for the page and as files."""

from __future__ import annotations

import re

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from inkling.figures.architecture import ArchitectureDisplay
from inkling.figures.attribution import AttributionDisplay, DeletionDisplay
from inkling.figures.calibration import CoverageDisplay, ReliabilityDisplay
from inkling.figures.counts import ConfusionMatrixDisplay, MissesDisplay
from inkling.figures.curves import LearningCurvesDisplay, Measure, shared_limits
from inkling.figures.data_size import LearningCurveBySizeDisplay
from inkling.figures.feature_maps import FeatureMapsDisplay
from inkling.figures.pictures import MistakesDisplay, WeightsDisplay, png_uri, weight_limit, weight_png_uri
from inkling.figures.style import network_colour
from inkling.figures.svg import to_svg
from inkling.metrics import formatting
from inkling.report.content import AttributedImage, CellContent, CloseUp, ReportContent
from inkling.report.interaction import curve_panel, unit_numbers

UNITS = 64
"""Hidden units or filters shown as pictures, at most."""


ALIKE = 3
"""Training sizes of a network share a horizontal scale where none has more than so many times the epochs of another."""


class ReportFigures:
    """Draws the figures of one report.

    Parameters
    ----------
    content : ReportContent

    Attributes
    ----------
    drawn : dict of str to Figure
        What was drawn for the page so far, by a name that can be a file's.
    """

    def __init__(self, content: ReportContent) -> None:
        self.content = content
        self.colours = {name: network_colour(i) for i, name in enumerate(content.networks)}
        self.drawn: dict[str, Figure] = {}

    def curves(self, network: str, measure: Measure) -> list[Markup]:
        """One panel a training size; all panels of the report share their vertical scale."""
        displays = {id(cell): self._curves_of(cell, measure) for cell in self.content.cells}
        limits = shared_limits(list(displays.values()))
        # Networks may differ a hundredfold in epochs, and so may training sizes: a line must not shrink to a dot.
        lengths = [displays[id(cell)].epochs for cell in self.content.cells_of(network)]
        shared = max(lengths) if max(lengths) <= ALIKE * min(lengths) else 0
        panels = []
        for cell in self.content.cells_of(network):
            title = formatting.training_images(cell.train_size)
            figure = displays[id(cell)].plot(title=title, limits=limits, epochs=shared)
            label = f"{measure} of the {network} by epoch, {title}, training solid and validation dashed"
            svg = self._svg(f"{measure}-{network}-{cell.train_size}", figure, label)
            seed = cell.first.seed if len(cell.runs) > 1 else None
            sizes = (cell.train_size, self.content.n_validation)
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

    def data_size(self) -> Markup | None:
        """Error against training images, of the networks with three sizes or more."""
        curves = self.content.learning_curves
        if not curves:
            return None
        display = LearningCurveBySizeDisplay.from_curves(curves, [self.colours[name] for name in curves])
        label = f"Test error against training images, measured and fitted: {', '.join(curves)}"
        return self._svg("data-size", display.plot(), label)

    def reliability(self) -> list[Markup]:
        """Accuracy against confidence, a panel a network."""
        panels = []
        for of in self.content.close_ups:
            display = ReliabilityDisplay.from_diagnosis(of.calibration, self.colours[of.cell.network])
            label = f"Reliability diagram of the {of.cell.network} on {self.content.n_test:,} test images"
            panels.append(self._svg(f"reliability-{of.cell.network}", display.plot(title=of.cell.network), label))
        return panels

    def coverage(self) -> list[Markup]:
        """Error against images refused, a panel a network, on one scale."""
        displays = [
            CoverageDisplay.from_risk_coverage(of.refusals, self.colours[of.cell.network])
            for of in self.content.close_ups
        ]
        limits = (min(d.limits[0] for d in displays), max(d.limits[1] for d in displays))
        reach = max(display.reach for display in displays)
        panels = []
        for of, display in zip(self.content.close_ups, displays, strict=True):
            figure = display.plot(title=of.cell.network, limits=limits, reach=reach)
            label = f"Test error of the {of.cell.network} when the least confident images are refused"
            panels.append(self._svg(f"refusing-{of.cell.network}", figure, label))
        return panels

    def confusion(self, cell: CellContent) -> Markup:
        """The confusion matrix of a cell's first run."""
        display = ConfusionMatrixDisplay.from_evaluation(cell.first.evaluation)
        label = f"Confusion matrix of the {cell.network} on {cell.first.evaluation.n:,} test images"
        return self._svg(f"confusion-{cell.network}", display.plot(), label)

    def misses(self) -> list[Markup]:
        """Misses per class: a panel a cell, all on one scale."""
        displays = [MissesDisplay.from_misses(cell.misses, self.colours[cell.network]) for cell in self.content.cells]
        limit = max(display.limit for display in displays)
        panels = []
        for cell, display in zip(self.content.cells, displays, strict=True):
            title = f"{cell.network}, {formatting.training_images(cell.train_size)}"
            figure = display.plot(title=title, limit=limit)
            panels.append(self._svg(f"misses-{cell.network}-{cell.train_size}", figure, f"Misses per class: {title}"))
        return panels

    def deletion(self, close_up: CloseUp) -> Markup | None:
        """The test of a network's attribution maps."""
        if close_up.attribution is None:
            return None
        network = close_up.cell.network
        display = DeletionDisplay.from_test(close_up.attribution.test, self.colours[network])
        label = f"Probability of the class the {network} names, as pixels are taken away by its maps and at random"
        return self._svg(f"deletion-{network}", display.plot(title=network), label)

    def attributed(self, close_up: CloseUp) -> list[tuple[str, list[tuple[AttributedImage, str, str]]]]:
        """Rows of images with their maps as data URIs, on one scale; a heading for each row."""
        return [
            (heading, [(of, png_uri(of.picture), png_uri(pixels)) for of, pixels in zip(row, maps, strict=True)])
            for heading, row, maps in (
                (heading, row, display.map_pixels) for heading, row, display in self._attributions(close_up)
            )
        ]

    def _attributions(self, close_up: CloseUp) -> list[tuple[str, tuple[AttributedImage, ...], AttributionDisplay]]:
        found = close_up.attribution
        if found is None:
            return []
        rows = [("Named right", found.right), ("Mistakes, worst first", found.wrong)]
        limit = weight_limit([of.map for _, row in rows for of in row])
        names = self.content.class_names
        return [
            (
                heading,
                row,
                AttributionDisplay.from_maps(
                    np.stack([of.picture for of in row]),
                    np.stack([of.map for of in row]),
                    [(f"{names[of.predicted]} {of.probability:.0%}", f"true {names[of.label]}") for of in row],
                    limit,
                ),
            )
            for heading, row in rows
            if row
        ]

    def architecture(self, cell: CellContent) -> tuple[Markup, float]:
        """The network drawn, and how many points wide it is."""
        display = ArchitectureDisplay.from_layers(cell.layers, self.colours[cell.network])
        label = f"Architecture of the {cell.network}: {display.label}"
        return self._svg(f"architecture-{cell.network}", display.plot(), label), display.width

    def feature_maps(self) -> list[tuple[CloseUp, FeatureMapsDisplay]]:
        """The feature maps of each network that has any."""
        return [
            (of, FeatureMapsDisplay.from_maps(of.feature_maps.picture, of.feature_maps.maps))
            for of in self.content.close_ups
            if of.feature_maps
        ]

    def weights(self) -> list[tuple[str, float, list[tuple[CellContent, int, list[str], str]]]]:
        """For each network with first-layer weights: its colour limit, and the pictures and numbers of each size."""
        found = []
        for network, limit, panels in self._weights():
            sizes = []
            for cell, display in panels:
                pictures = [weight_png_uri(unit, limit) for unit in display.weights[:UNITS]]
                numbers = unit_numbers(cell.hidden, UNITS) if cell.hidden else ""
                sizes.append((cell, len(display.weights), pictures, numbers))
            found.append((network, limit, sizes))
        return found

    def _weights(self) -> list[tuple[str, float, list[tuple[CellContent, WeightsDisplay]]]]:
        found = []
        for network in self.content.networks:
            layers = [(cell, cell.first_layer) for cell in self.content.cells_of(network)]
            drawn = [(cell, layer) for cell, layer in layers if layer is not None]
            if drawn:
                limit = weight_limit([layer for _, layer in drawn])
                panels = [(cell, WeightsDisplay.from_first_layer(layer, limit)) for cell, layer in drawn]
                found.append((network, limit, panels))
        return found

    def pictures(self) -> dict[str, Figure]:
        """Return, as figures, what the page shows as pictures of pixels: names as in `drawn`."""
        figures = {}
        for network, _, panels in self._weights():
            for cell, display in panels:
                title = f"First-layer weights of the {network}, {formatting.training_images(cell.train_size)}"
                figures[f"weights-{network}-{cell.train_size}"] = display.plot(title=title)
        for of in self.content.close_ups:
            network = of.cell.network
            shown = [(found.mistake, found.picture) for found in of.mistakes if found.picture is not None]
            if shown:
                mistakes = MistakesDisplay.from_pictures(shown, self.content.class_names)
                figures[f"mistakes-{network}"] = mistakes.plot(title=f"Worst mistakes of the {network}")
            for heading, _, maps in self._attributions(of):
                title = f"{network}: what spoke for the class named. {heading}"
                figures[f"attribution-{network}-{'mistakes' if 'Mistakes' in heading else 'right'}"] = maps.plot(
                    title=title, columns=10
                )
        for of, stages in self.feature_maps():
            figures[f"feature-maps-{of.cell.network}"] = stages.plot(title=f"Feature maps of the {of.cell.network}")
        return {_file_name(name): figure for name, figure in figures.items()}

    def _svg(self, name: str, figure: Figure, label: str) -> Markup:
        self.drawn[_file_name(name)] = figure
        return to_svg(figure, f"f{len(self.drawn)}", label)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
