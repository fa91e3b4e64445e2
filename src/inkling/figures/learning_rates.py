"""The loss against a rising learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from inkling.figures.display import Display, figure_bytes
from inkling.figures.style import INK, MUTED, RULE, TEXT, figure_of, network_colour, new_axes, style_axes
from inkling.storage.atomic import write_atomically
from inkling.training.learning_rate_range import LearningRateRange


@dataclass(frozen=True)
class LearningRateDisplay(Display):
    """A learning-rate range test: each step's loss thin, its smoothed course thick, the suggestion marked."""

    result: LearningRateRange

    @classmethod
    def from_range(cls, result: LearningRateRange) -> LearningRateDisplay:
        """Make the display of a range test."""
        return cls(result)

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        ax = new_axes(560, 340) if ax is None else ax
        result = self.result
        style_axes(ax, "learning rate (log scale)", "loss of a mini-batch, nats", title)
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_ylim(0, 1.25 * max(result.smoothed[: result.rates.index(result.lowest_loss_at) + 1]))
        ax.set_xlim(result.rates[0], result.rates[-1])
        ax.grid(axis="y", color=RULE, linewidth=0.6)
        ax.set_axisbelow(True)
        ax.plot(result.rates, result.losses, color=MUTED, linewidth=0.5)
        ax.plot(result.rates, result.smoothed, color=network_colour(0), linewidth=1.9)
        for rate, words, place, side in (
            (result.suggestion, "falls fastest", (8, 6), "left"),
            (result.lowest_loss_at, "lowest", (-6, -16), "right"),
        ):
            loss = result.smoothed[result.rates.index(rate)]
            ax.plot([rate], [loss], "o", color=network_colour(0), markersize=5, zorder=4)
            ax.annotate(
                f"{words} at {rate:.2g}", (rate, loss), place, textcoords="offset points", color=INK, fontsize=TEXT,
                ha=side,
            )  # fmt: skip
        return figure_of(ax)


def save_learning_rates(result: LearningRateRange, path: Path, title: str) -> None:
    """Write the figure of a range test as PNG.

    Raises
    ------
    RunError
        If the file cannot be written; nothing is then left of it.
    """
    write_atomically(path, figure_bytes(LearningRateDisplay.from_range(result).plot(title=title), "png"))
