"""How many more images, and of which class? A power law of each class's error against its training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.class_curve import ClassCurve
from inkling.diagnosis.data_size import DRAWS, fit_learning_curve
from inkling.errors import DataError
from inkling.metrics.formatting import percent, points, points_interval, significant

MORE = 100
"""Images whose gain is compared between classes; fewer where a class has fewer, so that no law is stretched far."""

DRAWS_BEYOND = 10
"""Of the bootstrap, beyond each end of an interval that holds for all classes at once."""

MOST_DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class ClassDataSize:
    """The power laws of all classes of one network, and which of them would gain most from more images."""

    classes: tuple[ClassCurve, ...]  # in the order of the classes; those whose images grew, and that have test images
    more: int  # images whose gain is compared

    @property
    def gains_most(self) -> ClassCurve | None:
        """The class that is shown to gain, and more than every other, or None.

        The 95% interval of each difference must lie above 0. That the class was chosen for the largest gain costs
        nothing more (Gutmann and Maymin, 1987, Ann. Stat. 15:456). Those whose law makes no forecast are not compared.
        """
        compared = [each for each in self.classes if each.forecasts]
        if len(compared) < 2:
            return None
        leader = max(compared, key=lambda each: each.gain)
        shown = all(leader.gains_more_than(each) for each in compared if each is not leader)
        return leader if shown and leader.gain_interval.low > 0 else None

    @property
    def halved(self) -> ClassCurve | None:
        """Of the classes for which the number of images to halve their error is shown, that of the highest error."""
        shown = [each for each in self.classes if each.halving_shown]
        return max(shown, key=lambda each: each.error) if shown else None

    @property
    def verdict(self) -> str:
        """Some sentences."""
        return " ".join([self._which, self._how_many, _TOGETHER])

    @property
    def _which(self) -> str:
        leader, compared = self.gains_most, sum(each.forecasts for each in self.classes)
        if leader is None:
            why = (
                "the gains of two classes or more may be equal"
                if compared > 1
                else "the power law holds for fewer than two classes"
            )
            return f"Which class would gain most from its next {self.more:,} images is not shown: {why}."
        of = "" if compared == len(self.classes) else f" of the {compared:,} classes whose error follows the power law"
        fall, n = leader.gain_interval, leader.test_images
        return (
            f"Class {leader.name} would gain most{of} from its next {self.more:,} images: its error would fall by "
            f"{points(leader.gain, n)} {points_interval(fall, n)} points if the power law goes on (95% intervals of "
            f"all classes at once)."
        )

    @property
    def _how_many(self) -> str:
        each = self.halved
        if each is None:
            return f"How many more images would halve the error of a class is shown for none of them{self._at_least}."
        ends = (each.to_halve, each.to_halve_interval.low, each.to_halve_interval.high)
        about, low, high = (significant(round(value)) for value in ends)
        return (
            f"To halve the error of class {each.name} ({percent(each.error, each.test_images)} of "
            f"{each.test_images:,} test images), it takes about {about} [{low}, {high}] more images of it if the power "
            f"law goes on."
        )

    @property
    def _at_least(self) -> str:
        """What is shown of the class of the highest error."""
        known = [each for each in self.classes if each.forecasts and each.error > 0 and each.least_to_halve]
        if not known:
            return ""
        worst = max(known, key=lambda each: each.error)
        least = significant(round(worst.least_to_halve or 0.0))
        return (
            f"; that of class {worst.name} ({percent(worst.error, worst.test_images)} of {worst.test_images:,} test "
            f"images) takes {least} or more if the power law goes on"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        leader, halved = self.gains_most, self.halved
        return {
            "verdict": self.verdict,
            "more": self.more,
            "gains_most": leader.name if leader else None,
            "halved": halved.name if halved else None,
            "classes": [each.to_dict() for each in self.classes],
        }


_TOGETHER = "All classes grew together here: images of one class alone may do less, or harm another."


def fit_class_curves(
    train_counts: NDArray[np.integer[Any]],
    misses: Sequence[NDArray[np.integer[Any]]],
    test_counts: NDArray[np.integer[Any]],
    class_names: Sequence[str],
) -> ClassDataSize | None:
    """Fit a power law to the error of each class against its number of training images.

    Parameters
    ----------
    train_counts : ndarray of int, shape (S, K)
        Training images of each class at each of S >= 3 training sizes, small sizes first.
    misses : sequence of ndarray of int, each of shape (seeds, K)
        For each size, misclassified test images of each class in each run.
    test_counts : ndarray of int, shape (K,)
        Test images of each class.
    class_names : sequence of str
        K names.

    Returns
    -------
    ClassDataSize or None
        The laws are those of `fit_learning_curve`, a class at a time. Intervals are at the confidence 1 - 0.05 / K
        (Bonferroni), so that those of all classes hold at once. None where no class has test images and three
        different numbers of training images.

    Raises
    ------
    DataError
        If shapes do not fit each other, there are fewer than three sizes, or more misses than test images.
    """
    sizes, classes = train_counts.shape if train_counts.ndim == 2 else (0, 0)
    fit = len(misses) == sizes and test_counts.shape == (classes,) and len(class_names) == classes
    if sizes < 3 or not fit or any(of.ndim != 2 or of.shape[1] != classes or not len(of) for of in misses):
        raise DataError(
            "learning curves of classes need counts (S, K) of three sizes or more, misses (seeds, K) of each size, "
            f"test counts and names of K classes, found {train_counts.shape}, {[of.shape for of in misses]}, "
            f"{test_counts.shape}, {len(class_names)}"
        )
    if any(((of < 0) | (of > test_counts)).any() for of in misses):
        raise DataError("learning curves of classes: a class has more misses than test images, or fewer than none")
    rising = (np.diff(train_counts, axis=0) > 0).all(axis=0) & (train_counts[0] > 0) & (test_counts > 0)  # (K,)
    fitted = [int(place) for place in np.flatnonzero(rising)]
    if not fitted:
        return None
    confidence = 1 - 0.05 / len(fitted)
    draws = min(max(DRAWS, round(2 * DRAWS_BEYOND / (1 - confidence))), MOST_DRAWS)
    more = int(min(MORE, train_counts[-1, fitted].min()))
    curves = []
    for place in fitted:
        n = int(test_counts[place])
        errors = {
            int(count): (of[:, place] / n).tolist() for count, of in zip(train_counts[:, place], misses, strict=True)
        }
        curve = fit_learning_curve(errors, n, seed=place, draws=draws)
        curves.append(ClassCurve(class_names[place], curve, confidence, more))
    return ClassDataSize(tuple(curves), more)
