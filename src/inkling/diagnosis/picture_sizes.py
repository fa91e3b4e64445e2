"""Which picture files are of an odd shape, or smaller than the image that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONG = 3.0
"""A side this many times as long as the other is odd: two thirds of a square that the picture is fitted into are empty,
or are cut off."""
ENLARGED = 2.0
"""A picture that is enlarged this many times or more is too small: of four pixels, three are made up."""


@dataclass(frozen=True)
class OddSize:
    """One picture file of an odd size."""

    split: str
    index: int
    file: str
    width: int
    height: int
    long: bool  # of an odd shape
    enlarged: bool  # too small


@dataclass(frozen=True)
class PictureSizes:
    """Sizes of picture files, by their headers."""

    n: int  # files whose header was read
    smallest: tuple[int, int]  # (width, height), by number of pixels
    largest: tuple[int, int]
    image_size: tuple[int, int]  # (width, height) of the images made of them
    odd: tuple[OddSize, ...]

    @property
    def verdict(self) -> str:
        """What was found, in sentences."""
        made = f"images of {_words(self.image_size)} pixels are made of them"
        if self.smallest == self.largest:
            sizes = f"All {self.n:,} picture files are of {_words(self.smallest)} pixels; {made}."
        else:
            sizes = (
                f"The {self.n:,} picture files have {_words(self.smallest)} to {_words(self.largest)} pixels; {made}."
            )
        long, enlarged = (sum(getattr(size, kind) for size in self.odd) for kind in ("long", "enlarged"))
        sentences = [sizes]
        if long:
            sentences.append(f"{_are(long)} {LONG:g} times as long as wide, or more.")
        if enlarged:
            sentences.append(f"{_are(enlarged)} enlarged {ENLARGED:g} times or more.")
        return " ".join(sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {**asdict(self), "verdict": self.verdict}


def judge_sizes(
    sizes: Sequence[tuple[str, tuple[str, ...], NDArray[np.int64]]], image_size: tuple[int, int]
) -> PictureSizes | None:
    """Find picture files of odd sizes; the longest and smallest first. None where no size is known.

    Parameters
    ----------
    sizes : sequence of (str, tuple of str, ndarray of int64, shape (N, 2))
        Of each split its name, its files, and their widths and heights as a camera would show them; 0 where a file's
        is not known.
    image_size : tuple of int
        (width, height) of the images that were made of them.
    """
    every = np.concatenate([of_split for _, _, of_split in sizes])  # (N, 2)
    known = every[every[:, 0] > 0]
    if not len(known):
        return None
    odd: list[OddSize] = []
    for split, files, of_split in sizes:
        width, height = np.maximum(1, of_split).T
        long = np.maximum(width / height, height / width) >= LONG
        # The side that decides how much a picture is enlarged when it is fitted in whole.
        enlarged = np.minimum(image_size[0] / width, image_size[1] / height) >= ENLARGED
        odd += [
            OddSize(split, int(i), files[i], int(width[i]), int(height[i]), bool(long[i]), bool(enlarged[i]))
            for i in np.flatnonzero((long | enlarged) & (of_split[:, 0] > 0))
        ]
    odd.sort(key=lambda size: (not size.long, min(size.width, size.height) / max(size.width, size.height), size.width))
    order = known.prod(axis=1).argsort(kind="stable")
    smallest, largest = (tuple(int(side) for side in known[place]) for place in (order[0], order[-1]))
    return PictureSizes(len(known), (smallest[0], smallest[1]), (largest[0], largest[1]), image_size, tuple(odd))


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]:,}×{size[1]:,}"


def _are(n: int) -> str:
    return f"{n:,} {'is' if n == 1 else 'are'}"
