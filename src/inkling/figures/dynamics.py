"""The data map: how surely each training image was learnt, against how much that changed over the epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkling.diagnosis.dynamics import DynamicsDiagnosis
from inkling.figures.display import Display
from inkling.figures.style import INK, TEXT, figure_of, network_colour, new_axes, style_axes

MOST_POINTS = 2000
"""Images drawn at most, beside those that are called hard: a seeded sample, so that a page stays small."""


@dataclass(frozen=True, eq=False)
class DataMapDisplay(Display):
    """Confidence against variability, a point an image (Swayamdipta et al., 2020).

    Attributes
    ----------
    confidence, variability : ndarray of float, shape (M,)
    mislabelled : ndarray of bool, shape (M,)
    """

    confidence: NDArray[np.float64]
    variability: NDArray[np.float64]
    mislabelled: NDArray[np.bool_]

    @classmethod
    def from_diagnosis(cls, found: DynamicsDiagnosis) -> DataMapDisplay:
        """Make the display from what `diagnose_dynamics` found."""
        mislabelled = np.zeros(found.n, bool)
        mislabelled[found.hard_or_mislabelled()] = True
        shown = mislabelled.copy()
        shown[np.random.default_rng(0).permutation(found.n)[:MOST_POINTS]] = True
        return cls(found.confidence[shown], found.variability[shown], mislabelled[shown])

    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure."""
        ax = new_axes(640, 340) if ax is None else ax
        style_axes(ax, "variability over the epochs", "confidence: mean probability of the label", title)
        for which, colour, name in ((False, 0, "other images"), (True, 1, "hard")):
            drawn = self.mislabelled == which
            if drawn.any():
                ax.scatter(
                    self.variability[drawn], self.confidence[drawn], s=8, color=network_colour(colour), linewidths=0,
                    label=name,
                )  # fmt: skip
        ax.set_xlim(0, 0.52)
        ax.set_ylim(-0.02, 1.02)
        if self.mislabelled.any():
            ax.legend(frameon=False, fontsize=TEXT, labelcolor=INK, loc="upper right")
        return figure_of(ax)
