"""Images that must be in one fold: copies of one picture, which share its label and would vouch for it, and groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inkling.diagnosis.copy_clusters import cluster_copies
from inkling.diagnosis.duplicates import MOST_COMPARED, NEAR
from inkling.images.dataset import ImageDataset
from inkling.images.progress import Progress


def kept_together(images: ImageDataset, folds: int, progress: Progress | None = None) -> NDArray[np.intp]:
    """Return numbers that are equal for images that belong into one fold.

    Images of one group always do. Copies do unless they are no few copies: where those that hang together, with the
    groups that they are of, would fill more than half a fold (pictures of one scene, all nearly the same), or are all
    images of a class, near copies are let go, and if that is not enough exact ones too. Near copies are sought among
    `MOST_COMPARED` images at most.

    Parameters
    ----------
    images : ImageDataset
    folds : int
    progress : callable, optional
        Called with (images compared, images) a few times a second at most.

    Returns
    -------
    ndarray of intp, shape (N,)
        0..G-1, each of them there.
    """
    n = len(images)
    alone = np.arange(n)
    groups = _numbered(np.asarray(images.groups)) if images.groups else alone
    exact = _joined(groups, cluster_copies(images.images))
    near = cluster_copies(images.images, NEAR, progress) if n <= MOST_COMPARED else alone
    together = _joined(exact, near)
    # Each of these is finer than the one before, so what is let go breaks up without touching the rest.
    for finer in (exact, groups):
        let_go = _too_many(together, images.labels, n / (2 * folds))
        together = _numbered(np.where(let_go, n + finer, together))
    return together


def _too_many(together: NDArray[np.intp], labels: NDArray[np.int64], largest: float) -> NDArray[np.bool_]:
    """Whether each image (N,) is of more that hang together than `largest`, or of all images of a class."""
    sizes = np.bincount(together)
    too_many = (sizes > largest) & (sizes > 1)
    for label in np.unique(labels):
        of_class = np.unique(together[labels == label])
        if len(of_class) == 1:
            too_many[of_class] = True
    return too_many[together]


def _joined(a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return numbers that are equal where those of `a` or of `b` are, directly or by way of others."""
    shift = int(a.max()) + 1
    size = shift + int(b.max()) + 1
    links = coo_array((np.ones(len(a), np.int8), (a, shift + b)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return _numbered(component[a])


def _numbered(values: NDArray[Any]) -> NDArray[np.intp]:
    _, numbers = np.unique(values, return_inverse=True)
    return np.asarray(numbers, np.intp)
