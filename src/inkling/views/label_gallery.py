"""Images whose labels are in doubt, on one HTML page: most suspect first, each beside the images it looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_errors import LabelError
from inkling.views.style import variables
from inkling.views.templating import environment


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training image that looks like the one in doubt."""

    picture: NDArray[np.uint8]  # (H, W, C)
    label: int


@dataclass(frozen=True, eq=False)
class PicturedSuspect:
    """An image whose label is in doubt, and its nearest training images."""

    found: LabelError  # its index counted in the split, as in the source
    picture: NDArray[np.uint8]  # (H, W, C)
    neighbours: tuple[Neighbour, ...]
    file: str  # empty where the source has no picture files


@dataclass(frozen=True)
class LabelGallery:
    """Everything on the page."""

    data_name: str
    split: str
    class_names: tuple[str, ...]
    n: int  # images that were judged
    flagged: int  # of those, by confident learning
    suspects: tuple[PicturedSuspect, ...]  # most suspect first
    judged_by: str  # which network gave the probabilities, and how
    corrections_file: str
    command: str  # that repeats it


def render_gallery(gallery: LabelGallery) -> str:
    """Return a self-contained HTML page: no request leaves it, and it runs no script."""
    template = environment().get_template("labels.html.j2")
    return template.render(gallery=gallery, light=variables(dark=False), dark=variables(dark=True))
