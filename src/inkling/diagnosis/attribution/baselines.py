"""What stands in for a pixel that is taken away: black where images are drawn on black, else the image blurred."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

BLACK, BLURRED = "black", "blurred"

BLACK_SHARE = 0.25
"""Fraction of all pixels that are black from which black is the ground that images are drawn on."""

BLUR = 1 / 8
"""Standard deviation of the blur, as a fraction of the shorter side."""


def baseline_of(images: NDArray[np.uint8]) -> str:
    """Return "black" where a quarter of the pixels or more are black, as in drawings; else, as for photos, "blurred".

    A black pixel in a photo is a dark thing, not the absence of one; a blurred one has lost its detail and kept the
    colour of its surroundings (Fong and Vedaldi, 2017, ICCV).

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    """
    return BLACK if (~images.any(axis=-1)).mean() >= BLACK_SHARE else BLURRED


def baseline_images(images: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    """Return what each image becomes when all its pixels are taken away.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    kind : str
        "black" or "blurred".

    Returns
    -------
    ndarray of uint8, shape (N, H, W, C)
    """
    if kind == BLACK:
        return np.zeros_like(images)
    sigma = BLUR * min(images.shape[1:3])
    blurred = gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="nearest")
    rounded: NDArray[np.uint8] = np.rint(blurred).astype(np.uint8)
    return rounded
