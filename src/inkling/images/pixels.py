"""From arrays of pixels such as libraries and files hold, floats and integers alike, to unsigned bytes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError

_log = logging.getLogger(__name__)

_BLOCK = 16 * 1024**2
"""Values that are converted at once: their floats need four to eight times as many bytes."""


def to_bytes(pixels: NDArray[Any], what: str = "images") -> NDArray[np.uint8]:
    """Return pixels as uint8, 0..255.

    Parameters
    ----------
    pixels : ndarray of any shape
        uint8 is given back as it is. Floats must lie in 0..1, which becomes 0..255, rounded to the nearest. Other
        integers must lie in 0..255. False and True become 0 and 255.
    what : str
        What the pixels are called in a message.

    Raises
    ------
    DataError
        If values are out of range, not finite, or no numbers.
    """
    kind = pixels.dtype.kind
    if pixels.dtype == np.uint8:
        return pixels
    if kind not in "biuf":
        raise DataError(f"{what}: expected pixels as numbers, found {pixels.dtype}")
    flat = pixels.reshape(-1)
    result = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), _BLOCK):
        block = flat[start : start + _BLOCK]
        _check_range(block, what)
        scaled = block if kind in "iu" else np.rint(block.astype(np.float64 if kind == "f" else np.uint8) * 255)
        result[start : start + _BLOCK] = scaled
    result.flags.writeable = False  # nobody else has it: a data set needs no copy of its own
    return result.reshape(pixels.shape)


def check_layout(shape: tuple[int, ...], what: str = "images") -> None:
    """Raise DataError unless a shape is that of images: (N, H, W), or (N, H, W, C) with C 1 or 3."""
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)):
        return
    advice = "grey or RGB pictures fit"
    if len(shape) == 4 and shape[1] in (1, 3):
        advice = "the channels stand first there: give np.moveaxis(images, 1, -1)"
    elif len(shape) == 4 and shape[3] == 4:
        advice = "leave the transparency out: give images[..., :3]"
    elif len(shape) == 2:
        advice = "rows of pixels need a height and a width: give images.reshape(-1, height, width)"
    raise DataError(f"{what}: expected shape (N, H, W) or (N, H, W, C) with C 1 or 3, found {shape}: {advice}")


def warn_of_zeros_and_ones(pixels: NDArray[Any]) -> None:
    """Say it where integers are 0 and 1 alone: meant as black and white perhaps, they are all but black of 0..255."""
    if pixels.dtype.kind in "iu" and pixels.size and pixels.max() == 1 and pixels.min() == 0:
        _log.warning(
            "inkling: the pixels are the integers 0 and 1 alone, of 0..255, so that all images are black to the eye: "
            "for black and white give booleans, as images.astype(bool)"
        )


def _check_range(values: NDArray[Any], what: str) -> None:
    if values.dtype.kind == "b" or not len(values):
        return
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and not (low >= 0 and high <= 1):  # NaN is neither
        found = "values that are no finite numbers" if not np.isfinite(low + high) else f"{low:g}..{high:g}"
        raise DataError(
            f"{what}: floats must lie in 0..1 (black to white), found {found}: undo a normalisation, or give uint8 "
            "in 0..255"
        )
    if low < 0 or high > 255:
        raise DataError(f"{what}: integers must lie in 0..255, found {low}..{high}: scale them to 0..255")
