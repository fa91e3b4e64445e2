"""A network drawn: its stages from left to right, as tall as their pictures, with what happens between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon
from matplotlib.path import Path

from inkling.figures.display import Display
from inkling.figures.style import INK, MUTED, RULE, TEXT, figure_of, network_colour, new_axes
from inkling.networks.protocols import Layer

_STEP = 94.0
"""Points from stage to stage."""

_MARGIN = 78.0
"""Points for the names of the rows of text."""

_LINE = 14.0
"""Points from one line of text to the next."""

_TALLEST = 92.0
"""Points that the largest picture is high; others are in proportion."""

_LEAST = 7.0
"""Points that anything drawn is high, to be seen at all."""

_DEPTH = (0.34, 0.26)
"""How far, right and up, a picture's width recedes for each point that it measures."""

_OPENS = ("convolution", "dense")
"""Kinds of layer that begin a stage; the others belong to the stage before them."""

_LEADS = ("flatten", "mean-pool", "dropout")
"""Kinds that prepare the dense layer after them, and are written there."""

_SHORT = {"batch normalisation": "normalise", "relu": "ReLU", "mean-pool": "mean over places", "residual sum": "add"}


@dataclass(frozen=True)
class Stage:
    """A layer with weights and what follows it without any; the first stage is the image itself."""

    operations: tuple[str, ...]  # what makes it of the stage before
    output_shape: tuple[int, ...]  # (H, W, C) or (N,)
    last: int  # place of its last layer in the list of layers
    joined_by: int | None = None  # place of the stage whose output is added
    parameters: int = 0


def stages_of(layers: Sequence[Layer]) -> tuple[Stage, ...]:
    """Return the stages of a network, the image first."""
    stages = [Stage((), layers[0].output_shape, 0)]
    operations: list[str] = []
    leading: list[str] = []
    shape: tuple[int, ...] = ()
    joined: int | None = None
    last = parameters = 0
    for place, layer in enumerate(layers[1:], 1):
        if layer.kind in _OPENS:
            if operations:
                stages.append(Stage(tuple(operations), shape, last, joined, parameters))
            operations, leading, joined, parameters = [*leading, _words(layer)], [], None, 0
            shape = layer.output_shape
        elif layer.kind in _LEADS:
            leading.append(_words(layer))
        else:
            operations.append(_words(layer))
            shape = layer.output_shape
            if layer.around:
                before = place - layer.around - 1
                joined = next((i for i, stage in enumerate(stages) if stage.last >= before), None)
        last = place
        parameters += layer.parameters
    stages.append(Stage((*operations, *leading), shape, last, joined, parameters))
    return tuple(stages)


def _words(layer: Layer) -> str:
    if layer.kind == "convolution":
        size, rest = layer.detail.removeprefix("convolution ").split(", ", 1)
        stride = f", {rest.split(', ')[1]}" if ", " in rest else ""
        return f"conv {size.replace('x', '×')}{stride}"
    if layer.kind == "dense":
        return f"dense {layer.output_shape[0]:,}"
    return _SHORT.get(layer.kind, layer.detail.replace("2x2", "2×2"))


@dataclass(frozen=True)
class _Box:
    """Where a stage is drawn, in points: a front of `left`..`right` and `low`..`high`, and how far it recedes."""

    left: float
    right: float
    low: float
    high: float
    depth: tuple[float, float]

    @property
    def middle(self) -> float:
        """Height of the middle of the front."""
        return (self.low + self.high) / 2

    @property
    def top(self) -> float:
        """Height of what is highest of it."""
        return self.high + self.depth[1]

    @property
    def faces(self) -> tuple[list[tuple[float, float]], ...]:
        """Corners of the front and, where it recedes, of the top and the right side."""
        x, y = self.depth
        left, right, low, high = self.left, self.right, self.low, self.high
        front = [(left, low), (right, low), (right, high), (left, high)]
        if not x:
            return (front,)
        top = [(left, high), (right, high), (right + x, high + y), (left + x, high + y)]
        side = [(right, low), (right + x, low + y), (right + x, high + y), (right, high)]
        return front, top, side


