"""Copies that were shifted, rotated, cropped or mirrored: candidates that look alike, each verified by registration.

A pair is reported where the two pictures agree in outline and detail once one is laid over the other, and where that
is closer than chance explains. Pictures of one fixed scene, or simple drawings such as the digit 1, all agree after
registration; among them a copy is closer by far than the next pictures are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.neighbors import NearestNeighbors

from inkling.diagnosis.registration import Registrable, Rows, register
from inkling.images.progress import Progress, part_of

SMALLEST = 16
"""Pictures with a shorter side are not compared: little would be left of them after registration."""
MOST_COMPARED = 20_000
"""Images up to which altered copies are sought: a minute or two for 20,000 drawings, less for photos."""
ALIGNED = 0.93
"""Correlation after registration, at least. Of 300 photos of flowers (128x128 pixels) rotated by 3 degrees, black
corners included, the lowest has 0.95."""
ALIKE_IN_DETAIL = 0.88
"""Correlation of details after registration, at least. Of those photos 99% have 0.91 and more, of cropped ones 0.94;
different photos of one kind of flower reach 0.82, and pairs from 0.84 to 0.88 are mostly two shots of one scene."""
CHANCE = 1e-3
"""Probability of so near a neighbour by chance, at most (`chance_of_nearness`)."""
NEIGHBOURS = 16
"""Most similar images that a pair is judged by, half of them mirrored."""
_CANDIDATES = 3
"""Most similar images that each image is laid over, and again so many mirrored ones."""
_COARSE = 0.75
"""Coarse correlation without registration that a candidate must have; of 99% of cropped photos it is above 0.85."""
_ROWS = 1024


def find_altered_copies(
    images: NDArray[np.uint8], progress: Progress | None = None
) -> list[tuple[int, int, float, bool]]:
    """Find pairs of images that are one picture, shifted, rotated, scaled, cropped or mirrored a little.

    Clusters of more than 8 copies of one picture stand out from nothing, and are not reported here.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    progress : callable, optional
        Called with (images compared, images).

    Returns
    -------
    list of tuple
        (later image, earlier image, correlation after registration, whether one is mirrored), by later image.
    """
    n = len(images)
    if n <= NEIGHBOURS or min(images.shape[1:3]) < SMALLEST:
        return []
    pictures = Registrable.from_images(images)
    sides = (pictures, pictures.mirrored)
    vectors = pictures.vectors()
    close = [_neighbours(vectors, of.vectors()) for of in sides]  # (N, half) each
    found = []
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        found += _verified(rows, sides, close, vectors, progress and part_of(progress, start, n))
        if progress:
            progress(int(rows[-1]) + 1, n)
    best = {(later, earlier): pair for later, earlier, *pair in sorted(found, key=lambda pair: pair[2])}
    return [(later, earlier, *pair) for (later, earlier), pair in sorted(best.items())]


def chance_of_nearness(distance: float, others: NDArray[np.floating], rank: int = 1) -> float:
    """Return how probable it is that a neighbour is so near by chance, given how far the others are.

    Volumes of balls through the neighbours of a point are uniform where points are spread evenly (Levina and Bickel,
    2004, "Maximum likelihood estimation of intrinsic dimension"); the dimension follows from the middle neighbour.

    Parameters
    ----------
    distance : float
        Squared, above 0.
    others : ndarray of float, shape (K,)
        Squared distances of the K nearest neighbours, rising.
    rank : int
        1 for the nearest.
    """
    k, half = len(others), len(others) // 2
    power = np.log(half / k) / min(np.log(others[half - 1] / others[-1]), -1e-3)
    return float(beta.cdf(min(1.0, (distance / others[-1]) ** power), rank, max(1, k - rank)))


def _neighbours(vectors: NDArray[np.float32], of: NDArray[np.float32]) -> Rows:
    search = NearestNeighbors(n_neighbors=NEIGHBOURS // 2 + 1, algorithm="brute").fit(vectors)
    return np.asarray(search.kneighbors(of, return_distance=False), np.intp)


def _verified(
    rows: Rows,
    sides: tuple[Registrable, Registrable],
    close: list[Rows],
    vectors: NDArray[np.float32],
    progress: Progress | None,
) -> list[tuple[int, int, float, bool]]:
    found = []
    for mirrored, moving in enumerate(sides):
        a = np.repeat(rows, _CANDIDATES + 1)
        b = close[mirrored][rows, : _CANDIDATES + 1].ravel()
        near = (a != b) & (np.einsum("pd,pd->p", moving.vectors()[a], vectors[b]) >= _COARSE)
        a, b = a[near], b[near]
        whole, details = register(sides[0], b, moving, a, ALIGNED)
        for i in np.flatnonzero((whole >= ALIGNED) & (details >= ALIKE_IN_DETAIL)):
            others = np.sort(_distances(int(a[i]), sides, close))
            distance = max(1e-6, 1 - float(details[i]))
            rank = 1 + int((others < distance).sum())
            if rank <= NEIGHBOURS // 2 and chance_of_nearness(distance, others, rank) <= CHANCE:
                later, earlier = max(a[i], b[i]), min(a[i], b[i])
                found.append((int(later), int(earlier), float(whole[i]), bool(mirrored)))
    return found


def _distances(row: int, sides: tuple[Registrable, Registrable], close: list[Rows]) -> NDArray[np.float32]:
    distances = []
    for moving, near in zip(sides, close, strict=True):
        others = near[row][near[row] != row][: NEIGHBOURS // 2]
        _, details = register(sides[0], others, moving, np.full(len(others), row))
        distances.append(np.maximum(1e-6, 1 - details))
    return np.concatenate(distances)
