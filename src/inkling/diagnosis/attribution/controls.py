"""Maps that never saw the network: an attribution map that does no better than these says nothing of the network.

Adebayo et al. (2018, NeurIPS, "Sanity checks for saliency maps"): a map can look right, and remove what matters,
because it finds the bright pixels, the edges or the middle of an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

_SMOOTH = (1 / 16, 1 / 6)
"""Standard deviations of the smooth noise, as fractions of the shorter side."""


def control_maps(
    images: NDArray[np.uint8],
    baselines: NDArray[np.uint8],
    maps: NDArray[np.floating[Any]],
    rng: np.random.Generator,
) -> Iterator[tuple[str, NDArray[np.floating[Any]]]]:
    """Yield the name and the maps (N, H, W) of every control.

    Parameters
    ----------
    images, baselines : ndarray of uint8, shape (N, H, W, C)
        `baselines` are the images with everything removed.
    maps : ndarray of float, shape (N, H, W)
        The maps to be put to the test, of which another image gets each; left out where there is one image.
    rng : numpy.random.Generator
    """
    n = len(images)
    grey = images.astype(np.float32).mean(axis=3)
    yield "the brightest pixels first", grey
    if baselines.any():
        yield "the pixels that change most first", np.abs(images.astype(np.float32) - baselines).sum(axis=3)
    yield "edges first", gaussian_gradient_magnitude(grey, (0, 1, 1))
    for size, part in zip(("fine", "coarse"), _SMOOTH, strict=True):
        sigma = part * min(grey.shape[1:])
        yield f"{size} smooth noise", gaussian_filter(rng.standard_normal(grey.shape), (0, sigma, sigma))
    if n > 1:
        shuffled = rng.permutation(n)
        others = np.empty(n, np.intp)
        others[shuffled] = np.roll(shuffled, 1)  # never its own
        yield "another image's map", maps[others]
