"""Why a network decided as it did: maps over images, the hidden units that weighed most, the maps put to the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from inkling.diagnosis.deletion import FRACTIONS, DeletionTest
from inkling.diagnosis.hidden_units import HiddenUnits
from inkling.figures.display import Display, figure_bytes
from inkling.figures.pictures import (
    caption_pictures,
    colour_bar,
    mosaic,
    pixel_axes,
    show_canvas,
    weight_limit,
    weight_pixels,
)
from inkling.figures.style import INK, MUTED, NETWORK_COLOURS, RULE, TEXT, figure_of, new_axes, shorten, style_axes
from inkling.storage.atomic import write_atomically

_INK_UNDER_MAP = 0.3
"""How dark the image stands under its map, where it is brightest."""


@dataclass(frozen=True, eq=False)
class AttributionDisplay(Display):
    """Images above, and below each its map: red is evidence for the class, blue against it, one scale for all.

    The image lies under its map in light grey.

    Attributes
    ----------
    pictures : ndarray of uint8, shape (N, H, W, C)
    maps : ndarray of float, shape (N, H, W)
    captions : tuple of tuple of str
        For each picture its lines of text, or none.
    limit : float
        The attribution of the strongest colour, in logits.
    """

    pictures: NDArray[np.uint8]
    maps: NDArray[np.floating[Any]]
    captions: tuple[tuple[str, ...], ...]
    limit: float

    @classmethod
    def from_maps(
        cls,
        pictures: NDArray[np.uint8],
        maps: NDArray[np.floating[Any]],
        captions: Sequence[Sequence[str]] = (),
        limit: float | None = None,
    ) -> AttributionDisplay:
        """Make the display from images and `diagnosis.attribution.maps.attribute` of them; `limit` can be shared."""
        lines = tuple(tuple(shorten(line, 18) for line in caption) for caption in captions)
        return cls(pictures, maps, lines, weight_limit([maps]) if limit is None else limit)

    @property
    def map_pixels(self) -> NDArray[np.uint8]:
        """The maps over their images, uint8 (N, H, W, 3)."""
        brightness = self.pictures.mean(axis=3, keepdims=True) / 255  # (N, H, W, 1)
        colours = weight_pixels(self.maps[..., np.newaxis], self.limit)
        shaded: NDArray[np.uint8] = np.round(colours * (1 - _INK_UNDER_MAP * brightness)).astype(np.uint8)
        return shaded

    def plot(self, ax: Axes | None = None, title: str = "", columns: int = 8) -> Figure:
        """Draw, into `ax` or a new figure."""
        n, h, w, _ = self.pictures.shape
        scale = max(1, round(84 / w))
        right = max(1, 12 // scale)
        below = -(-(6 + 14 * max((len(lines) for lines in self.captions), default=0)) // scale)
        columns = min(columns, n)
        pairs = np.zeros((n, 2 * h + 1, w, 3), np.uint8)
        pairs[:, :h], pairs[:, h + 1 :], pairs[:, h] = self.pictures, self.map_pixels, 255
        canvas = mosaic(pairs, columns, (below, right))
        if ax is None:
            ax = pixel_axes(canvas, scale, left=24, top=34 if title else 8, bottom=scale * below + 44)
        figure = show_canvas(ax, canvas, title)
        caption_pictures(ax, self.captions, columns, (w + right, 2 * h + 1 + below), 2 * h + 1)
        down = scale * (below + 8 / scale) / (scale * canvas.shape[0])
        colour_bar(ax, self.limit, (0, -down, min(1.0, 90 / (scale * canvas.shape[1])), 8 / (scale * canvas.shape[0])))
        return figure


@dataclass(frozen=True, eq=False)
class HiddenUnitsDisplay(Display):
    """The hidden units that weigh most in one decision: their weights as pictures, and what each adds to the lead.

    Attributes
    ----------
    weights : ndarray of float, shape (units, h, w, C)
    captions : tuple of tuple of str
    limit : float
        The weight of the strongest colour.
    """

    weights: NDArray[np.floating[Any]]
    captions: tuple[tuple[str, ...], ...]
    limit: float

    @classmethod
    def from_units(
        cls,
        units: HiddenUnits,
        first_layer: NDArray[np.floating[Any]],
        class_names: Sequence[str],
        image: int = 0,
        count: int = 8,
    ) -> HiddenUnitsDisplay:
        """Make the display from `diagnosis.hidden_units` and `Network.first_layer()`, for one of the images."""
        shown = units.top(image, count)
        captions = tuple(
            (
                f"unit {unit}: {units.contributions[image, unit]:+.2f}",
                f"for {shorten(class_names[units.evidence_for[unit]], 12)}",
                f"against {shorten(class_names[units.evidence_against[unit]], 9)}",
            )
            for unit in shown
        )
        return cls(first_layer[shown], captions, weight_limit([first_layer]))

    def plot(self, ax: Axes | None = None, title: str = "", columns: int = 8) -> Figure:
        """Draw, into `ax` or a new figure."""
        n, h, w, _ = self.weights.shape
        scale = max(1, round(84 / w))
        right, below = max(1, 24 // scale), -(-50 // scale)
        columns = min(columns, n)
        canvas = mosaic(weight_pixels(self.weights, self.limit), columns, (below, right))
        if ax is None:
            ax = pixel_axes(canvas, scale, top=34 if title else 8, bottom=58)
        figure = show_canvas(ax, canvas, title)
        caption_pictures(ax, self.captions, columns, (w + right, h + below), h)
        return figure


@dataclass(frozen=True)
class DeletionDisplay(Display):
    """The probability of a class as pixels are removed: in the order of a map, and at random.

    Attributes
    ----------
    test : DeletionTest
    colour : str
    """

    test: DeletionTest
    colour: str = NETWORK_COLOURS[0]

    @classmethod
    def from_test(cls, test: DeletionTest, colour: str = NETWORK_COLOURS[0]) -> DeletionDisplay:
        """Make the display from `diagnosis.deletion.deletion_test`."""
        return cls(test, colour)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        ax = new_axes(360, 270) if ax is None else ax
        whose = "predicted class" if self.test.predicted else "class asked about"
        pixels = "non-black pixels removed" if self.test.baseline == "black" else "pixels blurred"
        style_axes(ax, pixels, f"probability of the {whose}", title)
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.xaxis.set_major_formatter(PercentFormatter(1, 0))
        ax.grid(axis="y", color=RULE, linewidth=0.6)
        ax.set_axisbelow(True)
        mapped, random = self.test.by_map, self.test.at_random
        for curve, colour, dash in ((mapped, self.colour, "-"), (random, MUTED, (0, (3.5, 1.8)))):
            if curve.intervals:
                low, high = ([getattr(i, side) for i in curve.intervals] for side in ("low", "high"))
                ax.fill_between(FRACTIONS, low, high, color=colour, alpha=0.18, linewidth=0)
            ax.plot(FRACTIONS, curve.probability, color=colour, linestyle=dash, linewidth=1.9, clip_on=False, zorder=3)
        self._label(ax)
        return figure_of(ax)

    def _label(self, ax: Axes) -> None:
        """Name the curves where they lie furthest apart, on their outer sides; above one that lies on the axis."""
        mapped, random = (np.array(curve.probability) for curve in (self.test.by_map, self.test.at_random))
        apart = np.abs(random - mapped)
        apart[np.maximum(random, mapped) > 0.9] -= 1  # a name there would reach into the title
        place = int(apart[1:-1].argmax()) + 1
        for name, curve, other in (("by the map", mapped, random), ("at random", random, mapped)):
            above = curve[place] > other[place] or curve[place] < 0.15
            ax.annotate(
                name, (FRACTIONS[place], curve[place]), (6, 4) if above else (-6, -4), textcoords="offset points",
                color=INK, fontsize=TEXT, ha="left" if above else "right", va="bottom" if above else "top",
            )  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """What is drawn of one decision."""

    attribution: AttributionDisplay  # of the one image
    deletion: DeletionDisplay
    units: HiddenUnitsDisplay | None  # of a perceptron


def plot_explanation(parts: Explanation, title: str, units_title: str) -> Figure:
    """Draw one decision: the image, its map, the test of the map, and a perceptron's hidden units."""
    picture, side = parts.attribution.pictures[0], 224
    height, width = side + 130 + (0 if parts.units is None else 190), 900
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)

    def axes(x: int, y: int, w: int, h: int) -> Axes:
        """Axes at pixels from the upper left corner."""
        return figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))

    figure.text(
        16 / width, 1 - 14 / height, title, fontsize=13, fontweight="bold", color=INK, va="top", parse_math=False
    )
    for x, name, pixels in ((16, "the image", picture), (264, "its map", parts.attribution.map_pixels[0])):
        ax = axes(x, 66, side, side)
        show_canvas(ax, mosaic(pixels[np.newaxis], 1, (0, 0)), "")
        ax.set_anchor("NW")
        ax.set_title(name, loc="left", fontsize=TEXT, color=MUTED)
    colour_bar(ax, parts.attribution.limit, (0, -0.07, 0.5, 0.03))
    ax.text(0, -0.19, "blue against, red for (logits)", transform=ax.transAxes, fontsize=9, color=MUTED, va="center")
    parts.deletion.plot(axes(570, 66, 300, side))
    if parts.units is not None:
        below = axes(16, side + 130 + 24, width - 32, 150)
        parts.units.plot(below)
        below.set_anchor("NW")
        below.set_title(units_title, loc="left", fontsize=TEXT, color=MUTED, parse_math=False)
    return figure


def save_explanation(parts: Explanation, path: Path, title: str, units_title: str) -> None:
    """Write the figure of one decision as PNG.

    Raises
    ------
    RunError
        If the file cannot be written; nothing is then left of it.
    """
    write_atomically(path, figure_bytes(plot_explanation(parts, title, units_title), "png"))
