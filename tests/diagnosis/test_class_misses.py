"""Which class is hardest, and which confusion most frequent: found where it is, and not where it is a tie."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.class_misses import ClassMisses, hardest_class, leading_confusion, misses_per_class


def misses(*classes: tuple[int, int]) -> list[ClassMisses]:
    """Classes a, b, ...: images, and how many of them are misclassified."""
    return [ClassMisses("abcdef"[place], images, (count,)) for place, (images, count) in enumerate(classes)]


@pytest.mark.parametrize(
    ("classes", "hardest"),
    [
        (((100, 3), (100, 9), (100, 4)), "b"),
        (((50, 4), (30, 1), (20, 4)), "c"),  # by rate, not by number
        (((100, 9), (100, 9), (100, 4)), None),  # a tie
        (((100, 9), (100, 8), (100, 4)), None),  # one image makes the difference
        (((1, 1), (1, 0), (1, 0)), None),  # misses 1 of 1
        (((5, 5), (100, 2)), None),  # five images
        (((5, 5), (100, 20), (100, 2)), None),  # the few of a have the highest rate: b is not the hardest
        (((36, 0), (36, 0)), None),
        (((36, 1), (36, 0)), None),
        (((36, 2), (36, 0)), "a"),
        (((36, 5), (0, 0)), None),  # a class alone is not the hardest
        ((), None),
    ],
)
def test_the_hardest_class(classes: tuple[tuple[int, int], ...], hardest: str | None) -> None:
    found = hardest_class(misses(*classes))
    assert (found.name if found else None) == hardest


def test_the_hardest_class_of_several_runs_is_that_of_their_mean() -> None:
    found = hardest_class([ClassMisses("a", 50, (2, 2, 8)), ClassMisses("b", 50, (3, 3, 0))])
    assert found is not None
    assert found.name == "a"
    assert found.error_rate == pytest.approx(4 / 50)
    assert hardest_class([ClassMisses("a", 50, (2, 2, 3)), ClassMisses("b", 50, (2, 3, 2))]) is None


def test_the_leading_confusion_leads_by_more_than_one_mistake() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])

    def leading(cat_as_dog: int, owl_as_cat: int) -> tuple[str, str, int] | None:
        predicted = labels.copy()
        predicted[:cat_as_dog], predicted[80 : 80 + owl_as_cat] = 1, 0
        evaluation = evaluate_predictions(labels, np.eye(3)[predicted], ("cat", "dog", "owl"))
        assert sum(one.counts[0] for one in misses_per_class([evaluation])) == cat_as_dog + owl_as_cat
        pair = leading_confusion(evaluation)
        return None if pair is None else (pair.label, pair.predicted, pair.count)

    assert leading(6, 4) == ("cat", "dog", 6)
    assert leading(2, 0) == ("cat", "dog", 2)
    assert leading(4, 4) is leading(5, 4) is leading(1, 0) is leading(0, 0) is None
