"""Groups in two splits: counted, their effect shown where it is there, and as seldom as promised where it is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conftest import Simulated
from inkling.diagnosis.group_leak import GroupLeak, measure_group_leak
from inkling.errors import DataError
from inkling.metrics.clusters import clustered_interval
from inkling.metrics.intervals import wilson_interval


def test_groups_of_one_image_have_about_wilsons_interval() -> None:
    found = clustered_interval([1] * 900 + [0] * 100, [1] * 1000)
    expected = wilson_interval(900, 1000)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-4)
    # Groups that are all right or all wrong are worth one image each.
    alike, single = (
        clustered_interval([10] * 90 + [0] * 10, [10] * 100),
        clustered_interval([1] * 90 + [0] * 10, [1] * 100),
    )
    assert alike.high - alike.low == pytest.approx(single.high - single.low, rel=0.01)
    assert clustered_interval([5] * 30, [5] * 30).low == pytest.approx(clustered_interval([1] * 30, [1] * 30).low)
    with pytest.raises(DataError, match="two groups at least, found 1"):
        clustered_interval([3], [4])


def drawn(
    rng: np.random.Generator, groups: int, accuracy: float, alike: float, name: str
) -> tuple[list[bool], list[str]]:
    """Return images of groups of 1 to 10 whose accuracies are spread by the intraclass correlation `alike`."""
    sizes = rng.integers(1, 11, groups)
    weight = (1 - alike) / alike
    rates = np.repeat(rng.beta(accuracy * weight, (1 - accuracy) * weight, groups), sizes)
    return (rng.random(len(rates)) < rates).tolist(), [f"{name}{k}" for k in np.repeat(np.arange(groups), sizes)]


def leak(rng: np.random.Generator, groups: tuple[int, int], accuracies: tuple[float, float]) -> GroupLeak:
    seen, unseen = (
        drawn(rng, count, accuracy, 0.4, name) for count, accuracy, name in zip(groups, accuracies, "ab", strict=True)
    )
    return measure_group_leak(np.array(seen[0] + unseen[0]), seen[1] + unseen[1], [*seen[1], "other"])


def test_a_leak_that_is_none_is_shown_in_5_percent_at_most_and_a_large_one_mostly(simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    shown = sum(leak(rng, (20, 40), (accuracy,) * 2).shown for accuracy in (0.8, 0.95) * 200)
    simulated("A leak is shown: 60 groups, those of training no easier", shown / 400, 400)
    assert shown / 400 <= 0.05
    found = sum(leak(rng, (40, 40), (0.99, 0.7)).shown for _ in range(100))
    assert found >= 80


def test_the_sentence_says_how_many_groups_and_what_it_did() -> None:
    rng = np.random.default_rng(1)
    found = leak(rng, (40, 40), (0.99, 0.6))
    assert found.shown
    assert found.verdict.startswith("40 of the 80 groups of test images have training images too (")
    assert found.verdict.endswith("it is higher on groups seen in training, and of new groups less is to be expected.")
    assert json.loads(json.dumps(found.to_dict()))["interval"][0] > 0
    right = np.array([True] * 6)
    few = measure_group_leak(right, ["a", "a", "b", "c", None, ""], ["a", None])
    assert (few.groups, few.shared, few.seen, few.unseen, few.unknown) == (3, ("a",), 2, 2, 2)
    assert few.verdict == (
        "1 of the 3 groups of test images has training images too (2 of 4 images; 2 images without a group are left "
        "out): what that does to the accuracy cannot be measured, for it takes two groups of either kind."
    )
    assert measure_group_leak(right, list("abcdef"), ["x"]).verdict == (
        "None of the 6 groups of test images has training images."
    )
    assert measure_group_leak(right, [None] * 6, ["x"]).unknown == 6
    same = measure_group_leak(right, list("aabbcd"), list("ab"))
    assert same.verdict.endswith("that it is higher on groups seen in training is not shown.")
    with pytest.raises(DataError, match="6 images but 1 groups"):
        measure_group_leak(right, ["a"], [])
    with pytest.raises(DataError, match="must be booleans"):
        measure_group_leak([1], ["a"], [])
