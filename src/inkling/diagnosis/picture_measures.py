"""What can be measured of every picture without knowing what it shows: brightness, contrast, sharpness, its border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from inkling.images.appearance import border_pixels
from inkling.images.progress import Progress, paced

LEAST_SIDE = 32
"""Pixels: of smaller images, sharpness is not measured; a line of a drawing is as wide there as a blurred edge."""
SIDE = 128
"""Larger images are averaged down to about so many pixels a side before sharpness is measured."""
TILES = 4
"""Rows and columns of tiles, of which the sharpest counts: a blurred background makes no blurred picture."""
_LEAST_SHARE = 0.25
"""Of a tile that must be judged for the tile to count."""
_BLOCK = 2**20
"""Pixels that are measured at a time, about."""


@dataclass(frozen=True, eq=False)
class PictureMeasures:
    """Of N images, in grey levels 0..255.

    Attributes
    ----------
    brightness : ndarray of float32, shape (N,)
        Mean of all pixels and channels.
    highest : ndarray of uint8, shape (N,)
        99% of the pixels are no brighter, each counted by its brightest channel: a red rose is not dark.
    lowest : ndarray of uint8, shape (N,)
        99% of the pixels are no darker, each counted by its darkest channel.
    contrast : ndarray of float32, shape (N,)
        Standard deviation of grey: the mean of the channels.
    sharpness : ndarray of float32, shape (N,)
        Root mean square of the Laplacian in the sharpest tile, borders of one grey aside; NaN where images are smaller
        than `LEAST_SIDE`. The variance of the Laplacian is the usual measure of focus (Pech-Pacheco et al., 2000,
        "Diatom autofocusing in brightfield microscopy", ICPR); the tile replaces the whole picture.
    border : ndarray of float32, shape (N, C + 1)
        Mean of each channel in the outermost sixteenth of the side, and the standard deviation of grey there.
    """

    brightness: NDArray[np.float32]
    highest: NDArray[np.uint8]
    lowest: NDArray[np.uint8]
    contrast: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    border: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.brightness)


def measure_pictures(images: NDArray[np.uint8], progress: Progress | None = None) -> PictureMeasures:
    """Measure every image, a block at a time.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        N at least 1. May be memory-mapped.
    progress : callable, optional
        Called with (images measured, N) a few times a second at most.
    """
    n, height, width, channels = images.shape
    report, size = paced(progress), max(1, _BLOCK // (height * width))
    rim = border_pixels(height, width)
    parts = []
    for start in range(0, n, size):
        block = np.asarray(images[start : start + size])  # (B, H, W, C)
        planes = [
            block[..., channel] for channel in range(channels)
        ]  # a loop over three is faster than an axis of three
        grey = reduce(np.add, (plane.astype(np.float32) for plane in planes)) / np.float32(channels)  # (B, H, W)
        border = np.column_stack([*(plane[:, rim].mean(axis=1) for plane in planes), grey[:, rim].std(axis=1)])
        highest, lowest = reduce(np.maximum, planes), reduce(np.minimum, planes)
        brightness, contrast = grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))
        parts.append((brightness, _level(highest, 0.99), _level(lowest, 0.01), contrast, _sharpness(grey), border))
        report(min(start + size, n), n)
    return PictureMeasures(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _level(values: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return the lowest grey level that at least this share of each image's pixels do not exceed, (B,)."""
    n = len(values)
    flat = values.reshape(n, -1)
    numbered = flat + 256 * np.arange(n)[:, np.newaxis]
    counts = np.bincount(numbered.ravel(), minlength=256 * n).reshape(n, 256).cumsum(axis=1)
    level: NDArray[np.uint8] = (counts >= share * flat.shape[1]).argmax(axis=1).astype(np.uint8)
    return level


def _sharpness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square of the Laplacian in the sharpest tile of each image, (B,); `grey` is (B, H, W)."""
    n, height, width = grey.shape
    if min(height, width) < LEAST_SIDE:
        return np.full(n, np.nan, np.float32)
    factor = max(1, round(min(height, width) / SIDE))
    shrunk = _by_blocks(grey, height // factor, width // factor)
    laplacian = (
        shrunk[:, 1:-1, 2:] + shrunk[:, 1:-1, :-2] + shrunk[:, 2:, 1:-1] + shrunk[:, :-2, 1:-1]
        - 4 * shrunk[:, 1:-1, 1:-1]
    )  # fmt: skip
    judged = _inside(shrunk)[:, 1:-1, 1:-1]
    share = _by_blocks(judged.astype(np.float32), TILES, TILES)  # (B, TILES, TILES)
    energy = _by_blocks(np.square(laplacian) * judged, TILES, TILES)
    energy = np.where(share >= _LEAST_SHARE, energy / np.maximum(share, _LEAST_SHARE), 0)
    sharpest: NDArray[np.float32] = np.sqrt(energy.max(axis=(1, 2)))
    return sharpest


def _inside(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels, (B, H, W), lie more than two from a row or column of one grey.

    Such is what a picture of another shape was filled up with, whose edge is sharp where the picture is not.
    """
    inside = np.ones(grey.shape, np.bool_)
    for axis in (1, 2):
        one_grey = grey.max(axis=axis, keepdims=True) == grey.min(axis=axis, keepdims=True)
        inside &= ~maximum_filter1d(one_grey, 5, axis=3 - axis)
    return inside


def _by_blocks(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return the means of `rows` x `columns` blocks of each (H, W); what is left over at the ends does not count."""
    n, height, width = values.shape
    down, across = height // rows, width // columns
    blocks = values[:, : rows * down, : columns * across].reshape(n, rows, down, columns, across)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return means
