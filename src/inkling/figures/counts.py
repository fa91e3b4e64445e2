"""Counts of mistakes: the confusion matrix, and the misses of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from inkling.diagnosis.accuracy import Evaluation
from inkling.diagnosis.class_misses import ClassMisses
from inkling.figures.display import Display
from inkling.figures.style import (
    HEAT,
    HEAT_TEXT,
    INK,
    LEVELS,
    MUTED,
    NETWORK_COLOURS,
    RULE,
    TEXT,
    figure_of,
    new_axes,
    shorten,
    style_axes,
)


@dataclass(frozen=True)
class ConfusionMatrixDisplay(Display):
    """True classes down, predicted classes across. Only mistakes are coloured; the correct counts stay plain.

    Attributes
    ----------
    counts : tuple of tuple of int
        Row: true class, column: predicted class.
    class_names : tuple of str
    """

    counts: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation) -> ConfusionMatrixDisplay:
        """Make the display from what `evaluate` or `evaluate_predictions` found."""
        return cls(evaluation.confusion, tuple(evaluation.misses))

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        k = len(self.class_names)
        names = [shorten(name, 16) for name in self.class_names]
        widest = max(map(len, names))
        if ax is None:
            cell = 36 if k <= 12 else 26 if k <= 26 else 18
            width = max(340, k * cell + 5.5 * widest + 36)
            ax = new_axes(width, k * cell + 40 + (5.5 * widest if widest > 2 else 0))
        size = TEXT if k <= 12 else 8.5 if k <= 26 else 6.5
        style_axes(ax, "predicted class", title=title)
        ax.set(xlim=(0, k), ylim=(k, 0), aspect="equal")
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_ylabel("true class", color=MUTED, fontsize=TEXT)
        ax.spines["bottom"].set_visible(False)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(np.arange(k) + 0.5, names, fontsize=size + 0.5 if k <= 12 else size, parse_math=False)
        if widest > 2:
            ax.tick_params(axis="x", labelrotation=90)
        largest = max((count for i, row in enumerate(self.counts) for j, count in enumerate(row) if i != j), default=0)
        for i in range(k + 1):
            ax.plot([0, k], [i, i], color=RULE, linewidth=0.5, clip_on=False)
            ax.plot([i, i], [0, k], color=RULE, linewidth=0.5, clip_on=False)
        for i, row in enumerate(self.counts):
            for j, count in enumerate(row):
                if not count:
                    continue
                colour = MUTED
                if i != j:
                    level = min(LEVELS - 1, int(LEVELS * (count - 1) / largest))
                    colour = HEAT_TEXT[level]
                    ax.add_patch(Rectangle((j, i), 1, 1, facecolor=HEAT[level], linewidth=0))
                fits = size if count < 1000 else size * 0.86
                ax.text(j + 0.5, i + 0.5, str(count), color=colour, fontsize=fits, ha="center", va="center_baseline")
        return figure_of(ax)


@dataclass(frozen=True)
class MissesDisplay(Display):
    """Misses of each class as bars, with the range over seeds where there are several."""

    misses: tuple[ClassMisses, ...]
    colour: str = NETWORK_COLOURS[0]

    @classmethod
    def from_misses(cls, misses: Sequence[ClassMisses], colour: str = NETWORK_COLOURS[0]) -> MissesDisplay:
        """Make the display from `diagnosis.class_misses.misses_per_class`."""
        return cls(tuple(misses), colour)

    @property
    def limit(self) -> float:
        """Length of the axis that holds every bar."""
        return max(1, *(of_class.high for of_class in self.misses))

    def plot(self, ax: Axes | None = None, title: str = "", limit: float | None = None) -> Figure:
        """Draw, into `ax` or a new figure; `limit` is the length of the axis, to share it among displays."""
        k = len(self.misses)
        if ax is None:
            ax = new_axes(360, 18 * k + 46)
        several = len(self.misses[0].counts) > 1
        style_axes(ax, "", "", title)
        ax.spines["bottom"].set_visible(False)
        ax.set_xticks([])
        ax.set(xlim=(0, limit or self.limit), ylim=(k - 0.4, -0.6))
        names = [shorten(of_class.name, 18) for of_class in self.misses]
        ax.set_yticks(np.arange(k), names, fontsize=TEXT, parse_math=False)
        ax.barh(np.arange(k), [of_class.mean for of_class in self.misses], 0.68, color=self.colour)
        for place, of_class in enumerate(self.misses):
            text = f"{of_class.mean:.0f}" if of_class.images else "no image"
            if several and of_class.images:
                ax.plot([of_class.low, of_class.high], [place, place], color=INK, linewidth=1.1, clip_on=False)
                text += f" ({of_class.low}–{of_class.high})"
            ax.annotate(
                text, (of_class.high, place), (5, 0), textcoords="offset points", color=INK, fontsize=TEXT - 0.5,
                va="center_baseline", annotation_clip=False,
            )  # fmt: skip
        return figure_of(ax)
