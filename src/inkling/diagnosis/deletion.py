"""Do attribution maps find the pixels that decide? Pixels removed in their order, against pixels in random order.

Samek et al. (2017, IEEE TNNLS 28:2660) and Petsiuk, Das and Saenko (2018, BMVC): the pixels that a map ranks highest
are taken away first, and the probability of the class must fall faster than when pixels are taken away at random.
That is not enough: bright pixels or edges do so too. A map is said to find what decides only where it beats random
orders and every map that never saw the network (`diagnosis.attribution.controls`; Adebayo et al., 2018), each by an
interval of its own: all of them must be beaten, so that the sentence is wrong no more often than one interval is
(intersection-union test; Berger, 1982, Technometrics 24:295).

What is taken away becomes black in drawings and blurred in photos (`diagnosis.attribution.baselines`). Only pixels
that then change are ranked: on a digit most pixels are black already, and a random order that may draw them would
lose to any map that finds the ink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.attribution.baselines import BLACK, baseline_images, baseline_of
from inkling.diagnosis.attribution.controls import control_maps
from inkling.errors import DataError
from inkling.images.naming import and_list
from inkling.metrics.intervals import Interval, mean_interval
from inkling.metrics.scores import check_probabilities

FRACTIONS = tuple(i / 10 for i in range(11))
"""Fractions of an image's pixels removed, of those that removal changes, at which the curves are measured."""

STATED = 1
"""Place in FRACTIONS of the one that the verdict states, 10%."""

TOGETHER = 24
"""Altered images predicted in one call, about, of few images: a call for each would mostly be the calls themselves."""

RANDOM_ORDERS = 3
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
class Control:
    """A map that never saw the network, on the same images."""

    name: str
    area: float  # under its curve of probabilities
    gain: float  # area by the control - area by the map: above 0 where the map is better
    gain_interval: Interval | None  # 95%, paired over the images (Student's t); None for one image


