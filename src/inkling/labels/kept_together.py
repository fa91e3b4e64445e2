"""Images that must be in one fold: copies of one picture, which share its label and would vouch for it, and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inkling.diagnosis.altered_copies import find_altered_copies, why_not_sought
from inkling.diagnosis.copy_clusters import cluster_copies
from inkling.diagnosis.duplicates import MOST_COMPARED, NEAR
from inkling.images.dataset import ImageDataset
from inkling.images.naming import and_list
from inkling.images.progress import Progress, paced


@dataclass(frozen=True, eq=False)
class Ties:
    """Which images belong into one fold, and for what reason."""

    numbers: NDArray[np.intp]  # (N,), equal for images that belong into one fold
    sought: tuple[str, ...]  # kinds of copies
    not_sought: str  # why altered copies are not; empty where they are
    let_go: int  # images that are not kept with all their copies, which are too many, or all images of a class
    grouped: bool

    @property
    def how(self) -> str:
        """What is kept together, in words."""
        said = f"{and_list(self.sought)} copies{' and groups' if self.grouped else ''} in one fold"
        said += f", except among {self.let_go:,} images: too many alike, or all of a class" if self.let_go else ""
        return f"{said}; altered copies not sought: {self.not_sought}" if self.not_sought else said


def find_ties(images: ImageDataset, folds: int, progress: Progress | None = None) -> Ties:
    """Find the images that belong into one fold.

    Images of one group always do. Copies do unless they are no few copies: where those that hang together, with the
    groups that they are of, would fill more than half a fold (pictures of one scene, all nearly the same), or are all
    images of a class, altered copies are let go, then near ones, and if that is not enough exact ones too. Near copies
    are sought among `MOST_COMPARED` images at most, altered ones where `why_not_sought` has nothing against it: on one
    core a minute for 10,000 photos, four where all show one scene.

    Parameters
    ----------
    images : ImageDataset
    folds : int
    progress : callable, optional
        Called with (images compared, images) a few times a second at most.
    """
    n = len(images)
    groups = _numbered(np.asarray(images.groups)) if images.groups else np.arange(n)
    layers = {"exact": _joined(groups, cluster_copies(images.images))}
    if n <= MOST_COMPARED:
        layers["near"] = _joined(layers["exact"], cluster_copies(images.images, NEAR, progress))
    not_sought = why_not_sought(images.image_shape, n)
    if not not_sought:
        layers["altered"] = _joined(layers["near"], _altered(images, progress))
    coarsest, *finer = reversed(layers.values())
    together = coarsest
    # Each of these is finer than the one before, so what is let go breaks up without touching the rest.
    for layer in (*finer, groups):
        let_go = _too_many(together, images.labels, n / (2 * folds))
        together = _numbered(np.where(let_go, n + layer, together))
    apart = int((np.bincount(together)[together] < np.bincount(coarsest)[coarsest]).sum())
    return Ties(together, tuple(layers), not_sought, apart, bool(images.groups))


def kept_together(images: ImageDataset, folds: int, progress: Progress | None = None) -> NDArray[np.intp]:
    """Return numbers (N,) from 0 that are equal for images that belong into one fold, as `find_ties` has them."""
    return find_ties(images, folds, progress).numbers


def _altered(images: ImageDataset, progress: Progress | None) -> NDArray[np.intp]:
    """Return numbers (N,) that are equal for altered copies of one picture."""
    pairs = find_altered_copies([images.images], paced(progress))
    ends = [pair.later for pair in pairs], [pair.earlier for pair in pairs]
    links = coo_array((np.ones(len(pairs), np.int8), ends), shape=(len(images), len(images)))
    _, clusters = connected_components(links, directed=False)
    return np.asarray(clusters, np.intp)


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
