"""An image whose label is in doubt, with all that a page shows beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_errors import LabelError
from inkling.diagnosis.neighbours import Neighbour


@dataclass(frozen=True, eq=False)
class PicturedSuspect:
    """An image whose label is in doubt, and its nearest training images."""

    error: LabelError  # its index counted in the split, as in the source
    picture: NDArray[np.uint8]  # (H, W, C)
    neighbours: tuple[Neighbour, ...]
    file: str  # empty where the source has no picture files
    note: str = ""  # what else is known of it
