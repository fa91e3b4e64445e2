"""A figure as SVG inside a page: text stays text, colours follow the page, ids are the figure's own."""

from __future__ import annotations

import io
import re
import threading
import warnings
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from inkling.figures.style import INK, variables

_DRAWING = threading.Lock()  # matplotlib keeps its options, and Python its warning filters, for all threads together
_VARIABLES = {colour: f"var(--{name})" for name, colour in variables(dark=False).items()} | {INK: "currentColor"}
_COLOUR = re.compile("|".join(_VARIABLES))
_TAG = re.compile(r"<[^>]*>")
_WIDE = 420
"""Points; wider figures keep nearly their size on a phone, and scroll."""


def save(figure: Figure, target: Path | io.BytesIO, kind: str, **options: Any) -> None:
    """Write a figure, in silence about letters that matplotlib's own font lacks (a page has others)."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "inkling"}
    with _DRAWING, matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(target, format=kind, **options)


def to_svg(figure: Figure, key: str, label: str) -> Markup:
    """Return a figure as an `<svg>` element.

    Parameters
    ----------
    figure : Figure
    key : str
        Letters and digits that no other figure of the page has; every id starts with it.
    label : str
        What the figure shows, for those who cannot see it.
    """
    buffer = io.BytesIO()
    save(figure, buffer, "svg", transparent=True)
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    for part in (r"<metadata>.*?</metadata>", r"<style .*?</style>", r"<!--.*?-->"):
        text = re.sub(part, "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))

    def adapt(match: re.Match[str]) -> str:
        """Change one tag; text between tags, which may come from a user, is never touched."""
        tag = _COLOUR.sub(lambda colour: _VARIABLES[colour[0]], match[0])
        tag = re.sub(r' id="([^"]*)"', lambda name: f' id="{key}-{name[1]}"' if name[1] in used else "", tag)
        tag = re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", tag)
        return re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--sans)", tag)

    width, height = (72 * inches for inches in figure.get_size_inches())
    style = f"min-width:{0.9 * width:.0f}px" if width > _WIDE else ""
    head = Markup('<svg class="chart" viewBox="0 0 {:.1f} {:.1f}" role="img" aria-label="{}" style="{}">').format(
        width, height, label, style
    )
    body = _TAG.sub(adapt, text[text.index(">") + 1 :])
    # The text in it was escaped by matplotlib's own writer.
    return head + Markup(body)  # noqa: S704
