"""Calibration: accuracy against confidence, and the error that remains when the least confident are rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from inkling.diagnosis.calibration import Calibration, CalibrationDiagnosis
from inkling.diagnosis.risk_coverage import RiskCoverage, SelectivePoint
from inkling.figures.display import Display
from inkling.figures.style import (
    MUTED,
    NETWORK_COLOURS,
    RULE,
    TEXT,
    figure_of,
    logarithmic_axis,
    new_axes,
    style_axes,
)
from inkling.metrics.formatting import percent


@dataclass(frozen=True)
class ReliabilityDisplay(Display):
    """Accuracy against confidence, a point a bin, the larger the more images are in it, with its Wilson interval.

    Points below the diagonal are overconfident, points above it underconfident. Filled: probabilities as they are;
    hollow: at the temperature fitted on validation.

    Attributes
    ----------
    before : Calibration
    after : Calibration or None
    temperature : float or None
    colour : str
    """

    before: Calibration
    after: Calibration | None = None
    temperature: float | None = None
    colour: str = NETWORK_COLOURS[0]

    @classmethod
    def from_diagnosis(cls, diagnosis: CalibrationDiagnosis, colour: str = NETWORK_COLOURS[0]) -> ReliabilityDisplay:
        """Make the display from `diagnosis.calibration.diagnose_calibration`."""
        return cls(diagnosis.before, diagnosis.after, diagnosis.temperature, colour)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        ax = new_axes(360, 440) if ax is None else ax
        key = [f"filled: as it is, ECE {self.before.ece:.3f}"]
        if self.after is not None:
            key.append(f"hollow: at temperature {self.temperature:.2g}, ECE {self.after.ece:.3f}")
        key.append(f"n = {self.before.n:,}; larger points, more images")
        x_label = "\n".join(["confidence: probability of the predicted class", *key])
        style_axes(ax, x_label, "accuracy, % of images", title)
        ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(np.linspace(0, 1, 6))
            axis.set_major_formatter(PercentFormatter(1, 0))
        ax.grid(color=RULE, linewidth=0.6)
        ax.set_axisbelow(True)
        ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
        ax.annotate(
            "well calibrated", (0.01, 0.01), (3, 5), textcoords="offset points", color=MUTED, fontsize=TEXT - 1,
            rotation=45, rotation_mode="anchor",
        )  # fmt: skip
        if self.after is not None:
            self._draw(ax, self.after, MUTED, "none")
        self._draw(ax, self.before, self.colour, self.colour)
        return figure_of(ax)

    def _draw(self, ax: Axes, calibration: Calibration, colour: str, face: str) -> None:
        for point in calibration.bins:
            ends = (point.accuracy_interval.low, point.accuracy_interval.high)
            ax.plot([point.confidence] * 2, ends, color=colour, linewidth=1.0, zorder=3)
        x, y = [point.confidence for point in calibration.bins], [point.accuracy for point in calibration.bins]
        areas = [18 + 130 * point.n / calibration.n for point in calibration.bins]
        ax.scatter(x, y, areas, facecolors=face, edgecolors=colour, linewidths=1.1, zorder=4, clip_on=False)


@dataclass(frozen=True)
class CoverageDisplay(Display):
    """Error on the images that are kept, against the fraction rejected, on a logarithmic axis with its Wilson band.

    Attributes
    ----------
    curve : RiskCoverage
    colour : str
    """

    curve: RiskCoverage
    colour: str = NETWORK_COLOURS[0]

    @classmethod
    def from_risk_coverage(cls, curve: RiskCoverage, colour: str = NETWORK_COLOURS[0]) -> CoverageDisplay:
        """Make the display from `diagnosis.risk_coverage.risk_coverage`."""
        return cls(curve, colour)

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest error worth an axis; an error of 0, which has no logarithm, lies at the lower point."""
        positive = [point.error for point in self._drawn if point.error > 0] or [1 / self.curve.n]
        return 0.6 * min(positive), min(1.0, 1.5 * max(positive))

    @property
    def reach(self) -> float:
        """Largest fraction rejected worth an axis: half, or less where at most one mistake is left before."""
        few = [point.rejected for point in self.curve.points if point.error * point.kept < 1.5]
        return min([0.5, *(max(0.12, rejected + 0.02) for rejected in few)])

    @property
    def _drawn(self) -> list[SelectivePoint]:
        return [point for point in self.curve.points if point.rejected <= self.reach]

    def plot(
        self,
        ax: Axes | None = None,
        title: str = "",
        limits: tuple[float, float] | None = None,
        reach: float | None = None,
    ) -> Figure:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            Where to; a new figure without it.
        title : str
        limits : tuple of float, optional
            Of the vertical axis, to share it among displays.
        reach : float, optional
            Of the horizontal axis, likewise.
        """
        ax = new_axes(360, 290) if ax is None else ax
        low, high = limits or self.limits
        # Below the axis: beside points of nearly the same error the words would lie on each other and on the curve.
        said = [
            f"{words} {percent(point.error, point.kept)}"
            for words, point in (("all images", self.curve.at(0)), ("a tenth rejected", self.curve.at(0.1)))
        ]
        x_label = f"rejected, % of images, the least confident first\npoints: {', '.join(said)}"
        style_axes(ax, x_label, "error, % of those kept (log scale)", title)
        logarithmic_axis(ax, low, high, percent=True)
        ax.set_xlim(0, reach or self.reach)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.3g}%"))
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        drawn = self._drawn
        x = [point.rejected for point in drawn]
        below = [max(low, point.error_interval.low) for point in drawn]
        above = [min(high, point.error_interval.high) for point in drawn]
        ax.fill_between(x, below, above, color=self.colour, alpha=0.18, linewidth=0)
        ax.plot(x, [max(low, point.error) for point in drawn], color=self.colour, linewidth=1.9, zorder=3)
        for point in (self.curve.at(0), self.curve.at(0.1)):
            ax.plot(
                [point.rejected], [max(low, point.error)], "o", color=self.colour, markersize=5, zorder=4, clip_on=False
            )  # fmt: skip
        return figure_of(ax)
