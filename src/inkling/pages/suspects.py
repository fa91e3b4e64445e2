"""An image whose label is in doubt, with all that a page shows beside it, and what its review writes down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_errors import LabelError
from inkling.diagnosis.neighbours import Neighbour
from inkling.images.corrections import Suspect, pieces, to_csv

CORRECTIONS = "corrections.csv"


@dataclass(frozen=True, eq=False)
class PicturedSuspect:
    """An image whose label is in doubt, and its nearest training images."""

    error: LabelError  # its index counted in the split, as in the source
    picture: NDArray[np.uint8]  # (H, W, C)
    neighbours: tuple[Neighbour, ...]
    file: str  # empty where the source has no picture files
    note: str = ""  # what else is known of it


def review_form(
    suspects: Sequence[Suspect], class_names: Sequence[str], fingerprint: str, kept: Sequence[Suspect] = ()
) -> str:
    """Return, as JSON, what the script of a page needs to write a corrections file.

    Parameters
    ----------
    suspects : sequence of Suspect
        In the order of the page; `correct_label` is what an earlier correction made of a label.
    class_names : sequence of str
    fingerprint : str
        Of the split: choices are kept in the browser under it.
    kept : sequence of Suspect
        Earlier corrections of images that the page does not show: they go into the file as they are.
    """
    names = list(class_names)
    text = pieces(suspects, names)
    images = [
        {
            "index": suspect.index,
            "label": names.index(suspect.correct_label or suspect.label),
            "suggested": names.index(suspect.suggested),
            "row": row,
            "earlier": names.index(suspect.correct_label) if suspect.correct_label else None,
        }
        for suspect, row in zip(suspects, text.rows, strict=True)
    ]
    lines = [to_csv([suspect]).removeprefix(f"{text.header}\r\n").removesuffix("\r\n") for suspect in kept]
    values = {"data": fingerprint, "file": CORRECTIONS, "header": text.header, "classes": names, "cells": text.cells}
    return json.dumps({**values, "images": images, "kept": lines})
