"""Random changes of images that keep their class: affine maps, elastic deformation, windows, mirror images.

For digits and drawings: one map per image, all images of a batch at once: each output pixel asks where it came from and
reads there with bilinear interpolation; what lies outside the picture is black. (Simard, Steinkraus and Platt, 2003,
"Best practices for convolutional neural networks applied to visual document analysis". They smooth a displacement of
every pixel; here the points of a coarse grid are displaced, and the pixels between follow smoothly.)

For photos: a window of the image is enlarged to the size of the whole (Szegedy et al., 2015, "Going deeper with
convolutions", section 6) and mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GRID = 7.0
"""Pixels, about, from point to point of the grid that elastic deformation moves."""


_AFFINE = ("rotation", "shear", "scale", "shift", "shift")
"""The amounts behind an affine map, the shift once down and once across."""

_STRETCH = 4 / 3
"""Sides of a window are to each other, at most, as this times those of the image."""


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed; each amount is drawn uniformly, for every image anew.

    The defaults change nothing.

    Attributes
    ----------
    shift : float
        Pixels, either way, along each axis.
    rotation : float
        Degrees, either way.
    scale : float
        Fraction: sizes from 1 - scale to 1 + scale.
    shear : float
        Degrees of slant, either way.
    elastic : float
        Pixels, either way, along each axis, for every point of a coarse grid (elastic deformation).
    crop : float
        Fraction of each side, 0..0.9, that may be left out: a window, anywhere in the image, is enlarged to its size.
        It has 1 - crop to 1 of each side, and one side in relation to the other up to 4/3 of what it was.
    flip : bool
        Mirror every second image, drawn at random, left for right. For photos: a mirrored digit is another sign, or
        none.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    crop: float = 0.0
    flip: bool = False

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def problems(self) -> list[str]:
        """Return one sentence for each amount that is out of range."""
        limits = {"shift": 1024.0, "rotation": 180.0, "scale": 0.9, "shear": 60.0, "elastic": 64.0}
        limits["crop"] = 0.9
        return [
            f"augmentation {name} must lie in 0..{limit:g}, found {getattr(self, name)}"
            for name, limit in limits.items()
            if not 0 <= getattr(self, name) <= limit
        ]


def augment(images: NDArray[np.uint8], amounts: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return randomly changed copies of the images.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        Not changed.
    amounts : Augmentation
    rng : numpy.random.Generator
        Source of every random number; the same state gives the same pictures.

    Returns
    -------
    ndarray of uint8, shape (N, H, W, C)
    """
    n, height, width, _ = images.shape
    # Amounts that came later draw later: settings without them keep their pictures.
    parts = rng.uniform(-1, 1, (len(_AFFINE), n))
    moved = _elastic(n, height, width, amounts.elastic, rng) if amounts.elastic else None
    affine = moved is not None or any(getattr(amounts, name) for name in _AFFINE)
    changed = _resampled(images, *_maps(amounts, parts), moved) if affine else images.copy()
    if amounts.crop:
        changed = _enlarged(changed, *_random_windows(n, height, width, amounts.crop, rng))
    if amounts.flip:
        mirrored = rng.random(n) < 0.5
        changed[mirrored] = changed[mirrored, :, ::-1]
    return changed


def variants(images: NDArray[np.uint8], amounts: Augmentation) -> Iterator[NDArray[np.uint8]]:
    """Yield the images, and copies that are changed in one way each, by half of an amount, this way and that.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    amounts : Augmentation
        Elastic deformation, which has no two ways, is left out.

    Yields
    ------
    ndarray of uint8, shape (N, H, W, C)
        One; two for each of rotation, shear, scale, shift down and shift across that is not 0; one for a crop, the
        window in the middle; and with `flip` the mirror image of each of these.
    """
    for variant in _unmirrored_variants(images, amounts):
        yield variant
        if amounts.flip:
            yield np.ascontiguousarray(variant[:, :, ::-1])


def _unmirrored_variants(images: NDArray[np.uint8], amounts: Augmentation) -> Iterator[NDArray[np.uint8]]:
    yield images
    n, height, width, _ = images.shape
    for way, name in enumerate(_AFFINE):
        for part in (-0.5, 0.5) if getattr(amounts, name) else ():
            parts = np.zeros((len(_AFFINE), n))
            parts[way] = part
            yield _resampled(images, *_maps(amounts, parts))
    if amounts.crop:
        sides = np.full((n, 2), 1 - amounts.crop / 2)
        yield _enlarged(images, (1 - sides) / 2 * (height, width), sides * (height, width))


