"""Would more data help: error against training images, measured and as the power-law fit continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from inkling.diagnosis.data_size import LearningCurve
from inkling.figures.display import Display
from inkling.figures.style import (
    INK,
    TEXT,
    figure_of,
    logarithmic_axis,
    network_colour,
    new_axes,
    shorten,
    style_axes,
)


@dataclass(frozen=True, eq=False)
class LearningCurveBySizeDisplay(Display):
    """Test error against training images, both logarithmic, for one network or more.

    Points are means over seeds with the range of the seeds as bars. The fit is solid where it was measured and dashed
    beyond; the band is its 95% prediction interval.

    Attributes
    ----------
    curves : tuple of LearningCurve
    names : tuple of str
        What each is called.
    colours : tuple of str
    """

    curves: tuple[LearningCurve, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def from_curves(
        cls, curves: Mapping[str, LearningCurve], colours: Sequence[str] = ()
    ) -> LearningCurveBySizeDisplay:
        """Make the display from name -> what `diagnosis.data_size.fit_learning_curve` found."""
        chosen = tuple(colours) or tuple(network_colour(place) for place in range(len(curves)))
        return cls(tuple(curves.values()), tuple(curves), chosen)

    def plot(self, ax: Axes | None = None, title: str = "", reach: int | None = None) -> Figure:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            Where to; a new figure without it.
        title : str
        reach : int, optional
            Training images up to which the fits are drawn; twice the largest measured size of each without it.
        """
        ax = new_axes(480, 320) if ax is None else ax
        style_axes(ax, "training images (log scale)", "test error, % of images (log scale)", title)
        ax.set_xscale("log")
        ax.set_yscale("log")
        for curve, name, colour in zip(self.curves, self.names, self.colours, strict=True):
            self._draw(ax, curve, name, colour, reach or 2 * curve.sizes[-1])
        low, high = ax.get_ylim()
        logarithmic_axis(ax, low, high, percent=True)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        return figure_of(ax)

    def _draw(self, ax: Axes, curve: LearningCurve, name: str, colour: str, reach: int) -> None:
        first, last = curve.sizes[0], curve.sizes[-1]
        reach = reach if curve.forecasts else last
        sizes = np.geomspace(first, max(reach, last), 80)
        intervals = [curve.error_interval(size) for size in sizes]
        lows, highs = [interval.low for interval in intervals], [interval.high for interval in intervals]
        ax.fill_between(sizes, lows, highs, color=colour, alpha=0.15, linewidth=0)
        for ends, dash in (((first, last), "-"), ((last, reach), (0, (3.5, 1.8)))):
            part = np.geomspace(*ends, 40)
            ax.plot(part, [curve.error_at(size) for size in part], color=colour, linestyle=dash, linewidth=1.6)
        least = 0.5 / curve.n_test  # where no image is misclassified, the logarithm needs half a mistake
        for size, mean, of_seeds in zip(curve.sizes, curve.mean_errors, curve.errors, strict=True):
            ax.plot([size], [max(mean, least)], "o", color=colour, markersize=5, zorder=4)
            bar = [max(error, least) for error in (min(of_seeds), max(of_seeds))]
            ax.plot([size, size], bar, color=colour, linewidth=1.1, zorder=3)
        ax.annotate(
            shorten(name), (reach, curve.error_at(reach)), (5, 0), textcoords="offset points", color=INK,
            fontsize=TEXT, va="center", annotation_clip=False, parse_math=False,
        )  # fmt: skip
