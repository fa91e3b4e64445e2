"""From ink to an image like those of a set: as MNIST's digits were made, with sizes measured from the training images.

MNIST's path (LeCun, Cortes, Burges, 1998): the ink is cropped, fitted into 20x20 pixels with its proportions kept, and
laid so that its centre of mass is in the middle of 28x28. In other sets the ink has another size, or its box is in the
middle, as in the bundled digits of 8x8: `measure_drawings` finds out. An exported page does the same in JavaScript
(integrations/export/templates/picture.js); tests hold both equal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

INK, FRAME = "ink", "frame"
MASS, BOX = "mass", "box"

THRESHOLD = 32
"""Grey levels of 255 above which a pixel is ink."""

FAINTEST = 32
"""Grey levels by which something in a picture must differ from its border to be ink."""

NOISE, FULL = 0.35, 0.6
"""Fractions of the strongest difference from the border: up to the first it is shadow and grain of the paper, from the
second on full ink. Chosen on validation images of MNIST laid on paper of different contrast, slope and grain."""

_MEASURED = 2000
"""Training images that are measured at most."""
_AGREEING = 0.9
"""Fraction of the images whose ink must be as long as the median says, to a pixel."""
_ROUND_UP = 1e-6
"""Halves that two computers reach by different sums are rounded in one way."""


@dataclass(frozen=True)
class DrawingPath:
    """How a drawing becomes an image.

    Attributes
    ----------
    kind : str
        "ink": cropped, fitted, centred. "frame": the whole drawing area becomes the image; so it is where the ink of
        the training images has no size in common.
    light_on_dark : bool
        Whether the training images are: their mean is below 127.5.
    mean : float
        Of all pixels of the training images, 0..255.
    longest : int
        Pixels of the longer side of the ink, with "ink".
    centre : str
        "mass": the ink's centre of mass comes to `aim`; "box": the middle of its box does.
    aim : tuple of float
        (row, column) in pixels from the upper left corner, to half a pixel.
    """

    kind: str
    light_on_dark: bool
    mean: float
    longest: int = 0
    centre: str = MASS
    aim: tuple[float, float] = (0.0, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "aim": list(self.aim)}

    @property
    def rule(self) -> str:
        """One sentence that says what is done with a drawing."""
        if self.kind == FRAME:
            return "The whole drawing area is shrunk to the size of the training images."
        middle = "centre of mass" if self.centre == MASS else "middle of the box around it"
        row, column = self.aim
        return (
            f"The ink is cropped, fitted into {self.longest}x{self.longest} pixels with its proportions kept, and laid "
            f"so that its {middle} is {column:g} pixels from the left and {row:g} from the top, as in the training "
            "images."
        )


def measure_drawings(images: NDArray[np.uint8]) -> DrawingPath:
    """Return how drawings become images like these.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        Training images; those of colour are never drawn.
    """
    sample = images[:: max(1, len(images) // _MEASURED)]
    mean = float(sample.mean(dtype=np.float64))
    light_on_dark = mean < 127.5
    frame = DrawingPath(FRAME, light_on_dark, mean)
    if images.shape[3] != 1:
        return frame
    ink = sample[..., 0] if light_on_dark else 255 - sample[..., 0]  # (N, H, W)
    boxes = [box for box in map(_box, ink) if box is not None]
    if not boxes:
        return frame
    sides = np.array([max(bottom - top, right - left) for top, bottom, left, right in boxes])
    longest = int(np.median(sides))
    if np.mean(np.abs(sides - longest) <= 1) < _AGREEING:
        return frame
    drawn = [each for each in ink if _box(each) is not None]
    by_mass = np.array([_mass(each) for each in drawn])
    by_box = np.array([((top + bottom) / 2, (left + right) / 2) for top, bottom, left, right in boxes])
    centre, places = min(((MASS, by_mass), (BOX, by_box)), key=lambda each: float(each[1].var(axis=0).sum()))
    row, column = np.round(2 * places.mean(axis=0)) / 2
    return DrawingPath(INK, light_on_dark, mean, longest, centre, (float(row), float(column)))


def ink_of_picture(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what stands out from the border of a picture, such as a photo of a digit on paper.

    The ground is the median of the border; ink is what differs from it, in the direction in which the largest
    difference lies, so that ink may be darker or lighter than its paper.

    Parameters
    ----------
    grey : ndarray of uint8, shape (H, W)

    Returns
    -------
    ndarray of float32, shape (H, W)
        0 to 255; all 0 where nothing stands out.
    """
    levels = grey.astype(np.float64)
    border = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
    difference = levels - np.median(border)
    if -difference.min() > difference.max():
        difference = -difference
    strongest = difference.max()
    if strongest < FAINTEST:
        return np.zeros(grey.shape, np.float32)
    ink: NDArray[np.float32] = (np.clip((difference / strongest - NOISE) / (FULL - NOISE), 0, 1) * 255).astype(
        np.float32
    )
    return ink


def draw(ink: NDArray[np.float32], path: DrawingPath, image_shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """Return the image that a drawing becomes; None of an empty one.

    Parameters
    ----------
    ink : ndarray of float32, shape (h, w)
        0, no ink, to 255.
    path : DrawingPath
    image_shape : tuple of int
        (H, W, 1).

    Returns
    -------
    ndarray of uint8, shape (H, W, 1), or None
    """
    height, width, _ = image_shape
    box = _box(ink)
    if box is None:
        return None
    if path.kind == FRAME:
        levels = _rounded(Image.fromarray(ink).resize((width, height), Image.Resampling.LANCZOS))
    else:
        top, bottom, left, right = box
        ratio = path.longest / max(bottom - top, right - left)
        rows, columns = (max(1, int((side * ratio) + 0.5 + _ROUND_UP)) for side in (bottom - top, right - left))
        fitted = Image.fromarray(ink).resize((columns, rows), Image.Resampling.BOX, (left, top, right, bottom))
        inner = _rounded(fitted)
        centre = _mass(inner) if path.centre == MASS else (rows / 2, columns / 2)
        y, x = (
            min(max(int(np.floor(aim - place + 0.5 + _ROUND_UP)), 0), whole - part)
            for aim, place, whole, part in zip(path.aim, centre, (height, width), (rows, columns), strict=True)
        )
        levels = np.zeros((height, width), np.uint8)
        levels[y : y + rows, x : x + columns] = inner
    return (levels if path.light_on_dark else 255 - levels)[..., np.newaxis]


def _box(ink: NDArray[Any]) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) of the ink, the second of each pair excluded; None where there is none."""
    inked = ink > THRESHOLD
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1) if len(rows) else None


def _mass(ink: NDArray[Any]) -> tuple[float, float]:
    """(row, column) of the centre of mass, in pixels from the upper left corner."""
    weights = ink.astype(np.float64)
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    total = rows.sum()
    return (
        float(rows @ (np.arange(len(rows)) + 0.5) / total),
        float(columns @ (np.arange(len(columns)) + 0.5) / total),
    )


def _rounded(levels: Image.Image) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(np.floor(np.asarray(levels, np.float64) + 0.5 + _ROUND_UP), 0, 255).astype(
        np.uint8
    )
    return rounded
