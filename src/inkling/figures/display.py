"""What every display can do beside being drawn: show itself in a notebook, and become a file."""

from __future__ import annotations

import base64
import io
from abc import ABC, abstractmethod
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inkling.errors import SettingsError
from inkling.figures.svg import save
from inkling.storage.atomic import write_atomically

KINDS = ("png", "svg")
_DPI = 200
"""Of PNG files; figures are laid out at 100, so a notebook shows them at half their pixels."""


class Display(ABC):
    """A result ready to be drawn."""

    @abstractmethod
    def plot(self, ax: Axes | None = None, title: str = "") -> Figure:
        """Draw, into `ax` or a new figure, and return the figure."""

    def save(self, path: Path | str, title: str = "") -> None:
        """Write the figure as a file.

        Parameters
        ----------
        path : Path
            Ends in .png or .svg.
        title : str

        Raises
        ------
        SettingsError
            If it ends in something else.
        RunError
            If the file cannot be written; nothing is then left of it.
        """
        kind = Path(path).suffix.lower().removeprefix(".")
        if kind not in KINDS:
            raise SettingsError([f"a figure must be a .png or .svg file, found {path}"])
        write_atomically(Path(path), figure_bytes(self.plot(title=title), kind))

    def _repr_html_(self) -> str:
        figure = self.plot()
        pixels = base64.b64encode(figure_bytes(figure, "png")).decode("ascii")
        width = round(100 * figure.get_size_inches()[0])
        return f'<img src="data:image/png;base64,{pixels}" width="{width}" alt="{type(self).__name__}">'


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file of one of KINDS, on white."""
    drawn = io.BytesIO()
    save(figure, drawn, kind, dpi=_DPI, facecolor="white")
    return drawn.getvalue()
