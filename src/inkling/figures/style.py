"""The look that all figures share: colours safe for colour-blind readers, quiet axes, and sizes in points.

Every colour here has a counterpart for dark pages; `figures.svg` writes the colour as a CSS variable, so that one
picture serves both.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK, MUTED, RULE = "#1b1b1b", "#5a5a5a", "#d9d9d9"
DARK_INK, DARK_MUTED, DARK_RULE = "#e8e6e3", "#aaa7a2", "#3b3b3b"

NETWORK_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#bd8200", "#3d9bd1")
"""One a network: Okabe and Ito (2008), the two that differ most in brightness and hue first, and the last two darkened
until a line stands out from white by 3 to 1."""
DARK_NETWORK_COLOURS = ("#56b4e9", "#f0853a", "#2bc49a", "#e0a0c4", "#e6b13a", "#a8d8f5")

LEVELS = 8
"""Steps of the scale for counts."""
_COUNTS = matplotlib.colormaps["YlGnBu"]
HEAT = tuple(to_hex(_COUNTS(x)) for x in np.linspace(0.1, 1, LEVELS))
DARK_HEAT = tuple(to_hex(_COUNTS(x)) for x in np.linspace(1, 0.1, LEVELS))

WEIGHT_MAP = matplotlib.colormaps["RdBu_r"]
"""Diverging: blue below zero, white at zero, red above."""

TEXT = 10.5
"""Points; a figure is at least 340 points wide and shown at about its own size on a phone."""


def _text_on(colour: str, level: int) -> str:
    """Near-black or near-white, whichever reads better; its last digit tells the levels apart for `figures.svg`."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18
    return f"#10101{level}" if bright else f"#fdfdf{level}"


HEAT_TEXT = tuple(_text_on(colour, level) for level, colour in enumerate(HEAT))
DARK_HEAT_TEXT = tuple(_text_on(colour, level) for level, colour in enumerate(DARK_HEAT))


def variables(dark: bool) -> dict[str, str]:
    """Return the CSS variables of the light or the dark palette."""
    names = {"ink": DARK_INK, "muted": DARK_MUTED, "rule": DARK_RULE} if dark else _greys()
    for prefix, colours in (
        ("network", DARK_NETWORK_COLOURS if dark else NETWORK_COLOURS),
        ("heat", DARK_HEAT if dark else HEAT),
        ("on-heat", DARK_HEAT_TEXT if dark else HEAT_TEXT),
    ):
        names.update({f"{prefix}-{i}": colour for i, colour in enumerate(colours)})
    return names


def _greys() -> dict[str, str]:
    return {"ink": INK, "muted": MUTED, "rule": RULE}


def network_colour(index: int) -> str:
    """Return the colour of the network at a place in the list of networks."""
    return NETWORK_COLOURS[index % len(NETWORK_COLOURS)]


def new_axes(width: float, height: float) -> Axes:
    """Return axes that fill a new figure of the given size in points, made without any global state."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=144, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02))
    return figure.add_subplot()


def figure_of(ax: Axes) -> Figure:
    """Return the whole figure that axes are in."""
    figure = ax.figure
    root: Figure = figure if isinstance(figure, Figure) else figure.figure
    return root


def style_axes(ax: Axes, x_label: str = "", y_label: str = "", title: str = "") -> None:
    """Take away what carries no information, and name the axes."""
    ax.patch.set_alpha(0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(MUTED)
    ax.tick_params(which="both", colors=MUTED, labelcolor=INK, labelsize=TEXT, length=0)
    ax.set_xlabel(x_label, color=MUTED, fontsize=TEXT)
    if y_label:
        # Above the axis, to be read without turning the head.
        ax.annotate(
            y_label, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", color=MUTED,
            fontsize=TEXT, ha="left", va="bottom", parse_math=False,
        )  # fmt: skip
    if title:
        ax.set_title(
            title, loc="left", color=INK, fontsize=TEXT + 1.5, fontweight="bold", pad=26 if y_label else 8,
            parse_math=False,
        )  # fmt: skip


def logarithmic_axis(ax: Axes, low: float, high: float, percent: bool = False) -> None:
    """Make the vertical axis logarithmic from `low` to `high`, with few marks; `percent` writes fractions so."""
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 400 else (1,)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g}%" if percent else f"{y:g}"))
    ax.grid(axis="y", color=RULE, linewidth=0.6)
    ax.set_axisbelow(True)


def shorten(name: str, length: int = 24) -> str:
    """Return a class name that fits beside an axis."""
    return name if len(name) <= length else name[: length - 1] + "…"
