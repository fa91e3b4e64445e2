"""From X as scikit-learn's users hold it to what a network is given: bytes of images, or rows of floats.

Pictures are uint8, or floats in 0..1, which are not rounded where the network takes floats. Other rows are plain
features: they are standardised and stand in the place of scaled pixels.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from inkling.errors import DataError
from inkling.images.pixels import check_layout, to_bytes

ImageShape = tuple[int, int, int]

_BLOCK = 1024
"""Rows that are standardised at once: their float64 then stay in the cache."""


class InputError(DataError, ValueError):
    """X, y or weights are not what an estimator takes; a ValueError, as scikit-learn's users expect."""


def flattened(X: Any, channels_first: bool) -> tuple[Any, ImageShape | None]:  # noqa: N803 - scikit-learn's name
    """Return X as rows, (N, P), and the shape (H, W, C) of its images where X has one.

    Parameters
    ----------
    X : array-like, shape (N, P), (N, H, W), (N, H, W, C) or, with `channels_first`, (N, C, H, W)
    channels_first : bool

    Raises
    ------
    InputError
        If it has more than two dimensions and is no array of images.
    """
    if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) >= 2:
        X = np.asarray(X)
    if getattr(X, "ndim", 2) < 3 or not hasattr(X, "__array__"):
        return X, None
    images = np.asarray(X)
    if images.ndim == 4 and channels_first:
        images = np.moveaxis(images, 1, -1)
    try:
        check_layout(images.shape, "X")
    except DataError as error:
        raise InputError(f"{error}, or channels_first=True" if "stand first" in str(error) else str(error)) from None
    height, width, channels = (*images.shape[1:], 1)[:3]
    return images.reshape(len(images), -1), (height, width, channels)


@dataclass(frozen=True, eq=False)
class InputForm:
    """What rows are made into; decided when an estimator is fitted first."""

    image_shape: ImageShape  # of the network
    pictures: bool  # rows are pixels; else features
    rounded: bool = False  # pictures of floats become bytes
    channels_first: bool = False  # in flat rows of pixels
    scaler: StandardScaler | None = None  # of features
    dtype: Any = np.float32  # of rows of floats

    def arrays(self, rows: NDArray[Any], shape: ImageShape | None = None) -> NDArray[Any]:
        """Return what the network is given: uint8 (N, H, W, C), or floats (N, D) for its `OnFeatures`.

        Parameters
        ----------
        rows : ndarray of numbers, shape (N, P)
        shape : tuple of int, optional
            (H, W, C), where the rows were images.

        Raises
        ------
        InputError
            If pixels are out of range, or of other images than the network's.
        """
        if not self.pictures:
            return self._standardised(rows)
        if shape not in (None, self.image_shape):
            raise InputError(f"expected images of shape {self.image_shape}, found {shape}: make them one size")
        if shape is None and self.channels_first:
            height, width, channels = self.image_shape
            rows = np.moveaxis(rows.reshape(-1, channels, height, width), 1, -1).reshape(len(rows), -1)
        if rows.dtype.kind == "f" and not self.rounded:
            low, high = rows.min(initial=0), rows.max(initial=0)
            if low < 0 or high > 1:
                raise InputError(
                    f"expected pixels as floats in 0..1 (black to white), found {low:g}..{high:g}: scale them, or give "
                    "uint8 in 0..255"
                )
            return rows.astype(self.dtype, copy=False)
        try:
            return to_bytes(rows, "X").reshape(-1, *self.image_shape)
        except DataError as error:
            raise InputError(str(error)) from None

    def _standardised(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return features with mean 0 and standard deviation 1, zeros behind them where the network takes more."""
        made = np.zeros((len(rows), math.prod(self.image_shape)), self.dtype)
        mean, scale = self.scaler.mean_, self.scaler.scale_  # type: ignore[union-attr]
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            made[part, : rows.shape[1]] = (rows[part] - mean) / scale
        return made


def image_shape_of(
    rows: NDArray[Any], image_shape: tuple[int, ...] | None, shape: ImageShape | None, smallest_side: int, name: str
) -> ImageShape | None:
    """Return the shape of the images that rows are, or None where they are plain features.

    Rows of a square number of bytes are read as grey images, which a warning says; so are floats in 0..1 for a
    network that needs pictures.

    Parameters
    ----------
    rows : ndarray of numbers, shape (N, P)
    image_shape : tuple of int, optional
        (H, W) or (H, W, C), as the user gave it.
    shape : tuple of int, optional
        (H, W, C) as X had it.
    smallest_side : int
        Pixels that the network needs; 1: it takes rows of any length.
    name : str
        Of the estimator.

    Raises
    ------
    InputError
        If the shape does not fit the rows.
    """
    if image_shape is not None:
        try:
            height, width, channels = (*(int(length) for length in image_shape), 1)[:3]
        except (TypeError, ValueError):
            raise InputError(
                f"image_shape is (height, width) or (height, width, channels), found {image_shape!r}"
            ) from None
        given = (height, width, channels)
        if shape not in (None, given) or math.prod(given) != rows.shape[1]:
            found = f"images of shape {shape}" if shape else f"rows of {rows.shape[1]:,} numbers"
            raise InputError(f"image_shape is {given}, {math.prod(given):,} numbers an image, found {found}")
        return given
    if shape is not None:
        return shape
    side = math.isqrt(rows.shape[1])
    square = side**2 == rows.shape[1] and side >= smallest_side
    floats = rows.dtype.kind == "f" and smallest_side > 1
    if not square or not (rows.dtype == np.uint8 or (floats and rows.min() >= 0 and rows.max() <= 1)):
        return None
    warnings.warn(
        f"{name}: rows of {rows.shape[1]:,} pixels are read as grey images of {side}x{side}: give "
        f"image_shape=({side}, {side}) to say so, or the shape that they have",
        UserWarning,
        stacklevel=4,
    )
    return side, side, 1


def feature_form(
    rows: NDArray[Any], weights: NDArray[np.float64] | None, smallest_side: int, dtype: Any, name: str
) -> InputForm:
    """Return the form of plain features, which are standardised by these rows from then on.

    A network that needs pictures is given them row by row in a square, which a warning says.

    Parameters
    ----------
    rows : ndarray of numbers, shape (N, P)
        Training rows.
    weights : ndarray of float64, shape (N,), optional
        How much each counts.
    smallest_side : int
        Pixels that the network needs.
    dtype : dtype
    name : str
        Of the estimator.
    """
    scaler, p = StandardScaler(), rows.shape[1]
    # In blocks: 0.6 s for 50,000 x 784 against 5 s at once, where every array on the way takes its memory anew.
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        scaler.partial_fit(rows[part], sample_weight=None if weights is None else weights[part])
    if smallest_side == 1:
        return InputForm((1, p, 1), pictures=False, scaler=scaler, dtype=dtype)
    side = max(smallest_side, math.isqrt(p - 1) + 1)
    warnings.warn(
        f"{name}: {p:,} features are no picture; they are laid row by row into a square of {side}x{side}, zeros behind "
        "them: PerceptronClassifier takes them as they are",
        UserWarning,
        stacklevel=4,
    )
    return InputForm((side, side, 1), pictures=False, scaler=scaler, dtype=dtype)
