"""A network drawn: its stages from left to right, as tall as their pictures, with what happens between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from inkling.networks.base import Layer
from inkling.views.style import INK, MUTED, RULE, TEXT, figure_of, network_colour, new_axes

_STEP = 92.0
"""Points from stage to stage."""

_TALLEST = 96.0
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


def stages_of(layers: Sequence[Layer]) -> tuple[Stage, ...]:
    """Return the stages of a network, the image first."""
    stages = [Stage((), layers[0].output_shape, 0)]
    operations: list[str] = []
    leading: list[str] = []
    shape: tuple[int, ...] = ()
    joined: int | None = None
    last = 0
    for place, layer in enumerate(layers[1:], 1):
        if layer.kind in _OPENS:
            if operations:
                stages.append(Stage(tuple(operations), shape, last, joined))
            operations, leading, joined = [*leading, _words(layer)], [], None
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
    stages.append(Stage((*operations, *leading), shape, last, joined))
    return tuple(stages)


def _words(layer: Layer) -> str:
    if layer.kind == "convolution":
        size, rest = layer.detail.removeprefix("convolution ").split(", ", 1)
        stride = f", {rest.split(', ')[1]}" if ", " in rest else ""
        return f"conv {size.replace('x', '×')}{stride}"
    if layer.kind == "dense":
        return f"dense {layer.output_shape[0]}"
    return _SHORT.get(layer.kind, layer.detail.replace("2x2", "2×2"))


@dataclass(frozen=True)
class ArchitectureDisplay:
    """A network as a row of stages, joined by arrows that say what is computed.

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
        return _STEP * len(self.stages)

    @property
    def label(self) -> str:
        """The drawing in words, for those who cannot see it."""
        parts = [f"image {_shape_words(self.stages[0].output_shape)}"]
        parts += [f"{', '.join(s.operations)}: {_shape_words(s.output_shape)}" for s in self.stages[1:]]
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        most = max(len(stage.operations) for stage in self.stages)
        width, below = self.width, 12 * most + 14
        height = _TALLEST + 62 + below
        ax = new_axes(width, height + (18 if title else 0)) if ax is None else ax
        ax.set_axis_off()
        ax.set_xlim(0, width)
        ax.set_ylim(-below, height - below)
        if title:
            ax.set_title(title, loc="left", color=INK, fontsize=TEXT + 1.5, fontweight="bold", parse_math=False)
        middle = 22 + _TALLEST / 2
        sides = [max(stage.output_shape[:2]) for stage in self.stages if len(stage.output_shape) == 3]
        edges = [
            self._stage(ax, place, stage, middle, max(sides, default=1)) for place, stage in enumerate(self.stages)
        ]
        for place, stage in enumerate(self.stages[1:], 1):
            ax.add_patch(_arrow((edges[place - 1][1] + 3, middle), (edges[place][0] - 3, middle), 0.0))
            if stage.joined_by is not None:
                start, end = edges[stage.joined_by], edges[place]
                # From behind one stage to the front of another, over those between.
                ax.add_patch(_arrow((start[1], start[2]), (end[0] + 2, end[2]), -0.42))
        return figure_of(ax)

    def _stage(self, ax: Axes, place: int, stage: Stage, middle: float, largest: int) -> tuple[float, float, float]:
        """Draw one stage and its words; return its left, right and upper edge."""
        centre = _STEP * (place + 0.5)
        if len(stage.output_shape) == 3:
            tall, wide = (max(10.0, _TALLEST * side / largest * 0.8) for side in stage.output_shape[:2])
            wide = min(wide, _TALLEST * 0.8) * 0.5
            sheets = 1 + round(math.log2(stage.output_shape[2]) / 1.5)
        else:
            tall, wide, sheets = max(14.0, 13.0 * math.log2(1 + stage.output_shape[0]) * 0.75), 7.0, 1
            tall = min(tall, _TALLEST)
        offset = 2.6
        spread = offset * (sheets - 1)
        left, low = centre - (wide + spread) / 2, middle - (tall + spread) / 2
        for sheet in reversed(range(sheets)):
            ax.add_patch(
                Rectangle(
                    (left + offset * sheet, low + offset * sheet), wide, tall,
                    facecolor=RULE if place == 0 else self.colour, edgecolor=INK, linewidth=0.5,
                )
            )  # fmt: skip
        text: dict[str, Any] = {"ha": "center", "fontsize": TEXT - 1, "parse_math": False}
        shape = "×".join(f"{length:,}" for length in stage.output_shape)
        ax.text(centre, low - 6, shape, va="top", color=INK, fontweight="bold", **text)
        for line, words in enumerate(stage.operations if place else ("image", "pixels / 255")):
            ax.text(centre, -8 - 12 * line, words, va="top", color=MUTED, **text)
        return left, left + wide + spread, low + tall + spread


def _arrow(start: tuple[float, float], end: tuple[float, float], bend: float) -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=7, color=MUTED, linewidth=0.9, shrinkA=0, shrinkB=0,
        connectionstyle=f"arc3,rad={bend}",
    )  # fmt: skip


def _shape_words(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return f"{shape[0]:,} numbers"
    return f"{shape[0]} by {shape[1]}, {shape[2]} channel{'s' * (shape[2] > 1)}"