@dataclass(frozen=True)
class ArchitectureDisplay(Display):
    """A network as a row of stages, joined by arrows, with the shape, operations and parameters of each below it.

    A picture is a box as high and as deep as its height and width in pixels, to scale, and the broader the more
    channels it has; a vector is a bar, the higher the more numbers it holds, both on logarithmic scales.

    Attributes
    ----------
    stages : tuple of Stage
    colour : str
        Of what has weights.
    """

    stages: tuple[Stage, ...]
    colour: str

    @classmethod
    def from_layers(cls, layers: Sequence[Layer], colour: str | None = None) -> ArchitectureDisplay:
        """Make the display from `Network.layers()`."""
        return cls(stages_of(layers), colour or network_colour(0))

    @property
    def width(self) -> float:
        """Points that the drawing is wide."""
        return _MARGIN + _STEP * len(self.stages)

    @property
    def label(self) -> str:
        """The drawing in words, for those who cannot see it."""
        parts = [f"image {_shape_words(self.stages[0].output_shape)}"]
        parts += [
            f"{', '.join(s.operations)}: {_shape_words(s.output_shape)}, {s.parameters:,} parameters"
            for s in self.stages[1:]
        ]
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        boxes = self._boxes()
        lines = max(len(stage.operations) for stage in self.stages)
        below = _LINE * (lines + 2) + 20
        top = max(box.top for box in boxes) + 4
        ax = new_axes(self.width, top + below + (24 if title else 0)) if ax is None else ax
        ax.set_axis_off()
        ax.set_xlim(0, self.width)
        ax.set_ylim(-below, top)
        if title:
            ax.set_title(title, loc="left", color=INK, fontsize=TEXT + 1.5, fontweight="bold", parse_math=False)
        for place, (stage, box) in enumerate(zip(self.stages, boxes, strict=True)):
            self._draw(ax, box, RULE if place == 0 else self.colour)
            if place:
                before = boxes[place - 1]
                start = (before.right + before.depth[0] + 4, box.middle)
                ax.add_patch(_arrow([start, (box.left - 4, box.middle)]))
            if stage.joined_by is not None:
                # From behind one stage to the front of another, over those between.
                source = boxes[stage.joined_by]
                over = max(between.top for between in boxes[stage.joined_by : place + 1]) + 14
                x0, x1 = source.right + source.depth[0] + 9, box.left - 12
                ax.add_patch(_arrow([(x0, source.middle), (x0, over), (x1, over), (x1, box.middle + 1)]))
                ax.text(x1 - 4, box.middle + 4, "+", ha="right", color=INK, fontsize=TEXT, fontweight="bold")
        self._write(ax, lines)
        return figure_of(ax)

    def _boxes(self) -> list[_Box]:
        pictures = [stage.output_shape for stage in self.stages if len(stage.output_shape) == 3]
        largest = max((max(shape[:2]) for shape in pictures), default=1)
        centre_line = _TALLEST / 2
        boxes = []
        for place, stage in enumerate(self.stages):
            centre = _MARGIN + _STEP * (place + 0.5)
            if len(stage.output_shape) == 3:
                h, w, channels = stage.output_shape
                tall, deep = (max(_LEAST, _TALLEST * side / largest) for side in (h, w))
                wide = 2 + 3.2 * math.log2(channels)
                depth = (_DEPTH[0] * deep, _DEPTH[1] * deep)
            else:
                tall = min(_TALLEST, max(_LEAST, 9 * math.log2(1 + stage.output_shape[0])))
                wide, depth = 7.0, (0.0, 0.0)
            left = centre - (wide + depth[0]) / 2
            low = centre_line - tall / 2
            boxes.append(_Box(left, left + wide, low, low + tall, depth))
        return boxes

    def _draw(self, ax: Axes, box: _Box, colour: str) -> None:
        for corners, shade in zip(box.faces, (0.0, 0.14, 0.3), strict=False):
            ax.add_patch(Polygon(corners, facecolor=colour, edgecolor="none"))
            ax.add_patch(Polygon(corners, facecolor=INK, edgecolor="none", alpha=shade))
            ax.add_patch(Polygon(corners, facecolor="none", edgecolor=INK, linewidth=0.5))

    def _write(self, ax: Axes, lines: int) -> None:
        """Rows of text below the boxes: shape, operations, parameters."""
        text: dict[str, Any] = {"va": "top", "fontsize": TEXT - 1, "parse_math": False}
        shapes, operations = -14.0, -14 - _LINE
        parameters = operations - _LINE * lines - 3
        for y, name in ((shapes, "output"), (operations, "made by"), (parameters, "parameters")):
            ax.text(0, y, name, ha="left", color=MUTED, **text)
        for place, stage in enumerate(self.stages):
            x = _MARGIN + _STEP * (place + 0.5)
            shape = "×".join(f"{length:,}" for length in stage.output_shape)
            ax.text(x, shapes, shape, ha="center", color=INK, fontweight="bold", **text)
            for line, words in enumerate(stage.operations if place else ("image", "pixels / 255")):
                ax.text(x, operations - _LINE * line, words, ha="center", color=INK if place else MUTED, **text)
            if place:
                ax.text(x, parameters, f"{stage.parameters:,}", ha="center", color=INK, **text)


def _arrow(points: list[tuple[float, float]]) -> FancyArrowPatch:
    return FancyArrowPatch(
        path=Path(points), arrowstyle="-|>", mutation_scale=8, facecolor=MUTED, edgecolor=MUTED, linewidth=0.9,
    )  # fmt: skip


def _shape_words(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return f"{shape[0]:,} numbers"
    return f"{shape[0]} by {shape[1]}, {shape[2]} channel{'s' * (shape[2] > 1)}"
