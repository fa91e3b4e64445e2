"""How images look as a whole: bright or dark, inside and at the border, contrast, colour, size of the pictures.

Kept with a run of its training images, it tells pictures that were made in another way, above all ink on paper where
the network has learnt light on dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEASURES = ("brightness", "border", "contrast", "colour")
"""Columns of `measure_appearance`."""

MOST = 1000
"""Training images that are measured, evenly spread over all."""

MARGIN = 0.02
"""Of 0..1: what lies no farther outside of the training images is like them."""

_DEVIATIONS = 4.0
"""Standard deviations around the mean that single pictures may lie at: few training images do not show the extremes."""

_SEVERAL = 8
"""From so many pictures on, most of them are compared with the middle 95% of training images, not with the extremes."""

_OUTSIDE, _CLEARLY = 0.05, 0.1
"""Of 0..1: how far outside of the training images a turned picture lies at least, and how much nearer it must come."""

_SMALLER, _LARGER = 0.5, 8.0
"""Shorter sides beyond so many times those of the training pictures are of another size."""

_WORDS = {
    "brightness": ("darker", "brighter"),
    "border": ("darker at the border", "brighter at the border"),
    "contrast": ("of less contrast", "of more contrast"),
    "colour": ("less colourful", "more colourful"),
}
_BLOCK = 2**20
"""Pixels that are measured at a time, about."""


def border_pixels(height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels are the border, bool (H, W): the outermost sixteenth of the shorter side, one at least."""
    wide = max(1, min(height, width) // 16)
    outer = np.ones((height, width), np.bool_)
    outer[wide : height - wide, wide : width - wide] = False
    return outer


def measure_appearance(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the MEASURES of images, each in 0..1.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)

    Returns
    -------
    ndarray of float64, shape (N, 4)
        Mean of all pixels; mean of the border; standard deviation of grey; mean over pixels of the highest channel
        less the lowest.
    """
    n, height, width, channels = images.shape
    border, size = border_pixels(height, width), max(1, _BLOCK // (height * width))
    measured = np.zeros((n, len(MEASURES)))
    for start in range(0, n, size):
        block = np.asarray(images[start : start + size])  # (B, H, W, C)
        grey = block.mean(axis=3, dtype=np.float32)  # (B, H, W)
        part = measured[start : start + size]
        part[:, 0] = grey.mean(axis=(1, 2), dtype=np.float64)
        part[:, 1] = grey[:, border].mean(axis=1, dtype=np.float64)
        part[:, 2] = grey.std(axis=(1, 2), dtype=np.float64)
        if channels > 1:
            part[:, 3] = (block.max(axis=3) - block.min(axis=3)).mean(axis=(1, 2), dtype=np.float64)
    return measured / 255


@dataclass(frozen=True)
class Levels:
    """One measure over training images: its extremes, the ends of its middle 95%, mean and standard deviation."""

    lowest: float
    low: float
    mean: float
    deviation: float
    high: float
    highest: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Levels:
        """Describe values of shape (N,), rounded to six digits."""
        lowest, low, high, highest = np.quantile(values, [0, 0.025, 0.975, 1])
        numbers = (lowest, low, values.mean(), values.std(), high, highest)
        return cls(*(round(float(number), 6) for number in numbers))

    def expected(self, n: int) -> tuple[float, float]:
        """Return between which values most of `n` pictures like the training images lie."""
        if n >= _SEVERAL:
            return self.low - MARGIN, self.high + MARGIN
        lowest, highest = self._extremes
        return lowest - MARGIN, highest + MARGIN

    def beyond(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far values lie outside of where single pictures may lie, 0 inside."""
        lowest, highest = self._extremes
        outside: NDArray[np.float64] = np.maximum(0, np.maximum(lowest - values, values - highest))
        return outside

    @property
    def _extremes(self) -> tuple[float, float]:
        around = _DEVIATIONS * self.deviation
        return min(self.lowest, self.mean - around), max(self.highest, self.mean + around)


@dataclass(frozen=True)
class Appearance:
    """How the training images of a run look.

    Attributes
    ----------
    images : int
        That were measured.
    brightness, border, contrast, colour : Levels
        Of `measure_appearance`.
    sides : tuple of int
        Shortest and longest of the shorter sides of the picture files, in pixels; of the images where there are none.
    """

    images: int
    brightness: Levels
    border: Levels
    contrast: Levels
    colour: Levels
    sides: tuple[int, int]

    @classmethod
    def of(cls, images: NDArray[np.uint8], sides: tuple[int, int] | None = None) -> Appearance:
        """Describe images, uint8 of shape (N, H, W, C), of which at most `MOST` are measured."""
        places = np.unique(np.linspace(0, len(images) - 1, min(len(images), MOST)).round().astype(np.intp))
        brightness, border, contrast, colour = map(Levels.of, measure_appearance(images[places]).T)
        side = min(images.shape[1:3])
        return cls(len(places), brightness, border, contrast, colour, sides or (side, side))

    def turned(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which images look dark where the training images are light, and light where they are dark, bool (N,).

        Such an image lies outside of the training images in brightness, as a whole or at its border, and turning dark
        into light brings it clearly nearer to them. Where training images are of both kinds, none does.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        """
        measured = measure_appearance(images)[:, :2].T  # (2, N)
        levels = (self.brightness, self.border)
        as_it_is, turned = (
            np.stack([level.beyond(column) for level, column in zip(levels, values, strict=True)])
            for values in (measured, 1 - measured)
        )
        found: NDArray[np.bool_] = (as_it_is.max(axis=0) > _OUTSIDE) & (
            as_it_is.sum(axis=0) - turned.sum(axis=0) > _CLEARLY
        )
        return found

    def differences(self, measured: NDArray[np.float64], sides: Sequence[int]) -> tuple[str, ...]:
        """Return in what most of some pictures are unlike the training images, a few words each.

        More than half of them must lie on one side of what is expected: of fewer than eight, of all training images
        and of four standard deviations; of more, of their middle 95%.

        Parameters
        ----------
        measured : ndarray of float64, shape (N, 4)
            Of `measure_appearance`.
        sides : sequence of int, length N
            Shorter sides of the picture files in pixels.
        """
        found = []
        for name, values in zip(MEASURES, measured.T, strict=True):
            levels: Levels = getattr(self, name)
            low, high = levels.expected(len(values))
            for word, outside in zip(_WORDS[name], (values < low, values > high), strict=True):
                if _most(outside):
                    found.append(
                        f"{word} ({np.median(values):.2f}, training {levels.lowest:.2f} to {levels.highest:.2f})"
                    )
        shortest, longest = self.sides
        side = np.asarray(sides)
        for word, outside in (("smaller", side < _SMALLER * shortest), ("larger", side > _LARGER * longest)):
            if _most(outside):
                training = str(shortest) if shortest == longest else f"{shortest} to {longest}"
                found.append(f"{word} (shorter side {np.median(side):.0f} pixels, training {training})")
        return tuple(found)


def _most(outside: NDArray[np.bool_]) -> bool:
    return bool(2 * outside.sum() > len(outside))
