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
from scipy.special import binom
from sklearn.neighbors import NearestNeighbors

from inkling.diagnosis.registration import Registrable, Registration, Rows, register
from inkling.images.progress import Progress

SMALLEST = 48
"""Pictures with a shorter side are not compared: drawings such as digits have too little detail to tell a copy by."""
MOST_ALTERED = 10_000
"""Images up to which altered copies are sought. On one core 10,000 different photos take about a minute, and as many of
one scene, which all look like copies at first, four."""
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
MOST_COPIES = 4
"""Copies of one picture that can stand out from its neighbours. Of a fixed scene all 8 that are not mirrored do."""
ROTATED, SCALED, SHIFTED = 0.75, 0.015, 0.004
"""Degrees, change of scale, and fraction of a side from which an alteration is named."""
_CANDIDATES = 3
"""Most similar images that each image is laid over, and again so many mirrored ones."""
_COARSE = 0.75
"""Coarse correlation without registration that a candidate must have; of 99% of cropped photos it is above 0.85."""
_LEAST_DISTANCE = 1e-6
_ROWS = 256


@dataclass(frozen=True)
class AlteredCopy:
    """Two images that are one picture."""

    later: int
    earlier: int
    correlation: float  # once one is laid over the other
    alteration: str  # by what the two differ, such as "mirrored" or "rotated, cropped"; "changed" where it is none


def why_not_sought(image_shape: Sequence[int], n: int) -> str:
    """Return why no altered copies are sought among n images of this shape, (H, W, C); empty where they are."""
    if min(image_shape[:2]) < SMALLEST:
        return f"images of {SMALLEST} pixels a side or more are needed"
    if n > MOST_ALTERED:
        return f"among {n:,} images it would take long"
    return f"more than {NEIGHBOURS} images are needed" if n <= NEIGHBOURS else ""


def find_altered_copies(parts: Sequence[NDArray[np.uint8]], progress: Progress | None = None) -> list[AlteredCopy]:
    """Find pairs of images that are one picture, shifted, rotated, scaled, cropped or mirrored a little.

    More than `MOST_COPIES` copies of one picture stand out from nothing, and are not reported here.

    Parameters
    ----------
    parts : sequence of ndarray of uint8, shape (N, H, W, C)
        Images of one size, among which they can be sought (`why_not_sought`); they are counted across the parts.
    progress : callable, optional
        Called with (images compared, images).

    Returns
    -------
    list of AlteredCopy
        By later image.
    """
    n = sum(map(len, parts))
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


def chance_of_nearness(distances: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how probable it is that neighbours are so near by chance, given how far the next ones are.

    Where points are spread evenly, the logarithms of the furthest distance over those of the nearer neighbours are
    exponentially distributed, at a rate that is the dimension (Levina and Bickel, 2004, "Maximum likelihood estimation
    of intrinsic dimension"). Whether the largest of them is too large for the others is tested by Fisher's exact test
    (1929, "Tests of significance in harmonic analysis", Proc. R. Soc. A 125:54), which needs no dimension; those that
    are nearer still are left out, which makes the probability too large rather than too small. Where one neighbour
    stands out, so do all nearer ones: several copies of one picture.

    Parameters
    ----------
    distances : ndarray of float, shape (P, K)
        Of the K nearest neighbours, above 0, rising; squared or not.

    Returns
    -------
    ndarray of float64, shape (P, MOST_COPIES)
        Of the nearest ones, 0..1, rising.
    """
    k = distances.shape[1]
    nearness = np.log(distances[:, -1:] / distances)
    chances = np.empty((len(distances), MOST_COPIES))
    for place in range(MOST_COPIES):
        compared = k - 1 - place
        share = nearness[:, place] / np.maximum(nearness[:, place:].sum(axis=1), 1e-12)
        terms = np.arange(1, compared + 1)
        signed = (-1.0) ** (terms - 1) * binom(compared, terms)
        chances[:, place] = np.maximum(0, 1 - share[:, np.newaxis] * terms) ** (compared - 1) @ signed
    # Where all are equally near, nothing stands out.
    chances[nearness[:, :MOST_COPIES] <= 0] = 1
    return np.minimum.accumulate(np.clip(chances, 0, 1)[:, ::-1], axis=1)[:, ::-1]


@dataclass(frozen=True, eq=False)
class _Search:
    """Pictures as they are and mirrored, and which of those as they are look most like each."""

    sides: tuple[Registrable, Registrable]
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]]
    close: tuple[Rows, Rows]  # (N, NEIGHBOURS / 2) each, without the picture itself, the most similar first

    @classmethod
    def of(cls, pictures: Registrable) -> _Search:
        sides = (pictures, pictures.mirrored)
        vectors = (sides[0].vectors(), sides[1].vectors())
        nearest = NearestNeighbors(n_neighbors=NEIGHBOURS // 2 + 1, algorithm="brute").fit(vectors[0])
        plain, mirrored = (_without_itself(nearest.kneighbors(of, return_distance=False)) for of in vectors)
        return cls(sides, vectors, (plain, mirrored))

    def verified(self, rows: Rows) -> list[AlteredCopy]:
        """Return the copies among these images and those that look most like them."""
        found = []
        for mirrored, moving in enumerate(self.sides):
            a, b = np.repeat(rows, _CANDIDATES), self.close[mirrored][rows, :_CANDIDATES].ravel()
            near = np.einsum("pd,pd->p", self.vectors[mirrored][a], self.vectors[0][b]) >= _COARSE
            a, b = a[near], b[near]
            laid = register(self.sides[0], b, moving, a, ALIGNED)
            alike = np.flatnonzero((laid.whole >= ALIGNED) & (laid.details >= ALIKE_IN_DETAIL))
            others = self._distances(a[alike])
            distance = np.maximum(_LEAST_DISTANCE, 1 - laid.details[alike])
            # The distance is among the others, but for rounding.
            nearer = (others < 0.999 * distance[:, np.newaxis]).sum(axis=1)
            chances = chance_of_nearness(others)[np.arange(len(alike)), np.minimum(nearer, MOST_COPIES - 1)]
            stands_out = (nearer < MOST_COPIES) & (chances <= CHANCE)
            for i in alike[stands_out]:
                later, earlier = int(max(a[i], b[i])), int(min(a[i], b[i]))
                alteration = _alteration(laid, int(i), bool(mirrored))
                found.append(AlteredCopy(later, earlier, min(1.0, float(laid.whole[i])), alteration))
        return found

    def _distances(self, images: Rows) -> NDArray[np.float32]:
        """Return the squared distances (P, NEIGHBOURS) of images to those that look most like each, laid over it."""
        rows, place = np.unique(images, return_inverse=True)
        distances = []
        for moving, close in zip(self.sides, self.close, strict=True):
            others = close[rows]
            laid = register(self.sides[0], others.ravel(), moving, np.repeat(rows, others.shape[1]))
            distances.append(np.maximum(_LEAST_DISTANCE, 1 - laid.details).reshape(others.shape))
        return np.sort(np.concatenate(distances, axis=1), axis=1)[place]


def _without_itself(close: NDArray[np.integer]) -> Rows:
    """Return neighbours (N, K) of (N, K + 1): without the picture itself, or without the last."""
    others = close != np.arange(len(close))[:, np.newaxis]
    others[others.all(axis=1), -1] = False
    return np.asarray(close[others].reshape(len(close), -1), np.intp)


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
