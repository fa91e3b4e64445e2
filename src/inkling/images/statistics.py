"""Mean and spread of pixels, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pixel_statistics(images: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the mean and standard deviation of all pixels, in grey levels 0..255.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        N at least 1.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), 4096):
        counts += np.bincount(np.asarray(images[start : start + 4096]).ravel(), minlength=256)
    levels = np.arange(256)
    mean = float(counts @ levels / counts.sum())
    return mean, float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))