@dataclass(frozen=True)
class DeletionTest:
    """An attribution map against random orders and maps that never saw the network, on the same images."""

    n: int  # images
    predicted: bool  # the predicted class is followed; otherwise one that was asked about
    by_map: DeletionCurve
    at_random: DeletionCurve
    gain: float  # area at random - area by the map: above 0 where the map is better
    gain_interval: Interval | None  # 95%, paired over the images (Student's t); None for one image
    controls: tuple[Control, ...] = ()
    baseline: str = BLACK  # what removed pixels become: "black" or "blurred"

    @property
    def shown(self) -> bool:
        """Whether the map is significantly better than random and than every control."""
        return all(
            interval is not None and interval.low > 0
            for interval in (self.gain_interval, *(control.gain_interval for control in self.controls))
        )

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """The controls that the map is not significantly better than; for one image those that are better than it."""
        return tuple(
            control.name
            for control in self.controls
            if (control.gain_interval.low if control.gain_interval else control.gain) <= 0
        )

    @property
    def verdict(self) -> str:
        """One sentence, with its numbers."""
        mapped, random = self.by_map.probability, self.at_random.probability
        which = "the predicted class" if self.predicted else "the class asked about"
        images = "1 image" if self.n == 1 else f"{self.n:,} images"
        pixels = "non-black pixels" if self.baseline == BLACK else "pixels"
        removing = "removing" if self.baseline == BLACK else "blurring"
        numbers = (
            f"{removing} the {FRACTIONS[STATED]:.0%} of the {pixels} ranked highest changes the probability of "
            f"{which} from {mapped[0]:.2f} to {mapped[STATED]:.2f}, {removing} random ones to {random[STATED]:.2f} "
            f"({images})"
        )
        if self.gain_interval is None:
            lost = (*(["random orders"] if self.gain < 0 else []), *self.unbeaten)
            warning = f" Do not rely on it: over all fractions it does worse than {and_list(lost)}." if lost else ""
            return f"Deletion test of the attribution map: {numbers}.{warning}"
        if self.shown:
            beaten = " They beat every map that never saw the network." if self.controls else ""
            return f"The attribution maps find the pixels that decide: {numbers}.{beaten}"
        if self.gain_interval.high < 0:
            return f"The attribution maps are worse than random: {numbers}."
        if self.gain_interval.low <= 0:
            return f"No significant difference between the attribution maps and random orders: {numbers}."
        return (
            f"The attribution maps are better than random orders, but not shown to be better than maps that never saw "
            f"the network ({and_list(self.unbeaten)}): {numbers}."
        )

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
    baseline: str | None = None,
) -> DeletionTest:
    """Remove pixels in the order of attribution maps, at random and by controls; follow the probability of a class.

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
        Draws the random orders and the controls.
    baseline : str, optional
        What removed pixels become, "black" or "blurred"; by default what `baseline_of` says of the images.

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
    baseline = baseline_of(images) if baseline is None else baseline
    emptied = baseline_images(images, baseline)
    changes = (images != emptied).any(axis=3)
    fractions, inner = np.array(FRACTIONS), np.arange(1, len(FRACTIONS) - 1)

    def of_followed(probabilities: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Probability of the followed class (..., N), and whether the label is predicted (..., N)."""
        expected = followed if labels is None else labels
        return probabilities[..., np.arange(n), followed], probabilities.argmax(axis=-1) == expected

    ends = of_followed(intact), of_followed(predict_proba(emptied))  # the same whatever the order

    def after_removal(scores: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of the followed class (F, N), and whether the label is predicted (F, N)."""
        ranks, present = _ranks(changes, scores, rng)
        probability, right = np.empty((2, len(FRACTIONS), n))
        for block in np.array_split(inner, -(-len(inner) // max(1, TOGETHER // n))):
            gone = ranks < np.rint(fractions[block, np.newaxis] * present)[..., np.newaxis, np.newaxis]  # (B, N, H, W)
            altered = np.where(gone[..., np.newaxis], emptied, images)
            probabilities = predict_proba(altered.reshape(-1, *images.shape[1:])).reshape(len(block), n, -1)
            probability[block], right[block] = of_followed(probabilities)
        for place, end in zip((0, -1), ends, strict=True):
            probability[place], right[place] = end
        return probability, right

    by_map = after_removal(maps)
    drawn = [after_removal(rng.random(maps.shape)) for _ in range(RANDOM_ORDERS)]
    at_random = (np.mean([p for p, _ in drawn], axis=0), np.mean([right for _, right in drawn], axis=0))
    areas: NDArray[np.float64] = np.asarray(np.trapezoid(by_map[0], FRACTIONS, axis=0))  # (N,)
    gains = np.trapezoid(at_random[0], FRACTIONS, axis=0) - areas
    controls = []
    for name, control in control_maps(images, emptied, maps, rng):
        of_control = np.trapezoid(after_removal(control)[0], FRACTIONS, axis=0)
        difference: NDArray[np.float64] = np.asarray(of_control - areas)
        controls.append(Control(name, float(of_control.mean()), float(difference.mean()), mean_interval(difference)))
    return DeletionTest(
        n=n,
        predicted=targets is None,
        by_map=_curve(*by_map, labels is not None),
        at_random=_curve(*at_random, labels is not None),
        gain=float(gains.mean()),
        gain_interval=mean_interval(gains),
        controls=tuple(controls),
        baseline=baseline,
    )


def _ranks(
    changes: NDArray[np.bool_], scores: NDArray[np.floating[Any]], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of each pixel in the order of removal, (N, H, W), those that do not change last; how many change, (N,)."""
    n = len(changes)
    present = changes.reshape(n, -1)
    counts = present.sum(axis=1)
    filled = np.arange(counts.max()) < counts[:, np.newaxis]  # only pixels that change are sorted: few, in drawings
    keys, by_chance = np.full(filled.shape, np.inf), np.zeros(filled.shape)
    keys[filled], by_chance[filled] = -scores.reshape(n, -1)[present], rng.random(present.shape)[present]
    order = np.argsort(keys, axis=1)
    ordered = np.take_along_axis(keys, order, axis=1)
    tied = ((ordered[:, 1:] == ordered[:, :-1]) & filled[:, 1:]).any(axis=1)
    order[tied] = np.lexsort((by_chance[tied], keys[tied]), axis=1)  # slower than a sort by one key
    places = np.empty(filled.shape, np.int64)
    np.put_along_axis(places, order, np.broadcast_to(np.arange(filled.shape[1]), filled.shape), axis=1)
    ranks = np.full(present.shape, present.shape[1])
    ranks[present] = places[filled]
    return ranks.reshape(scores.shape), counts


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
