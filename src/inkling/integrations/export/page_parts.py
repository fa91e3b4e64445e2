"""What exported pages and that of a server say and check alike: drawings, pictures, confidence, what is covered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkling.images.drawings import INK, DrawingPath
from inkling.runs.run import Run

CHECKED = (1, 2)
"""Seeds of the images of no meaning whose answers a page compares before it gives any."""

_SQUARES = 7
"""Squares along the shorter side that are covered in turn to find the evidence; halves overlap in quick networks."""
_QUICK = 20_000_000
"""Multiply-adds of a quick one."""


def check_image(seed: int, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image of no meaning, (H, W, C), that the page's script makes of the same seed.

    The upper bytes of a linear congruential generator (Press et al., 1992, Numerical Recipes, section 7.1).
    """
    pixels, state = bytearray(), seed
    for _ in range(int(np.prod(image_shape))):
        state = (1664525 * state + 1013904223) % 2**32
        pixels.append(state >> 24)
    return np.frombuffer(bytes(pixels), np.uint8).reshape(image_shape)


def occlusion_squares(image_shape: tuple[int, int, int], multiply_adds: int) -> dict[str, int]:
    """Return the side of the squares that a page covers in turn, and how far apart they are, in pixels."""
    height, width, _ = image_shape
    side = min(max(2, round(min(height, width) / _SQUARES)), height, width)
    return {"side": side, "stride": max(1, side // 2) if multiply_adds <= _QUICK else side}


def calibration_words(temperature: float, validation_images: int) -> str:
    """Return what is said of confidence at a temperature that was fitted."""
    if temperature == 1:
        return f"Calibrated: temperature 1, because {validation_images:,} validation images show no need of another"
    return f"Calibrated: temperature {temperature:.3g}, fitted on {validation_images:,} validation images"


def ink_words(path: DrawingPath) -> str:
    """Return what becomes of ink."""
    words = "light on dark" if path.light_on_dark else "dark on light"
    return f"Becomes {words}, as the training images are (their mean is {path.mean:.0f} of 255)"


def cover_words(path: DrawingPath) -> str:
    """Return what squares are covered with."""
    if path.kind != INK:
        return "the mean colour of the image"
    return "black" if path.light_on_dark else "white"


def picture_words(run: Run, path: DrawingPath) -> str:
    """Return what becomes of pictures."""
    if path.kind == INK:
        return "Ink is what stands out from the border, darker or lighter; it goes the way of drawings"
    return fitting_words(run)


def fitting_words(run: Run) -> str:
    """Return what becomes of pictures of another size."""
    words = {"pad": "borders are added", "crop": "what stands over is cut off", "stretch": "they are distorted"}
    height, width, _ = run.data.image_shape
    return f"Shrunk to {height}x{width} pixels; where their shape is another, {words[run.data.options.fit]}"
