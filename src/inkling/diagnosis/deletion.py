"""Do attribution maps find the pixels that decide? Pixels removed in their order, against pixels in random order.

Samek et al. (2017, IEEE TNNLS 28:2660) and Petsiuk, Das and Saenko (2018, BMVC): the pixels that a map ranks highest
are set to black first, and the probability of the class must fall faster than when pixels are removed at random.

Black is the absence of ink: removing a black pixel changes nothing. On a digit, most pixels are black, and a random
order that may draw them would lose to any map that finds the ink. Here both draw from the same pixels, those that are
not black, so that nothing but their order matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.metrics.intervals import Interval, mean_interval
from inkling.metrics.scores import check_probabilities

FRACTIONS = tuple(i / 20 for i in range(21))
"""Fractions of an image's non-black pixels removed, at which the curves are measured."""

STATED = 2
"""Place in FRACTIONS of the one that the verdict states, 10%."""

RANDOM_ORDERS = 5
"""Random orders per image; the mean over them is its random curve."""


@dataclass(frozen=True)
class DeletionCurve:
    """Probability and accuracy as pixels are removed, at each of FRACTIONS: means over the images."""

    probability: tuple[float, ...]  # of the class that is followed
    intervals: tuple[Interval, ...] | None  # 95%, of the means (Student's t); None for one image
    accuracy: tuple[float, ...] | None  # None without labels
    area: float  # under the curve of probabilities: lower is a faster fall
    area_interval: Interval | None  # 95%, over the images


@dataclass(frozen=True)
class DeletionTest:
    """An attribution map against random orders, on the same images."""

    n: int  # images
    predicted: bool  # the predicted class is followed; otherwise one that was asked about
    by_map: DeletionCurve
    at_random: DeletionCurve
    gain: float  # area at random - area by the map: above 0 where the map is better
    gain_interval: Interval | None  # 95%, paired over the images (Student's t); None for one image

    @property
    def shown(self) -> bool:
        """Whether the map is significantly better than random."""
        return self.gain_interval is not None and self.gain_interval.low > 0

    @property
    def verdict(self) -> str:
        """One sentence, with its numbers."""
        mapped, random = self.by_map.probability, self.at_random.probability
        which = "the predicted class" if self.predicted else "the class asked about"
        images = "1 image" if self.n == 1 else f"{self.n:,} images"
        numbers = (
            f"removing the {FRACTIONS[STATED]:.0%} of the non-black pixels ranked highest changes the probability of "
            f"{which} from {mapped[0]:.2f} to {mapped[STATED]:.2f}, removing random ones to {random[STATED]:.2f} "
            f"({images})"
        )
        if self.gain_interval is None:
            return f"Deletion test of the attribution map: {numbers}."
        if self.shown:
            return f"The attribution maps find the pixels that decide: {numbers}."
        if self.gain_interval.high < 0:
            return f"The attribution maps are worse than random: {numbers}."
        return f"No significant difference between the attribution maps and random orders: {numbers}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included ("sentence" is its earlier name); intervals as pairs."""

        def listed(value: Any) -> Any:
            if isinstance(value, dict) and set(value) == {"low", "high"}:
                return [value["low"], value["high"]]
            if isinstance(value, dict):
                return {name: listed(part) for name, part in value.items()}
            return [listed(part) for part in value] if isinstance(value, tuple) else value

        return {"verdict": self.verdict, "sentence": self.verdict, "fractions": list(FRACTIONS), **listed(asdict(self))}


def deletion_test(
    predict_proba: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]],
    images: NDArray[np.uint8],
    maps: NDArray[np.floating[Any]],
    targets: NDArray[np.int64] | None = None,
    labels: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> DeletionTest:
    """Remove pixels in the order of attribution maps and at random, and follow the probability of a class.

    Parameters
    ----------
    predict_proba : callable
        From uint8 images (N, H, W, C) to probabilities (N, K); of a network, its `predict_proba`.
    images : ndarray of uint8, shape (N, H, W, C)
    maps : ndarray of float, shape (N, H, W)
        The highest values are removed first, equal ones in random order.
    targets : ndarray of int64, shape (N,), optional
        The class to follow, one per image; by default the one predicted for the intact image.
    labels : ndarray of int64, shape (N,), optional
        For the accuracy.
    seed : int
        Draws the random orders.

    Raises
    ------
    DataError
        If there is no image, the shapes do not fit, a map holds numbers that are not finite, or what `predict_proba`
        returns are no probabilities (`metrics.scores.check_probabilities`).
    """
    n = len(images)
    if n == 0 or images.ndim != 4 or maps.shape != images.shape[:3]:
        raise DataError(
            f"expected images (N, H, W, C), N at least 1, and a map (H, W) for each, "
            f"found {images.shape} and {maps.shape}"
        )
    if not np.isfinite(maps).all():
        raise DataError("expected attribution maps of finite numbers, found others: check the network's weights")
    rng = np.random.default_rng(seed)
    intact = predict_proba(images)
    check_probabilities(intact)
    followed = intact.argmax(axis=1) if targets is None else np.asarray(targets)

    def after_removal(scores: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of the followed class (F, N), and whether the label is predicted (F, N)."""
        ranks, present = _ranks(images, scores, rng)
        probability, right = np.empty((2, len(FRACTIONS), n))
        for place, fraction in enumerate(FRACTIONS):
            gone = ranks < np.rint(fraction * present)[:, np.newaxis, np.newaxis]
            probabilities = predict_proba(np.where(gone[..., np.newaxis], np.uint8(0), images))
            probability[place] = probabilities[np.arange(n), followed]
            right[place] = probabilities.argmax(axis=1) == (followed if labels is None else labels)
        return probability, right

    by_map = after_removal(maps)
    drawn = [after_removal(rng.random(maps.shape)) for _ in range(RANDOM_ORDERS)]
    at_random = (np.mean([p for p, _ in drawn], axis=0), np.mean([right for _, right in drawn], axis=0))
    gains = np.trapezoid(at_random[0] - by_map[0], FRACTIONS, axis=0)  # (N,)
    return DeletionTest(
        n=n,
        predicted=targets is None,
        by_map=_curve(*by_map, labels is not None),
        at_random=_curve(*at_random, labels is not None),
        gain=float(gains.mean()),
        gain_interval=mean_interval(gains),
    )


def _ranks(
    images: NDArray[np.uint8], scores: NDArray[np.floating[Any]], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of each pixel in the order of removal, (N, H, W), black ones last; and how many are not black, (N,)."""
    n = len(images)
    present = images.any(axis=3).reshape(n, -1)
    keys = np.where(present, -scores.reshape(n, -1), np.inf)
    order = np.lexsort((rng.random(keys.shape), keys), axis=1)
    ranks = np.empty(keys.shape, np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(keys.shape[1]), keys.shape), axis=1)
    return ranks.reshape(scores.shape), present.sum(axis=1)


def _curve(probability: NDArray[np.float64], right: NDArray[np.float64], labelled: bool) -> DeletionCurve:
    areas: NDArray[np.float64] = np.asarray(np.trapezoid(probability, FRACTIONS, axis=0))
    intervals = [interval for row in probability if (interval := mean_interval(row)) is not None]
    return DeletionCurve(
        probability=tuple(float(mean) for mean in probability.mean(axis=1)),
        intervals=tuple(intervals) or None,
        accuracy=tuple(float(mean) for mean in right.mean(axis=1)) if labelled else None,
        area=float(areas.mean()),
        area_interval=mean_interval(areas),
    )
