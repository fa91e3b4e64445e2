"""What picture files say of themselves without being decoded: width, height, bytes; and why one cannot be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.naming import shown
from inkling.images.pictures import UnreadablePictureError, quiet, read_header, read_picture, why_no_file
from inkling.images.progress import Progress, paced


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Of N picture files.

    Attributes
    ----------
    names : tuple of str, length N
    sizes : ndarray of int64, shape (N, 2)
        Width and height as a camera would show them; 0 where a file cannot be opened.
    n_bytes : ndarray of float64, shape (N,)
        NaN where a file cannot be opened.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    n_bytes: NDArray[np.float64]

    @property
    def aspect_ratios(self) -> NDArray[np.float64]:
        """Width over height; NaN where they are not known."""
        with np.errstate(invalid="ignore"):
            ratios: NDArray[np.float64] = self.sizes[:, 0] / self.sizes[:, 1]
        return ratios


def measure_files(folder: Path | None, names: Sequence[str], progress: Progress | None = None) -> PictureFiles:
    """Read the headers of picture files.

    Parameters
    ----------
    folder : Path, optional
        That the names are relative to. Without it, nothing is known.
    names : sequence of str
        `ImageDataset.files`; members of an archive and rows of a table are no files, and are left unknown.
    progress : callable, optional
        Called with (files read, files) a few times a second at most.
    """
    report = paced(progress)
    sizes, n_bytes = np.zeros((len(names), 2), np.int64), np.full(len(names), np.nan)
    with quiet():
        for place, name in enumerate(names if folder else ()):
            try:
                with open(Path(folder or "", name), "rb") as file:
                    header = read_header(file)
                    n_bytes[place] = file.seek(0, 2)
                    sizes[place] = header.width, header.height
            except (OSError, ValueError, UnreadablePictureError):  # a ValueError: a name with a null character
                pass
            report(place + 1, len(names))
    return PictureFiles(tuple(names), sizes, n_bytes)


def why_unreadable(folder: Path | None, name: str) -> str:
    """Return why a picture file could not be read, or an empty text where that cannot be found out any more.

    Parameters
    ----------
    folder : Path, optional
    name : str
        Relative to the folder, as `naming.shown` writes it.
    """
    path = Path(folder or "", name)
    if "\0" in name:
        return ""
    if folder is not None and "\\" in name and not path.exists():  # what is no character to show was written in others
        written = (each for each in folder.rglob("*") if shown(each.relative_to(folder).as_posix()) == name)
        path = next(written, path)
    if reason := why_no_file(path):  # reading a pipe would wait for ever
        return "" if path.is_dir() or not os.path.lexists(path) else reason
    try:
        read_picture(path, (8, 8, 3))
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""
