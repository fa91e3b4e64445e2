"""Which class is hardest, and which confusion most frequent: found where it is, and not where it is a tie."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import Simulated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.class_misses import (
    ClassMisses,
    find_hardest_class,
    hardest_class,
    leading_confusion,
    misses_per_class,
)


def misses(*classes: tuple[int, int]) -> list[ClassMisses]:
    """Classes a, b, ...: images, and how many of them are misclassified."""
    return [ClassMisses("abcdefghij"[place], images, (count,)) for place, (images, count) in enumerate(classes)]


@pytest.mark.parametrize(
    ("classes", "hardest"),
    [
        (((100, 3), (100, 19), (100, 4)), "b"),
        (((100, 3), (100, 9), (100, 4)), None),  # as many by chance in one of nine
        (((500, 24), (300, 9), (60, 20)), "c"),  # by rate, not by number
        (((1000, 90), (1000, 88), (1000, 4)), None),  # classes differ, and which of two is the hardest is open
        (((100, 9), (100, 9), (100, 4)), None),  # a tie
        (((100, 9), (100, 8), (100, 4)), None),  # one image makes the difference
        (((1, 1), (1, 0), (1, 0)), None),  # misses 1 of 1
        (((5, 5), (100, 2)), None),  # five images
        (((5, 5), (100, 20), (100, 2)), None),  # the few of a have the highest rate: b is not the hardest
        (((36, 0), (36, 0)), None),
        (((36, 1), (36, 0)), None),
        (((36, 2), (36, 0)), None),
        (((36, 9), (36, 0)), "a"),
        (((36, 5), (0, 0)), None),  # a class alone is not the hardest
        ((), None),
    ],
)
def test_the_hardest_class(classes: tuple[tuple[int, int], ...], hardest: str | None) -> None:
    found = hardest_class(misses(*classes))
    assert (found.name if found else None) == hardest


def test_the_hardest_class_of_several_runs_is_that_of_their_mean() -> None:
    found = find_hardest_class([ClassMisses("a", 50, (12, 12, 18)), ClassMisses("b", 50, (3, 3, 0))])
    assert found.hardest is not None
    assert found.hardest.name == "a"
    assert found.hardest.error_rate == pytest.approx(14 / 50)
    assert found.verdict == (
        "The hardest class is a (14 of 50 misclassified, 28.0% (mean of 3 seeds)): more than every other class, "
        "p = 0.002 or less."
    )
    close = find_hardest_class([ClassMisses("a", 50, (2, 2, 3)), ClassMisses("b", 50, (2, 3, 1))])
    assert close.hardest is None
    assert close.to_dict()["missed_most"] == "a"
    assert "error rates are not shown to differ between classes (p = 1.00)" in close.verdict
    # Three runs on the same 50 images are not 150 images.
    assert hardest_class([ClassMisses("a", 50, (8, 8, 8)), ClassMisses("b", 50, (2, 2, 2))]) is None


def test_equal_classes_are_not_called_hardest(simulated: Simulated) -> None:
    """Where all are equal, and where two are the hardest together."""
    rng, times = np.random.default_rng(0), 200
    for name, rates, images in (
        ("all equal, n = 360", [0.03] * 10, [36] * 10),
        ("two equal, n = 2,000", [0.1, 0.1, 0.01], [1000, 500, 500]),
    ):
        said = sum(
            hardest_class(misses(*zip(images, rng.binomial(images, rates), strict=True))) is not None
            for _ in range(times)
        )
        simulated(f"X is called the hardest class, {name}", said / times, times)
        assert said / times <= 0.08  # two standard errors above 5%


def test_a_class_that_is_harder_is_found() -> None:
    rng = np.random.default_rng(1)
    images, rates = [1000] * 10, [0.05] + [0.02] * 9
    found = [hardest_class(misses(*zip(images, rng.binomial(images, rates), strict=True))) for _ in range(50)]
    assert sum(each is not None and each.name == "a" for each in found) >= 25


def test_the_leading_confusion_leads_by_more_than_chance() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])

    def leading(cat_as_dog: int, owl_as_cat: int) -> tuple[str, str, int] | None:
        predicted = labels.copy()
        predicted[:cat_as_dog], predicted[80 : 80 + owl_as_cat] = 1, 0
        evaluation = evaluate_predictions(labels, np.eye(3)[predicted], ("cat", "dog", "owl"))
        assert sum(one.counts[0] for one in misses_per_class([evaluation])) == cat_as_dog + owl_as_cat
        pair = leading_confusion(evaluation)
        return None if pair is None else (pair.label, pair.predicted, pair.count)

    assert leading(12, 2) == ("cat", "dog", 12)
    assert leading(6, 0) == ("cat", "dog", 6)
    assert leading(6, 4) is leading(4, 4) is leading(5, 0) is leading(1, 0) is leading(0, 0) is None
