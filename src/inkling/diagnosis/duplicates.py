"""Do splits leak? Images that are there twice, exactly or nearly, within a split and across splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

NEAR = 0.99
"""Correlation of pixels from which two images count as nearly the same.

Of the 70,000 images of MNIST 3 correlate so with another one, all of them ones. Copies of 500 images correlate with
their originals as follows (lowest; first percentile): nine tenths as bright 1.000; noise of 10 grey levels 0.989,
0.992; JPEG of quality 90 0.999, of quality 50 0.983, 0.989; one pixel changed by 128 0.994; enlarged twofold and
shrunk 0.982, 0.988. A copy shifted by a pixel has 0.38 to 0.8, as other images of its class have, and is not found on
such drawings; photographs change less when they are shifted.
"""
SIDE = 32
"""Larger images are averaged down to about so many pixels a side before they are compared."""
_COMPONENTS = 64
_ROWS = 256


@dataclass(frozen=True)
class Duplicate:
    """An image that is the same as an earlier one, or nearly; the order is train, validation, test."""

    split: str
    index: int
    of_split: str  # where the earlier image is
    of_index: int
    correlation: float  # of the pixels; 1 for exact copies
    exact: bool  # every pixel is equal


@dataclass(frozen=True)
class Duplicates:
    """Every image with its first exact copy in each split, or else the most similar near one, if it has any."""

    images: Mapping[str, int]  # split -> how many it has
    pairs: tuple[Duplicate, ...]
    near: float | None  # correlation from which images count as nearly the same; None: only exact copies were sought

    def count(self, split: str, of_split: str, exact: bool) -> int:
        """How many images of a split have an earlier copy in a split (the same or an earlier one)."""
        return sum((p.split, p.of_split, p.exact) == (split, of_split, exact) for p in self.pairs)

    @property
    def verdict(self) -> str:
        """What the splits share, in sentences."""
        leaks = [
            f"{n:,} of {self.images[split]:,} {split} images {'is' if n == 1 else 'are'} also {of_split} images"
            for of_split, split in combinations(self.images, 2)
            if (n := self.count(split, of_split, exact=True))
        ]
        said = ["No image is in two splits."]
        if leaks:
            said = [f"{'; '.join(leaks)}: accuracy on copies is no measure of new images."]
        if repeated := sum(self.count(split, split, exact=True) for split in self.images):
            said.append(f"{repeated:,} image{' repeats' if repeated == 1 else 's repeat'} an earlier one of its split.")
        if self.near is not None:
            n = sum(not pair.exact and pair.split != pair.of_split for pair in self.pairs)
            how_many = f"{n:,} near duplicate{'' if n == 1 else 's'}" if n else "No near duplicates"
            said.append(f"{how_many} across splits (correlation {self.near:g} or more).")
        return " ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "near": self.near,
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def find_duplicates(images: Mapping[str, NDArray[np.uint8]], near: float | None = None) -> Duplicates:
    """Find images that are there more than once.

    Exact copies are found by the SHA-256 of their pixels: none is missed. Near ones are pairs whose pixels, averaged
    over colours, correlate; images without any contrast are not compared. The search is exact too: distances between
    the projections on the principal components never exceed those between the images, so that what lies near among
    the first is all that needs to be compared in full. Its time grows with the square of the number of images: some
    20 s for the 70,000 of MNIST, on one core.

    Parameters
    ----------
    images : mapping of str to ndarray of uint8, shape (N, H, W, C)
        The images of each split, all of one shape; the earlier split is the one that others repeat.
    near : float, optional
        Correlation, 0..1, from which images count as nearly the same, such as `NEAR`. Without it only exact copies
        are sought.
    """
    splits = list(images)
    split_of = np.repeat(np.arange(len(splits)), [len(part) for part in images.values()])
    index_of = np.concatenate([np.arange(len(part)) for part in images.values()])
    # (image, split of its partner) -> (correlation, partner)
    found: dict[tuple[int, int], tuple[float, int]] = {}
    first: dict[tuple[int, bytes], int] = {}
    digests = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for of in images.values() for image in of]
    for place, digest in enumerate(digests):
        for split in range(len(splits)):
            if (split, digest) in first:
                found[place, split] = (1.0, first[split, digest])
        first.setdefault((int(split_of[place]), digest), place)
    exact = set(found)
    if near is not None:
        for later, earlier, correlations in _near_pairs(list(images.values()), near):
            for partner, correlation in zip(earlier, correlations, strict=True):
                key = (later, int(split_of[partner]))
                if key not in exact and (key not in found or correlation > found[key][0]):
                    found[key] = (min(1.0, float(correlation)), int(partner))
    pairs = tuple(
        Duplicate(
            split=splits[split_of[place]],
            index=int(index_of[place]),
            of_split=splits[of_split],
            of_index=int(index_of[partner]),
            correlation=correlation,
            exact=(place, of_split) in exact,
        )
        for (place, of_split), (correlation, partner) in sorted(found.items())
    )
    return Duplicates({split: len(part) for split, part in images.items()}, pairs, near)


def _near_pairs(
    images: list[NDArray[np.uint8]], near: float
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.float32]]]:
    """Yield (image, earlier images, correlations) of all that correlate with `near` at least."""
    vectors = np.concatenate([_vectors(part) for part in images])  # (N, D), mean 0
    lengths = np.linalg.norm(vectors, axis=1)
    with_contrast = np.flatnonzero(lengths > 1e-3)
    vectors = vectors[with_contrast] / lengths[with_contrast, np.newaxis]
    if len(vectors) < 2:
        return
    sample = vectors[:: max(1, len(vectors) // 5000)]
    _, components = np.linalg.eigh(sample.T @ sample)  # columns, by rising eigenvalue
    projected = np.ascontiguousarray(vectors @ components[:, -_COMPONENTS:])
    # |a - b|^2 = 2 - 2 a.b for vectors of length 1; the last term covers rounding.
    radius = np.sqrt(2 * (1 - near)) + 1e-3
    search = NearestNeighbors(algorithm="brute", radius=radius).fit(projected)
    for start in range(0, len(vectors), _ROWS):
        candidates = search.radius_neighbors(projected[start : start + _ROWS], return_distance=False)
        for place, close in enumerate(candidates, start):
            earlier = np.sort(close[close < place])
            correlations = vectors[earlier] @ vectors[place]
            kept = correlations >= near
            if kept.any():
                yield int(with_contrast[place]), with_contrast[earlier[kept]], correlations[kept]


def _vectors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images as (N, D) vectors of mean 0: grey, and averaged over blocks of pixels where they are large."""
    n, height, width, channels = images.shape
    down, across = -(-height // SIDE), -(-width // SIDE)
    rows, columns = height // down, width // across
    vectors = np.empty((n, rows * columns), np.float32)
    for start in range(0, n, 1024):
        part = np.asarray(images[start : start + 1024, : rows * down, : columns * across])
        blocks = part.reshape(len(part), rows, down, columns, across, channels)
        vectors[start : start + 1024] = blocks.mean(axis=(2, 4, 5), dtype=np.float32).reshape(len(part), -1)
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors
