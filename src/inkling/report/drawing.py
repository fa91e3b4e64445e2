"""The figures of one report: each drawn once, by a name, for the page and as files."""

from __future__ import annotations

import re

from markupsafe import Markup
from matplotlib.figure import Figure

from inkling.figures.svg import to_svg


class Drawing:
    """Keeps what is drawn for a page.

    Attributes
    ----------
    drawn : dict of str to Figure
        What was drawn so far, by a name that can be a file's.
    """

    def __init__(self) -> None:
        self.drawn: dict[str, Figure] = {}

    def svg(self, name: str, figure: Figure, label: str) -> Markup:
        """Return a figure as an `<svg>` element, and keep the figure.

        Parameters
        ----------
        name : str
            One that no other figure of the report has.
        figure : Figure
        label : str
            What the figure shows, for those who cannot see it.
        """
        self.drawn[file_name(name)] = figure
        return to_svg(figure, f"f{len(self.drawn)}", label)


def file_name(name: str) -> str:
    """Return a name with letters, digits and few signs only."""
    return re.sub(r"[^\w.-]+", "-", name)
