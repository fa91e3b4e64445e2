"""Do splits leak? Images that occur twice, exactly, nearly or altered, within a split and across splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from inkling.diagnosis.altered_copies import find_altered_copies, why_not_sought
from inkling.images.dataset import Splits
from inkling.images.progress import Progress, paced, part_of

NEAR = 0.99
"""Correlation of pixels from which two images count as near duplicates.

Of the 70,000 images of MNIST 3 correlate so with another one, all of them ones. Altered versions of 500 images
correlate with their originals as follows (lowest; first percentile): nine tenths as bright 1.000; noise of 10 grey
levels 0.989, 0.992; JPEG of quality 90 0.999, of quality 50 0.983, 0.989; one pixel changed by 128 0.994; enlarged
twofold and shrunk 0.982, 0.988. One shifted by a pixel has 0.38 to 0.8, as other images of its class have, and is not
found on such drawings. Photos change less when they are shifted by a pixel, and where they are large enough altered
copies of them are found by `diagnosis.altered_copies`.
"""
MOST_COMPARED = 100_000
"""Images up to which near duplicates are sought unasked: the time grows with the square of their number."""
SIDE = 32
"""Larger images are averaged down to about so many pixels a side before they are compared."""
_COMPONENTS = 64
_ROWS = 256
_ADJECTIVES = {"train": "training"}


@dataclass(frozen=True)
class Duplicate:
    """An image that equals an earlier one, exactly, nearly or altered; the order is train, validation, test."""

    split: str
    index: int
    of_split: str  # where the earlier image is
    of_index: int
    correlation: float  # of the pixels; 1 for exact duplicates; of altered copies, once one is laid over the other
    exact: bool  # every pixel is equal
    file: str = ""  # its picture file, where it has one
    of_file: str = ""  # that of the earlier image
    alteration: str = ""
    """By what an altered copy differs: "mirrored", "rotated", "cropped", "shifted", several of them joined by ", ", or
    "changed"; empty for exact and near duplicates."""

    @property
    def name(self) -> str:
        """What to call the image: its file, or "test 12"."""
        return self.file or f"{self.split} {self.index}"

    @property
    def earlier_name(self) -> str:
        """What to call the earlier image: its file, or "train 7"."""
        return self.of_file or f"{self.of_split} {self.of_index}"

    @property
    def alike(self) -> str:
        """How alike the two are, in words."""
        if self.exact:
            return "every pixel is equal"
        if self.alteration:
            return f"{self.alteration}, correlation {self.correlation:.3f} once laid over each other"
        return f"correlation {self.correlation:.3f}"


@dataclass(frozen=True)
class Duplicates:
    """Every image with its first exact duplicate in each split, else its most similar near one, else an altered one."""

    images: Mapping[str, int]  # split -> how many it has
    pairs: tuple[Duplicate, ...]
    near: float | None  # correlation from which images are near duplicates; None: only exact ones were sought
    altered_sought: bool = False  # whether shifted, rotated, cropped and mirrored copies were sought as well

    def count(self, split: str, of_split: str, exact: bool) -> int:
        """How many images of a split have an earlier duplicate in a split (the same or an earlier one)."""
        return sum((p.split, p.of_split, p.exact) == (split, of_split, exact) for p in self.pairs)

    @property
    def verdict(self) -> str:
        """What the splits share, in sentences."""
        leaks = [
            f"{n:,} of {self.images[split]:,} {_ADJECTIVES.get(split, split)} images "
            f"{'is also a' if n == 1 else 'are also'} {_ADJECTIVES.get(of_split, of_split)} image{'s' * (n > 1)}"
            for of_split, split in combinations(self.images, 2)
            if (n := self.count(split, of_split, exact=True))
        ]
        sentences = ["No image occurs in two splits."]
        if leaks:
            sentences = [f"{'; '.join(leaks)}: accuracy on duplicated images does not measure performance on new ones."]
        if repeated := sum(self.count(split, split, exact=True) for split in self.images):
            duplicate = "image duplicates an earlier one" if repeated == 1 else "images duplicate earlier ones"
            sentences.append(f"{repeated:,} {duplicate} of the same split.")
        if self.near is not None:
            across = [pair for pair in self.pairs if not pair.exact and pair.split != pair.of_split]
            n = sum(not pair.alteration for pair in across)
            how_many = f"{n:,} near duplicate{'' if n == 1 else 's'}" if n else "No near duplicates"
            sentences.append(f"{how_many} across splits (correlation {self.near:g} or more).")
            if self.altered_sought:
                n = sum(bool(pair.alteration) for pair in across)
                how_many = f"{n:,} altered cop{'y' if n == 1 else 'ies'}" if n else "No altered copies"
                sentences.append(
                    f"{how_many} across splits (shifted, rotated, cropped, mirrored or otherwise changed)."
                )
        return " ".join(sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "near": self.near,
            "altered_sought": self.altered_sought,
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def find_duplicates(
    splits: Splits | Mapping[str, NDArray[np.uint8]], near: float | None = None, progress: Progress | None = None
) -> Duplicates:
    """Find images that occur more than once.

    Exact duplicates are found by the SHA-256 of their pixels: none is missed. Near ones are pairs whose pixels,
    averaged over colours, correlate; images without any contrast are not compared. The search is exact too: distances
    between the projections on the principal components never exceed those between the images, so that what lies near
    among the first is all that needs to be compared in full. Its time grows with the square of the number of images:
    some 20 s for the 70,000 of MNIST, on one core.

    With near ones, altered copies are sought as well, among up to 10,000 images of 48 pixels a side or more: shifted,
    rotated, cropped and mirrored ones, by registration (`diagnosis.altered_copies`). Some are missed.

    Parameters
    ----------
    splits : Splits, or mapping of str to ndarray of uint8, shape (N, H, W, C)
        The images of each split, all of one shape; the earlier split is the one that others repeat.
    near : float, optional
        Correlation, 0..1, from which images count as near duplicates, such as `NEAR`. Without it only exact ones are
        sought.
    progress : callable, optional
        Called with (images compared, images) a few times a second at most; near duplicates count every image again, and
        so do altered copies.
    """
    files = {split: dataset.files for split, dataset in splits.items()} if isinstance(splits, Splits) else {}
    images = {split: dataset.images for split, dataset in splits.items()} if isinstance(splits, Splits) else splits
    names = list(images)
    split_of = np.repeat(np.arange(len(names)), [len(part) for part in images.values()])
    index_of = np.concatenate([np.arange(len(part)) for part in images.values()])
    n = len(split_of)
    parts = list(images.values())
    altered = near is not None and not why_not_sought(parts[0].shape[1:], n)
    total = n * (1 + (near is not None) + altered)
    report = paced(progress)
    # (image, split of its partner) -> (correlation, partner)
    partners: dict[tuple[int, int], tuple[float, int]] = {}
    first: dict[tuple[int, bytes], int] = {}
    for place, image in enumerate(image for part in images.values() for image in part):
        digest = hashlib.sha256(np.ascontiguousarray(image).data).digest()
        for split in range(len(names)):
            if (split, digest) in first:
                partners[place, split] = (1.0, first[split, digest])
        first.setdefault((int(split_of[place]), digest), place)
        report(place + 1, total)
    exact = set(partners)
    alterations: dict[tuple[int, int], str] = {}
    if near is not None:
        for later, earlier, correlations in near_pairs(parts, near, part_of(report, n, total)):
            for partner, correlation in zip(earlier, correlations, strict=True):
                key = (later, int(split_of[partner]))
                if key not in exact and (key not in partners or correlation > partners[key][0]):
                    partners[key] = (min(1.0, float(correlation)), int(partner))
        for copy in find_altered_copies(parts, part_of(report, 2 * n, total)) if altered else ():
            key = (copy.later, int(split_of[copy.earlier]))
            if key not in partners or (key in alterations and copy.correlation > partners[key][0]):
                partners[key], alterations[key] = (copy.correlation, copy.earlier), copy.alteration
        report(total, total)

    def file_of(place: int) -> str:
        of_split = files.get(names[split_of[place]])
        return of_split[index_of[place]] if of_split else ""

    pairs = tuple(
        Duplicate(
            split=names[split_of[place]],
            index=int(index_of[place]),
            of_split=names[of_split],
            of_index=int(index_of[partner]),
            correlation=correlation,
            exact=(place, of_split) in exact,
            file=file_of(place),
            of_file=file_of(partner),
            alteration=alterations.get((place, of_split), ""),
        )
        for (place, of_split), (correlation, partner) in sorted(partners.items())
    )
    return Duplicates({split: len(part) for split, part in images.items()}, pairs, near, altered)


def near_pairs(
    images: list[NDArray[np.uint8]], near: float, progress: Progress | None = None
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.float32]]]:
    """Yield (image, earlier images, correlations) of all that correlate with `near` at least; counted across parts."""
    n = sum(map(len, images))
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
        if progress:
            progress(start, n)
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
