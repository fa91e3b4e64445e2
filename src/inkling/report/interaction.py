"""What the report's script works with: numbers beside figures, as attributes, and the script with its fingerprint.

The page is whole without the script. What comes from a user stands in attributes, escaped, and never in the script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from inkling.figures.curves import LearningCurvesDisplay
from inkling.metrics.formatting import percent
from inkling.report.content import HiddenLayer

_BARS = 20
"""Outgoing weights shown of one hidden unit, at most."""


@dataclass(frozen=True)
class Script:
    """A script for one `<script>` element."""

    text: Markup
    source: str  # what a Content-Security-Policy lets run: this text and nothing else


@cache
def script() -> Script:
    """Return the report's script."""
    text = files("inkling.report").joinpath("templates", "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    # The file is the package's own, and holds nothing of a user.
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704


def curve_panel(
    svg: Markup, figure: Figure, display: LearningCurvesDisplay, sizes: tuple[int, int], seed: int | None
) -> Markup:
    """Return drawn learning curves with the numbers of their thick lines, epoch by epoch.

    Parameters
    ----------
    svg : Markup
        The figure, drawn: its layout is final only then.
    figure : Figure
    display : LearningCurvesDisplay
    sizes : tuple of int
        Training and validation images, which say how many digits an error has.
    seed : int or None
        Of the thick lines; None where there are no others.
    """
    ax = figure.axes[0]
    width, height = (72 * inches for inches in figure.get_size_inches())  # of the viewBox, whose y points down
    place = ax.get_position()
    box = (width * place.x0, width * place.x1, height * (1 - place.y1), height * (1 - place.y0))

    def words(values: Sequence[float], n: int) -> str:
        return " ".join(percent(value, n) if display.measure == "error" else f"{value:.3g}" for value in values)

    return Markup(
        '<div class="curve" data-training="{}" data-validation="{}" data-box="{}" data-last="{:g}" data-mark="{}"{}>'
        "{}</div>"
    ).format(
        words(display.training[0], sizes[0]),
        words(display.validation[0], sizes[1]),
        " ".join(f"{edge:.2f}" for edge in box),
        ax.get_xlim()[1],
        display.marked_epoch or 1,
        "" if seed is None else Markup(' data-seed="{}"').format(seed),
        svg,
    )


def unit_numbers(hidden: HiddenLayer, count: int) -> str:
    """Return what the first hidden units do, as JSON: one a unit, [for, against, contribution or null, weights].

    `for` and `against` are classes; weights are [class, weight] for every class, or for the highest and the lowest.
    """
    numbers = []
    for unit, weights in enumerate(hidden.outgoing[:count]):
        order = np.argsort(-weights, kind="stable")
        shown = order if len(order) <= _BARS else np.concatenate([order[: _BARS // 2], order[-_BARS // 2 :]])
        mean = None if hidden.units is None else round(float(hidden.units.mean_absolute[unit]), 2)
        pairs = [(int(k), round(float(weights[k]), 2)) for k in (np.sort(shown) if shown is order else shown)]
        numbers.append((int(weights.argmax()), int(weights.argmin()), mean, pairs))
    return json.dumps(numbers, separators=(",", ":"))
