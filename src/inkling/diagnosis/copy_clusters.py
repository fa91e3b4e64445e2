"""Clusters of copies: images that equal each other, exactly or nearly, directly or by way of others."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.duplicates import near_pairs
from inkling.images.progress import Progress, paced


def cluster_copies(
    images: NDArray[np.uint8], near: float | None = None, progress: Progress | None = None
) -> NDArray[np.intp]:
    """Return the cluster of each image: copies of one picture have one number.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    near : float, optional
        Correlation, 0..1, from which images are copies, as `find_duplicates` takes it; without it every pixel must be
        equal.
    progress : callable, optional
        Called with (images compared, images) a few times a second at most.

    Returns
    -------
    ndarray of intp, shape (N,)
        0..G-1 for G clusters, images without a copy included.
    """
    digests = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]
    _, clusters = np.unique(np.array(digests, "S32"), return_inverse=True)
    if near is not None:
        for later, earlier, _ in near_pairs([images], near, paced(progress)):
            joined = np.unique(clusters[[later, *earlier]])
            if len(joined) > 1:
                clusters[np.isin(clusters, joined)] = joined[0]
        _, clusters = np.unique(clusters, return_inverse=True)
    return clusters.astype(np.intp)
