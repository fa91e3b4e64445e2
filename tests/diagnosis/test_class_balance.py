"""Class balance: near-empty classes, classes that nothing measures, and when to weight them."""

from __future__ import annotations

import json

import pytest

from inkling.diagnosis.class_balance import ClassBalance


def balance(**counts: tuple[int, int, int]) -> ClassBalance:
    return ClassBalance(
        {
            split: {name: n[place] for name, n in counts.items()}
            for place, split in enumerate(("train", "validation", "test"))
        }
    )


def test_equal_classes_have_nothing_to_mend() -> None:
    equal = balance(cat=(50, 10, 10), dog=(50, 10, 10))
    assert equal.verdict == "Every class has 50 training images."
    assert (equal.few, equal.unmeasured, equal.unequal) == ((), (), False)


@pytest.mark.parametrize(("largest", "unequal"), [(29, False), (30, True)])
def test_weighting_is_recommended_from_a_ratio_of_three_on(largest: int, unequal: bool) -> None:
    found = balance(cat=(largest, 5, 5), dog=(10, 5, 5))
    assert found.unequal is unequal
    assert found.to_dict()["balance_classes"] is unequal


def test_small_classes_are_named() -> None:
    found = balance(cat=(50, 10, 10), dog=(9, 1, 0), owl=(0, 1, 1))
    assert found.few == ("dog", "owl")
    assert found.unmeasured == ("dog",)
    assert found.ratio == pytest.approx(50 / 9)
    assert "0 (owl) to 50 (cat)" in found.verdict
    assert "Fewer than 10 training images: dog, owl." in found.verdict
    assert found.verdict.endswith("dog, owl. No test image: dog.")
    json.dumps(found.to_dict())


def test_of_many_small_classes_the_first_are_named() -> None:
    found = balance(**{f"class{i}": (2, 1, 1) for i in range(8)})
    assert "class0, class1, class2, class3, class4 and 3 more." in found.verdict
