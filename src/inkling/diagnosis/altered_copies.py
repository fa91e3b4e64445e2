"""Copies that were shifted, rotated, cropped or mirrored: candidates that look alike, each verified by registration.

A pair is reported where the two pictures agree in outline and detail once one is laid over the other, and where that
is closer than chance explains. Pictures of one fixed scene, or simple drawings such as the digit 1, all agree after
registration; among them a copy is closer by far than the next pictures are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.neighbors import NearestNeighbors

from inkling.diagnosis.registration import Registrable, Registration, Rows, register
from inkling.images.progress import Progress

SMALLEST = 48
"""Pictures with a shorter side are not compared: drawings such as digits have too little detail to tell a copy by."""
MOST_ALTERED = 20_000
"""Images up to which altered copies are sought: two minutes for 20,000 photos on one core."""
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
ROTATED, SCALED, SHIFTED = 0.75, 0.015, 0.004
"""Degrees, change of scale, and fraction of a side from which an alteration is named."""
_CANDIDATES = 3
"""Most similar images that each image is laid over, and again so many mirrored ones."""
_COARSE = 0.75
"""Coarse correlation without registration that a candidate must have; of 99% of cropped photos it is above 0.85."""
_ROWS = 256


@dataclass(frozen=True)
class AlteredCopy:
    """Two images that are one picture."""

    later: int
    earlier: int
    correlation: float  # once one is laid over the other
    alteration: str  # by what the two differ, such as "mirrored" or "rotated, cropped"; "changed" where it is none


def find_altered_copies(parts: Sequence[NDArray[np.uint8]], progress: Progress | None = None) -> list[AlteredCopy]:
    """Find pairs of images that are one picture, shifted, rotated, scaled, cropped or mirrored a little.

    More than 8 copies of one picture stand out from nothing, and are not reported here; nor is anything of images that
    are smaller than `SMALLEST` or so few that nothing could stand out from them.

    Parameters
    ----------
    parts : sequence of ndarray of uint8, shape (N, H, W, C)
        Images of one size; they are counted across the parts.
    progress : callable, optional
        Called with (images compared, images).

    Returns
    -------
    list of AlteredCopy
        By later image.
    """
    n = sum(map(len, parts))
    if n <= NEIGHBOURS or min(parts[0].shape[1:3]) < SMALLEST:
        return []
    search = _Search.of(Registrable.from_images(parts))
    best: dict[tuple[int, int], AlteredCopy] = {}
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        for copy in search.verified(rows):
            pair = copy.later, copy.earlier
            if pair not in best or best[pair].correlation < copy.correlation:
                best[pair] = copy
        if progress:
            progress(int(rows[-1]) + 1, n)
    return [best[pair] for pair in sorted(best)]


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


@dataclass(frozen=True, eq=False)
class _Search:
    """Pictures as they are and mirrored, and which of those as they are look most like each."""

    sides: tuple[Registrable, Registrable]
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]]
    close: tuple[Rows, Rows]  # (N, half) each

    @classmethod
    def of(cls, pictures: Registrable) -> _Search:
        sides = (pictures, pictures.mirrored)
        vectors = (sides[0].vectors(), sides[1].vectors())
        nearest = NearestNeighbors(n_neighbors=NEIGHBOURS // 2 + 1, algorithm="brute").fit(vectors[0])
        plain, mirrored = (np.asarray(nearest.kneighbors(of, return_distance=False), np.intp) for of in vectors)
        return cls(sides, vectors, (plain, mirrored))

    def verified(self, rows: Rows) -> list[AlteredCopy]:
        """Return the copies among these images and those that look most like them."""
        found = []
        for mirrored, moving in enumerate(self.sides):
            a = np.repeat(rows, _CANDIDATES + 1)
            b = self.close[mirrored][rows, : _CANDIDATES + 1].ravel()
            near = (a != b) & (np.einsum("pd,pd->p", self.vectors[mirrored][a], self.vectors[0][b]) >= _COARSE)
            a, b = a[near], b[near]
            laid = register(self.sides[0], b, moving, a, ALIGNED)
            for i in np.flatnonzero((laid.whole >= ALIGNED) & (laid.details >= ALIKE_IN_DETAIL)):
                others = np.sort(self._distances(int(a[i])))
                distance = max(1e-6, 1 - float(laid.details[i]))
                rank = 1 + int((others < distance).sum())
                if rank <= NEIGHBOURS // 2 and chance_of_nearness(distance, others, rank) <= CHANCE:
                    later, earlier = int(max(a[i], b[i])), int(min(a[i], b[i]))
                    alteration = _alteration(laid, int(i), bool(mirrored))
                    found.append(AlteredCopy(later, earlier, float(laid.whole[i]), alteration))
        return found

    def _distances(self, row: int) -> NDArray[np.float32]:
        """Return the squared distances of an image to those that look most like it, each laid over it."""
        distances = []
        for moving, near in zip(self.sides, self.close, strict=True):
            others = near[row][near[row] != row][: NEIGHBOURS // 2]
            laid = register(self.sides[0], others, moving, np.full(len(others), row))
            distances.append(np.maximum(1e-6, 1 - laid.details))
        return np.concatenate(distances)


def _alteration(laid: Registration, pair: int, mirrored: bool) -> str:
    """Return by what the two pictures of a pair differ."""
    turn, shift = laid.turn[pair], laid.shift[pair]
    named = {
        "mirrored": mirrored,
        "rotated": abs(np.angle(turn, deg=True)) >= ROTATED,
        "cropped": abs(abs(turn) - 1) >= SCALED,
        "shifted": abs(shift) >= SHIFTED,
    }
    return ", ".join(name for name, is_so in named.items() if is_so) or "changed"
