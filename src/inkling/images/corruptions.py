"""Images made worse on purpose: seven corruptions at five severities, to see how far a network's accuracy holds.

After ImageNet-C (Hendrycks and Dietterich, 2019, ICLR) and MNIST-C (Mu and Gilmer, 2019, arXiv:1906.02337). What is
counted in pixels there is a part of the side here, so that a digit of 28 pixels and a photo of 128 are harmed alike.
The images are those that a network is given, already fitted to its size, not the files that they come from.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkling.errors import DataError, did_you_mean

SEVERITIES = (1, 2, 3, 4, 5)

_PART = 64
"""Images at a time: noise is drawn in double the memory of pixels in single precision."""

Apply = Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[Any]]


@dataclass(frozen=True)
class Corruption:
    """One way of making images worse.

    Attributes
    ----------
    amounts : tuple of float
        One a severity, mild first.
    what : str
        The amount, with its unit.
    apply : callable
        Returns corrupted (n, H, W, C) images, of any real dtype, 0..255 but for what is cut off.
    """

    amounts: tuple[float, ...]
    what: str
    apply: Apply


def _noise(images: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[Any]:
    drawn: NDArray[Any] = rng.standard_normal(images.shape, np.float32)
    return images + np.float32(255 * amount) * drawn


def _blur(images: NDArray[np.uint8], amount: float, _: np.random.Generator) -> NDArray[Any]:
    sd = amount * max(28, min(images.shape[1:3]))  # less than 0.4 pixels would change nothing
    blurred: NDArray[Any] = ndimage.gaussian_filter(images.astype(np.float32), (0, sd, sd, 0), mode="nearest")
    return blurred


def _shift(images: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[Any]:
    pixels = amount * min(images.shape[1:3]) * rng.choice([-1, 1], (len(images), 2))
    shifted = [
        ndimage.shift(image, (down, right, 0), np.float32, order=1, mode="nearest")
        for image, (down, right) in zip(images, pixels, strict=True)
    ]
    return np.stack(shifted)


def _rotation(images: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[Any]:
    angles = amount * rng.choice([-1, 1], len(images))
    turned = [
        ndimage.rotate(image, angle, (0, 1), reshape=False, output=np.float32, order=1, mode="nearest")
        for image, angle in zip(images, angles, strict=True)
    ]
    return np.stack(turned)


def _contrast(images: NDArray[np.uint8], amount: float, _: np.random.Generator) -> NDArray[Any]:
    means = images.mean(axis=(1, 2), dtype=np.float64, keepdims=True)  # of each channel
    weaker: NDArray[Any] = means + amount * (images - means)
    return weaker


def _brightness(images: NDArray[np.uint8], amount: float, _: np.random.Generator) -> NDArray[Any]:
    value = images.max(axis=3, keepdims=True).astype(np.float64)  # V of the colour model HSV
    brighter = np.minimum(255, value + 255 * amount)
    # Hue and saturation stay; of black neither is known, and it becomes grey.
    brightened: NDArray[Any] = np.where(value > 0, images * (brighter / np.maximum(value, 1)), brighter)
    return brightened


def _jpeg(images: NDArray[np.uint8], amount: float, _: np.random.Generator) -> NDArray[Any]:
    compressed = np.empty_like(images)
    for place, image in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "jpeg", quality=int(amount))
        with Image.open(file) as opened:
            compressed[place] = np.asarray(opened).reshape(image.shape)
    return compressed


CORRUPTIONS = {
    "noise": Corruption((0.08, 0.12, 0.18, 0.26, 0.38), "standard deviation, fraction of white", _noise),
    "blur": Corruption((2 / 128, 3 / 128, 4 / 128, 5 / 128, 6 / 128), "standard deviation, fraction of a side", _blur),
    "shift": Corruption((1 / 28, 2 / 28, 3 / 28, 4 / 28, 5 / 28), "down or up and across, fraction of a side", _shift),
    "rotation": Corruption((6, 12, 18, 24, 30), "degrees, either way", _rotation),
    "contrast": Corruption((0.4, 0.3, 0.2, 0.1, 0.05), "fraction of the contrast that is left", _contrast),
    "brightness": Corruption((0.1, 0.2, 0.3, 0.4, 0.5), "added, fraction of white", _brightness),
    "JPEG": Corruption((25, 18, 15, 10, 7), "quality", _jpeg),
}
"""By name. Noise, contrast, brightness and JPEG have the amounts of ImageNet-C. Its Gaussian blur has 1 to 6 pixels;
here it has 2 to 6 of an image of 128, and below 28 as many as of 28. Shifts are those of MNIST-C, of images of 28
pixels. Rotations go half as far as MNIST-C's, which end at 57 degrees, where a digit may be another one. What comes in
from outside repeats the edge of the image, which is black for digits and no black wedge in photos. Amounts are the same
for small and for large images, but that a pixel of noise, or a block of 8 x 8 of JPEG, covers more of a small one."""


def corrupt(images: NDArray[np.uint8], corruption: str, severity: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return corrupted copies of images.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        C is 1 or 3. Not changed.
    corruption : str
        One of `CORRUPTIONS`.
    severity : int
        1..5.
    seed : int
        Of noise and directions. They are the same at every severity, only stronger.

    Returns
    -------
    ndarray of uint8, shape (N, H, W, C)

    Raises
    ------
    DataError
        If there is no such corruption or severity, or the images are of another kind.
    """
    if corruption not in CORRUPTIONS:
        near = did_you_mean(corruption, CORRUPTIONS)
        raise DataError(f"no corruption is called '{corruption}'{near}: choose from {', '.join(CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise DataError(f"expected a severity of 1 to 5, found {severity}")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            f"expected images of shape (N, H, W, C) with C 1 or 3 and bytes as pixels, found {images.dtype} of shape "
            f"{images.shape}"
        )
    way = CORRUPTIONS[corruption]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(list(CORRUPTIONS).index(corruption),)))
    corrupted = np.empty_like(images)
    for start in range(0, len(images), _PART):
        part = way.apply(np.asarray(images[start : start + _PART]), way.amounts[severity - 1], rng)
        corrupted[start : start + _PART] = np.rint(np.clip(part, 0, 255))
    return corrupted
