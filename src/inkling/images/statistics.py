"""Mean and spread of pixels, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkling.images.progress import Progress, paced

_BLOCK = 2**20
"""Pixels that are counted at a time, about; NumPy takes eight bytes for each."""


def pixel_statistics(images: NDArray[np.uint8], progress: Progress | None = None) -> tuple[float, float]:
    """Return the mean and standard deviation of all pixels, in grey levels 0..255.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
        N at least 1. May be memory-mapped.
    progress : callable, optional
        Called with (images measured, N) a few times a second at most.
    """
    report, block = paced(progress), max(1, _BLOCK // int(np.prod(images.shape[1:])))
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), block):
        counts += np.bincount(np.asarray(images[start : start + block]).ravel(), minlength=256)
        report(min(start + block, len(images)), len(images))
    levels = np.arange(256)
    mean = float(counts @ levels / counts.sum())
    return mean, float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))
