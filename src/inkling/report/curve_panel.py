"""Drawn learning curves with their numbers, epoch by epoch, which the report's script reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from inkling.figures.curves import LearningCurvesDisplay, Measure, shared_limits
from inkling.metrics.formatting import percent, training_images
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence

ALIKE = 3
"""Training sizes of a network share a horizontal scale where none has more than so many times the epochs of another."""


def curve_panels(evidence: Evidence, drawing: Drawing, measure: Measure) -> Mapping[str, list[Markup]]:
    """Return, for each network, one panel per training size; all panels of the report share their vertical scale."""
    displays = {id(cell): _display(cell, evidence, measure) for cell in evidence.cells}
    limits = shared_limits(list(displays.values()))
    panels: dict[str, list[Markup]] = {}
    for network in evidence.networks:
        # Networks may differ a hundredfold in epochs, and so may training sizes: a line must not shrink to a dot.
        lengths = [displays[id(cell)].epochs for cell in evidence.cells_of(network)]
        shared = max(lengths) if max(lengths) <= ALIKE * min(lengths) else 0
        for cell in evidence.cells_of(network):
            title = training_images(cell.train_size)
            figure = displays[id(cell)].plot(title=title, limits=limits, epochs=shared)
            label = f"{measure} of the {network_noun(network)} by epoch, {title}, training solid and validation dashed"
            svg = drawing.svg(f"{measure}-{network}-{cell.train_size}", figure, label)
            seed = cell.first.seed if len(cell.runs) > 1 else None
            sizes = (cell.train_size, evidence.n_validation)
            panels.setdefault(network, []).append(curve_panel(svg, figure, displays[id(cell)], sizes, seed))
    return panels


def _display(cell: Cell, evidence: Evidence, measure: Measure) -> LearningCurvesDisplay:
    overfitting = cell.first.overfitting
    epoch, mark = (overfitting.lowest_loss_epoch, "lowest") if measure == "loss" else (overfitting.kept_epoch, "best")
    histories = [run.history for run in cell.runs]
    return LearningCurvesDisplay.from_histories(histories, measure, epoch, mark, evidence.colour(cell.network))


def curve_panel(
    svg: Markup, figure: Figure, display: LearningCurvesDisplay, sizes: tuple[int, int], seed: int | None
) -> Markup:
    """Return drawn learning curves with the numbers of their thick lines, epoch by epoch.

    Parameters
    ----------
    svg : Markup
        The figure, drawn: its layout is final only then.
    figure : Figure
    display : LearningCurvesDisplay
    sizes : tuple of int
        Training and validation images, which say how many digits an error has.
    seed : int or None
        Of the thick lines; None where there are no others.
    """
    ax = figure.axes[0]
    width, height = (72 * inches for inches in figure.get_size_inches())  # of the viewBox, whose y points down
    place = ax.get_position()
    box = (width * place.x0, width * place.x1, height * (1 - place.y1), height * (1 - place.y0))

    def words(values: Sequence[float], n: int) -> str:
        return " ".join(percent(value, n) if display.measure == "error" else f"{value:.3g}" for value in values)

    return Markup(
        '<div class="curve" data-training="{}" data-validation="{}" data-box="{}" data-last="{:g}" data-mark="{}"{}>'
        "{}</div>"
    ).format(
        words(display.training[0], sizes[0]),
        words(display.validation[0], sizes[1]),
        " ".join(f"{edge:.2f}" for edge in box),
        ax.get_xlim()[1],
        display.marked_epoch or 1,
        "" if seed is None else Markup(' data-seed="{}"').format(seed),
        svg,
    )
