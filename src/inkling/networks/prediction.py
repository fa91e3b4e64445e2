"""Probabilities of many images, part by part, so that somebody can be told how far it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkling.images.progress import Progress, paced
from inkling.networks.protocols import Classifier

PART = 256
"""Images at a time: a multiple of what networks take at once, so that the parts change no result."""


def predict_in_parts(
    classifier: Classifier, images: NDArray[np.uint8], progress: Progress | None = None
) -> NDArray[np.float32]:
    """Return what ``classifier.predict_proba(images)`` returns, telling how far it is.

    Parameters
    ----------
    classifier : Classifier
    images : ndarray of uint8, shape (N, H, W, C)
    progress : callable, optional
        Called a few times a second at most with (images done, images in all).

    Returns
    -------
    ndarray of float32, shape (N, K)
    """
    tell, n = paced(progress), len(images)
    probabilities = np.empty((n, classifier.n_classes), np.float32)
    for start in range(0, n, PART):
        probabilities[start : start + PART] = classifier.predict_proba(images[start : start + PART])
        tell(min(start + PART, n), n)
    return probabilities
