"""Learning curves: training and validation, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from inkling.figures.display import Display
from inkling.figures.style import INK, MUTED, NETWORK_COLOURS, TEXT, figure_of, logarithmic_axis, new_axes, style_axes

Measure = Literal["error", "loss"]

_NEAR = 0.075
"""Two labels stand at least this part of the axis apart."""

_WORDS = (0.05, 0.15)
"""The words of a mark stand this far from it, as parts of the axis."""


@dataclass(frozen=True)
class LearningCurvesDisplay(Display):
    """Error or loss of every epoch: solid for training, dashed for validation, on a logarithmic axis.

    Attributes
    ----------
    training, validation : tuple of tuple of float
        One sequence a seed, one value an epoch; errors are fractions, losses nats.
    measure : "error" or "loss"
    marked_epoch : int or None
        The epoch of the first seed to mark, 1 for the first.
    mark : str
        What the marked epoch is.
    colour : str
    """

    training: tuple[tuple[float, ...], ...]
    validation: tuple[tuple[float, ...], ...]
    measure: Measure
    marked_epoch: int | None = None
    mark: str = "best"
    colour: str = NETWORK_COLOURS[0]

    @classmethod
    def from_histories(
        cls,
        histories: Sequence[Sequence[Mapping[str, Any]]],
        measure: Measure = "error",
        marked_epoch: int | None = None,
        mark: str = "best",
        colour: str = NETWORK_COLOURS[0],
    ) -> LearningCurvesDisplay:
        """Make the display from `Run.history()` of one or more seeds, the one to be drawn thick first."""

        def curves(split: str) -> tuple[tuple[float, ...], ...]:
            if measure == "loss":
                return tuple(tuple(epoch[f"{split}_loss"] for epoch in history) for history in histories)
            return tuple(tuple(1 - epoch[f"{split}_accuracy"] for epoch in history) for history in histories)

        return cls(curves("train"), curves("validation"), measure, marked_epoch, mark, colour)

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value worth an axis; a value of 0, which has no logarithm, lies at the lower one."""
        values = [value for curve in (*self.training, *self.validation) for value in curve]
        positive = [value for value in values if value > 1e-12] or [1.0]
        low = min(positive) * (0.5 if min(values) <= 1e-12 else 0.85)
        high = max(positive) * 1.15
        return low, min(high, 1.0) if self.measure == "error" else high

    @property
    def epochs(self) -> int:
        """Epochs of the longest run."""
        return max(len(curve) for curve in self.training)

    def plot(
        self, ax: Axes | None = None, title: str = "", limits: tuple[float, float] | None = None, epochs: int = 0
    ) -> Figure:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            Where to; a new figure without it.
        title : str
        limits : tuple of float, optional
            Of the vertical axis, to share it among displays.
        epochs : int
            Length of the horizontal axis; at least that of the runs.
        """
        ax = new_axes(360, 270) if ax is None else ax
        low, high = limits or self.limits
        unit = "error, % of images (log scale)" if self.measure == "error" else "loss, nats per image (log scale)"
        style_axes(ax, "epoch", unit, title)
        logarithmic_axis(ax, low, high, percent=self.measure == "error")
        ax.set_xlim(1, max(self.epochs, epochs, 2))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        for curves, dash in ((self.training, "-"), (self.validation, (0, (3.5, 1.8)))):
            for place, curve in enumerate(curves):
                width = 1.9 if place == 0 else 0.6
                x = np.arange(1, len(curve) + 1)
                ax.plot(x, np.maximum(curve, low), color=self.colour, linestyle=dash, linewidth=width, zorder=3)
        self._label_ends(ax, low, high)
        if self.marked_epoch is not None:
            self._mark(ax, self.marked_epoch, low)
        return figure_of(ax)

    def _label_ends(self, ax: Axes, low: float, high: float) -> None:
        span = np.log(high / low)
        ends = {
            name: float(np.log(max(curves[0][-1], low) / low) / span)
            for name, curves in (("training", self.training), ("validation", self.validation))
        }
        below, above = sorted(ends, key=lambda name: ends[name])
        lack = _NEAR - (ends[above] - ends[below])
        if lack > 0:
            ends[below] -= lack / 2
            ends[above] += lack / 2
            lift = max(0.0, _NEAR / 3 - ends[below])
            ends[below] += lift
            ends[above] += lift
        x = len(self.training[0]) / max(ax.get_xlim()[1], 1)
        for name, y in ends.items():
            ax.annotate(
                name, (1 if x > 0.9 else x, y), (5, 0), xycoords="axes fraction", textcoords="offset points",
                color=INK, fontsize=TEXT, va="center", annotation_clip=False,
            )  # fmt: skip

    def _mark(self, ax: Axes, epoch: int, low: float) -> None:
        y = max(self.validation[0][epoch - 1], low)
        ax.plot([epoch], [y], "o", color=self.colour, markersize=5, zorder=4, clip_on=False)
        value = f"{100 * y:.3g}%" if self.measure == "error" else f"{y:.3g}"
        late = epoch > 0.45 * ax.get_xlim()[1]
        side, edge = ("right", 2) if late else ("left", 0)
        under = self._crossings(ax, epoch, y, late, -1) < self._crossings(ax, epoch, y, late, 1)
        ax.annotate(
            f"{self.mark}: epoch {epoch}, {value}", (epoch, y), (edge, -15 if under else 15), color=MUTED,
            textcoords="offset points", fontsize=TEXT - 0.5, ha=side, va="top" if under else "bottom",
        )  # fmt: skip

    def _crossings(self, ax: Axes, epoch: int, y: float, late: bool, sign: int) -> float:
        """How much of the curves lies where a mark's words would stand, above it (sign 1) or below (-1)."""
        bottom, top = ax.get_ylim()

        def height(values: Sequence[float]) -> NDArray[np.float64]:
            """Part of the axis, 0 at its lower end."""
            part: NDArray[np.float64] = np.log(np.maximum(values, bottom) / bottom) / np.log(top / bottom)
            return part

        low, high = sorted(float(height([y])[0]) + sign * part for part in _WORDS)
        if low < 0 or high > 1:
            return np.inf
        end = epoch + (-1 if late else 1) * 0.45 * ax.get_xlim()[1]
        epochs = np.linspace(epoch, end, 40)
        crossings = 0
        for curve in (*self.training, *self.validation):
            there = epochs[(epochs >= 1) & (epochs <= len(curve))]
            heights = np.interp(there, np.arange(1, len(curve) + 1), height(curve))
            crossings += int(np.count_nonzero((heights > low) & (heights < high)))
        return crossings


def shared_limits(displays: Sequence[LearningCurvesDisplay]) -> tuple[float, float]:
    """Return the limits that hold every display."""
    return min(d.limits[0] for d in displays), max(d.limits[1] for d in displays)