def _resampled(
    images: NDArray[np.uint8],
    to_source: NDArray[np.float32],
    shift: NDArray[np.float32],
    moved: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Read every output pixel where the maps, and what else is `moved` (2, N, H, W), say it came from."""
    n, height, width, channels = images.shape
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis] - np.float32((height - 1) / 2)  # (H, 1)
    columns = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)  # (W,)
    a, b, c, d = (to_source[:, i, j, np.newaxis, np.newaxis] for i in (0, 1) for j in (0, 1))  # each (N, 1, 1)
    y = a * rows + b * columns + (shift[:, 0, None, None] + (height + 1) / 2)  # (N, H, W)
    x = c * rows + d * columns + (shift[:, 1, None, None] + (width + 1) / 2)
    if moved is not None:
        y += moved[0]
        x += moved[1]
    # The border of zeros around every image is what lies outside; clipping sends far places onto it.
    np.clip(y, 0, height + 0.999, out=y)
    np.clip(x, 0, width + 0.999, out=x)
    top, left = y.astype(np.int32), x.astype(np.int32)
    y -= top
    x -= left
    padded = np.zeros((n, height + 2, width + 2, channels), np.uint8)
    padded[:, 1:-1, 1:-1] = images
    across = width + 2
    # Narrow integers are faster, where they can count the pixels.
    index: Any = np.int32 if padded.size < 2**31 else np.int64
    first = np.arange(n, dtype=index)[:, None, None] * index((height + 2) * across)
    start = (first + top * index(across) + left).ravel()
    y, x = y.reshape(-1, 1), x.reshape(-1, 1)
    pixels = padded.reshape(-1, channels)
    upper_left, upper_right, lower_left, lower_right = (
        np.take(pixels, start + offset, axis=0, mode="clip").astype(np.float32)
        for offset in (index(0), index(1), index(across), index(across + 1))
    )
    upper_right -= upper_left
    upper_right *= x
    upper_right += upper_left
    lower_right -= lower_left
    lower_right *= x
    lower_right += lower_left
    lower_right -= upper_right
    lower_right *= y
    lower_right += upper_right
    lower_right += np.float32(0.5)
    changed: NDArray[np.uint8] = lower_right.astype(np.uint8).reshape(images.shape)
    return changed


def _random_windows(
    n: int, height: int, width: int, crop: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the upper left corner and the (height, width) of a window in each image, pixels, each (N, 2)."""
    side = 1 - crop * rng.random(n)
    stretch = _STRETCH ** rng.uniform(-0.5, 0.5, n)
    sizes = np.minimum(np.stack([side * stretch, side / stretch], axis=1), 1) * (height, width)
    return ((height, width) - sizes) * rng.random((n, 2)), sizes


def _enlarged(images: NDArray[np.uint8], corners: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return windows of the images, enlarged to the size of the images.

    `corners` and `sizes`, (N, 2), are (row, column) and (height, width) in pixels. Rows first, then columns, one image
    at a time: it stays in the cache, and two passes along lines take a fifth of the time of `_resampled`.
    """
    _, height, width, channels = images.shape
    rows, row_parts = _places(corners[:, 0], sizes[:, 0], height)
    columns, column_parts = _places(corners[:, 1], sizes[:, 1], width)
    enlarged = np.empty_like(images)
    for k, image in enumerate(images):
        tall = _between_lines(image.reshape(height, -1), rows[k], row_parts[k])
        lines = np.ascontiguousarray(tall.T).reshape(width, -1)  # a line a column: (W, C * H)
        wide = _between_lines(lines, columns[k], column_parts[k])
        enlarged[k] = wide.reshape(width * channels, height).T.reshape(image.shape)
    return enlarged


def _places(
    starts: NDArray[np.float64], lengths: NDArray[np.float64], side: int
) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
    """Return which line, and how many 256ths of the way to the next, each line of a window is read at: (N, side)."""
    centres = starts[:, None] + (np.arange(side) + 0.5) * (lengths[:, None] / side) - 0.5
    centres = np.clip(centres, 0, side - 1)
    first = np.minimum(centres.astype(np.intp), max(side - 2, 0))
    return first, np.rint((centres - first) * 256).astype(np.uint16)


def _between_lines(lines: NDArray[np.uint8], first: NDArray[np.intp], parts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return lines (n, m) between the given ones and the next: 255 * 256 is the largest sum, and 16 bits hold it."""
    after = parts[:, np.newaxis]
    mixed = lines.take(first, axis=0).astype(np.uint16)
    mixed *= 256 - after
    mixed += after * lines.take(first + 1, axis=0, mode="clip")
    mixed += 128
    mixed >>= 8
    return mixed.astype(np.uint8)


def _elastic(n: int, height: int, width: int, amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how far each pixel goes down and right, (2, N, H, W)."""
    over_rows, over_columns = _between(height), _between(width)
    points = rng.uniform(-amount, amount, (2, n, over_rows.shape[1], over_columns.shape[1])).astype(np.float32)
    moved: NDArray[Any] = over_rows @ points @ over_columns.T
    return moved


@cache
def _between(side: int) -> NDArray[np.float32]:
    """Return the share of each grid point in each pixel of a side, (side, points), rows summing to 1."""
    points = max(2, round(side / _GRID) + 1)
    place = np.arange(side) * ((points - 1) / max(1, side - 1))
    distance = np.clip(np.abs(place[:, np.newaxis] - np.arange(points)), 0, 1)
    share: NDArray[np.float32] = np.asarray(1 - distance**2 * (3 - 2 * distance), np.float32)
    return share


def _maps(amounts: Augmentation, parts: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return maps from output to source places about the centre: matrices (N, 2, 2) and (row, column) shifts (N, 2).

    `parts`, (5, N), says which part of each amount of `_AFFINE` is applied to each image, from -1 to 1.
    """
    rotation, shear, scale, down, right = parts
    n = parts.shape[1]
    angle = np.radians(amounts.rotation) * rotation
    slant = np.tan(np.radians(amounts.shear) * shear)
    size = 1 / (1 + amounts.scale * scale)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.empty((n, 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1] = size * cos, size * sin
    matrix[:, 1, 0], matrix[:, 1, 1] = size * (slant * cos - sin), size * (slant * sin + cos)
    return matrix.astype(np.float32), (amounts.shift * np.stack([down, right], axis=1)).astype(np.float32)
