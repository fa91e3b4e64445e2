"""Picture files made as a run's images were, a batch at a time: however many they are, memory is needed for one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inkling.images.appearance import measure_appearance
from inkling.images.naming import SHOWN, shown
from inkling.images.parallel import in_threads
from inkling.images.pictures import UnreadablePictureError, attempt, decode, open_file, quiet, read_header
from inkling.images.progress import Progress, paced
from inkling.networks.prediction import PART
from inkling.runs.schema import DataInfo

LOOKED_AT = 64
"""Pictures whose appearance is looked at before any is predicted, evenly spread over all."""

_BLOCK = 8
"""Pictures that a thread reads before it asks for more."""

_COLOUR_SIDE = 32
"""Pixels of the side that colours are measured at, where the images of the run are grey."""


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """Up to `networks.prediction.PART` picture files, read."""

    files: tuple[str, ...]  # that could be read, n of them
    images: NDArray[np.uint8]  # (n, H, W, C)
    unreadable: tuple[str, ...]  # why the others could not, each with its path


def prepared_batches(
    data: DataInfo, files: Sequence[str | Path], progress: Progress | None = None
) -> Iterator[PictureBatch]:
    """Yield all picture files, in their order, as images like those of a run.

    Parameters
    ----------
    data : DataInfo
        Of the run.
    files : sequence of str or Path
    progress : callable, optional
        Called with (pictures read, pictures in all), a few times a second at most.
    """
    tell, n = paced(progress), len(files)
    read = partial(_read_all, image_shape=data.image_shape, fit=data.options.fit, bits_used=data.bits_used)
    for start in range(0, n, PART):
        part = [os.fspath(file) for file in files[start : start + PART]]
        pixels: list[NDArray[np.uint8] | UnreadablePictureError] = []
        with quiet():  # not across `yield`: it holds for the whole process
            for done, block in in_threads(read, part, _BLOCK):
                pixels += block
                tell(min(start + done, n - 1), n)  # the last batch is not done before it is asked for another
        found = [(file, image) for file, image in zip(part, pixels, strict=True) if isinstance(image, np.ndarray)]
        yield PictureBatch(
            tuple(file for file, _ in found),
            np.stack([image for _, image in found]) if found else np.empty((0, *data.image_shape), np.uint8),
            _reasons(part, pixels),
        )
    tell(n, n)


def unreadable_pictures(files: Sequence[str | Path], progress: Progress | None = None) -> list[str]:
    """Return why files are no pictures by their first bytes, each with its path; nothing is decoded.

    Parameters
    ----------
    files : sequence of str or Path
    progress : callable, optional
        Called with (pictures looked at, pictures in all).
    """
    tell, names, reasons = paced(progress), [os.fspath(file) for file in files], list[str]()
    with quiet():
        before = 0
        for done, block in in_threads(_headers, names, _BLOCK):
            reasons += _reasons(names[before:done], block)
            before = done
            tell(done, len(names))
    return reasons


def listed(unreadable: Sequence[str], n: int) -> str:
    """Return in one line which of `n` pictures cannot be read: the first of many, and how many there are more."""
    if len(unreadable) == 1:
        return unreadable[0]
    more = f"; and {len(unreadable) - SHOWN:,} more" if len(unreadable) > SHOWN else ""
    return (
        f"{len(unreadable):,} of {n:,} pictures cannot be read ({'; '.join(unreadable[:SHOWN])}{more}): leave them out"
    )


def some_of(files: Sequence[str]) -> list[str]:
    """Return at most `LOOKED_AT` files, evenly spread over all."""
    places = np.unique(np.linspace(0, len(files) - 1, min(len(files), LOOKED_AT)).round().astype(int))
    return [files[place] for place in places]


def appearance_of_files(batch: PictureBatch) -> tuple[NDArray[np.float64], list[int]]:
    """Return `measure_appearance` of a batch, with the colours of the files, and the shorter sides of these in pixels.

    Grey images show no colours, and images of one size no sizes.
    """
    measured = measure_appearance(batch.images)
    with quiet():
        sides = [min(header[:2]) for header in _headers(batch.files) if not isinstance(header, UnreadablePictureError)]
        if batch.images.shape[3] == 1:
            coloured = _read_all(batch.files, (_COLOUR_SIDE, _COLOUR_SIDE, 3))
            images = np.stack([image for image in coloured if isinstance(image, np.ndarray)])
            measured[:, -1] = measure_appearance(images)[:, -1]
    return measured, sides


def _read_all(
    files: Sequence[str], image_shape: tuple[int, int, int], fit: str = "pad", bits_used: int | None = None
) -> list[NDArray[np.uint8] | UnreadablePictureError]:
    def read(file: BinaryIO) -> NDArray[np.uint8]:
        return decode(file, image_shape, fit, bits_used)

    return [attempt(read, partial(open_file, file)) for file in files]


def _headers(files: Sequence[str]) -> list[tuple[int, int, bool] | UnreadablePictureError]:
    return [attempt(read_header, partial(open_file, file)) for file in files]


def _reasons(files: Sequence[str], results: Sequence[object]) -> tuple[str, ...]:
    return tuple(
        f"{shown(file)}: {result}"
        for file, result in zip(files, results, strict=True)
        if isinstance(result, UnreadablePictureError)
    )
