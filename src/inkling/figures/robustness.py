"""What corruptions do: one image under each, and beside it how far the accuracy of each network falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from inkling.diagnosis.robustness import Robustness
from inkling.figures.display import Display
from inkling.figures.style import INK, MUTED, RULE, TEXT, figure_of, network_colour, new_axes, shorten

_ROW = 74.0
"""Points: height of a row, in which a picture is as wide as high."""
_NAMES, _CURVES, _BETWEEN, _HEAD, _FOOT = 74.0, 190.0, 58.0, 28.0, 40.0
"""Points: width of the corruptions' names, of the curves, and of what is between; height above and below the rows."""


@dataclass(frozen=True, eq=False)
class RobustnessDisplay(Display):
    """A row a corruption: one image as it is and at each severity, and the accuracy of each network.

    Bars are the 95% intervals of the change, which hold for all corruptions and severities together.

    Attributes
    ----------
    measured : tuple of Robustness
        One a network, of the same corruptions.
    names : tuple of str
    colours : tuple of str
    pictures : ndarray of uint8, shape (K, S + 1, H, W, C)
        One image as it is, and corrupted.
    """

    measured: tuple[Robustness, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    pictures: NDArray[np.uint8]

    @classmethod
    def from_robustness(
        cls, measured: Mapping[str, Robustness], pictures: NDArray[np.uint8], colours: Sequence[str] = ()
    ) -> RobustnessDisplay:
        """Make the display from name -> what `diagnosis.robustness.measure_robustness` found.

        `diagnosis.run_robustness.corrupted_pictures` makes the pictures of an image.
        """
        chosen = tuple(colours) or tuple(network_colour(place) for place in range(len(measured)))
        return cls(tuple(measured.values()), tuple(measured), chosen, pictures)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        first = self.measured[0]
        rows, columns = len(first.corruptions), len(first.severities) + 1
        legend = 17.0 * len(self.names) if len(self.names) > 1 else 0.0
        width = _NAMES + columns * _ROW + _BETWEEN + _CURVES + 12
        height = legend + _HEAD + (24 if title else 0) + rows * _ROW + _FOOT
        if ax is None:
            ax = new_axes(width, height)
            figure_of(ax).set_layout_engine("none")
            ax.set_position((0, 0, 1, 1))
        ax.set_axis_off()
        bottom, top = _FOOT / height, (_FOOT + rows * _ROW) / height
        if title:
            ax.text(
                8 / width, 1 - 8 / height, title, transform=ax.transAxes, fontsize=TEXT + 1.5, fontweight="bold",
                color=INK, va="top", parse_math=False,
            )  # fmt: skip
        self._draw_pictures(ax, (_NAMES / width, bottom, columns * _ROW / width, top - bottom))
        left = (_NAMES + columns * _ROW + _BETWEEN) / width
        for row, name in enumerate(first.corruptions):
            low = bottom + (rows - 1 - row) * _ROW / height
            panel = ax.inset_axes((left, low + 0.12 * _ROW / height, _CURVES / width, 0.76 * _ROW / height))
            self._draw_curves(panel, row, last=row == rows - 1)
            ax.text(
                8 / width, low + _ROW / 2 / height, name, transform=ax.transAxes, fontsize=TEXT, color=INK, va="center",
            )  # fmt: skip
        ax.text(
            left, top + 6 / height, f"accuracy on {first.n:,} {first.split} images", transform=ax.transAxes,
            fontsize=TEXT, color=MUTED,
        )  # fmt: skip
        for place, (name, colour) in enumerate(zip(self.names, self.colours, strict=True)) if legend else ():
            y = top + (28 + 17 * (len(self.names) - 1 - place)) / height
            ax.text(_NAMES / width, y, "●", transform=ax.transAxes, fontsize=TEXT, color=colour)
            ax.text(
                (_NAMES + 14) / width, y, shorten(name, 80), transform=ax.transAxes, fontsize=TEXT, color=INK,
                parse_math=False,
            )  # fmt: skip
        return figure_of(ax)

    def _draw_pictures(self, ax: Axes, place: tuple[float, float, float, float]) -> None:
        rows, columns, h, w, _ = self.pictures.shape
        side = round(max(h, w) * 1.06)  # of a square, with a gap around the picture
        down, across = (side - h) // 2, (side - w) // 2
        canvas = np.zeros((rows, side, columns, side, 4), np.uint8)
        pictures = self.pictures.transpose(0, 2, 1, 3, 4)  # (rows, H, columns, W, C); grey becomes three channels
        canvas[:, down : down + h, :, across : across + w, :3] = pictures
        canvas[:, down : down + h, :, across : across + w, 3] = 255
        panel = ax.inset_axes(place)
        panel.imshow(canvas.reshape(rows * side, columns * side, 4), aspect="auto")
        panel.set_axis_off()
        for column in range(columns):
            heading = "as it is" if column == 0 else f"severity {column}" if column == 1 else str(column)
            panel.text(
                (column + 0.5) / columns, 1.012, heading, transform=panel.transAxes, fontsize=TEXT, color=MUTED,
                ha="center",
            )  # fmt: skip

    def _draw_curves(self, panel: Axes, row: int, last: bool) -> None:
        panel.patch.set_alpha(0)
        severities = [0, *self.measured[0].severities]
        for place, (measured, colour) in enumerate(zip(self.measured, self.colours, strict=True)):
            effects = [each for each in measured.effects if each.corruption == measured.corruptions[row]]
            clean = measured.clean_accuracy
            x = np.array(severities) + 0.09 * (place - (len(self.measured) - 1) / 2)
            panel.plot(
                x, [clean, *(each.accuracy for each in effects)], "o-", color=colour, markersize=3.5, linewidth=1.4
            )
            for at, each in zip(x[1:], effects, strict=True):
                ends = np.clip([clean + each.interval.low, clean + each.interval.high], 0, 1)
                panel.plot([at, at], ends, color=colour, linewidth=1.1)
        panel.set_ylim(-0.03, 1.03)
        panel.set_yticks([0, 0.5, 1])
        panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        panel.set_xlim(-0.3, severities[-1] + 0.3)
        panel.set_xticks(severities, ["as it is", *map(str, severities[1:])] if last else [])
        panel.tick_params(colors=MUTED, labelcolor=INK, labelsize=TEXT - 1, length=0)
        panel.grid(axis="y", color=RULE, linewidth=0.6)
        for spine in panel.spines.values():
            spine.set_visible(False)
        if last:
            panel.set_xlabel("severity", color=MUTED, fontsize=TEXT)
