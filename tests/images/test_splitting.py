"""Splits: stratified, disjoint, always the same; groups never torn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling.errors import DataError
from inkling.images.splitting import grouped_parts, split_indices


def test_without_splits_70_15_15_are_made_and_every_class_can_be_learnt() -> None:
    labels = np.repeat([0, 1, 2], [60, 39, 1])
    parts = split_indices(labels, "photos")
    assert [len(part) for part in parts.values()] == [70, 15, 15]
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(100))
    assert set(labels[parts["train"]]) == {0, 1, 2}
    assert abs(np.sum(labels[parts["test"]] == 0) - 9) <= 1


def test_a_missing_split_is_a_sixth_of_training() -> None:
    labels = np.tile([0, 1], 30)
    parts = split_indices(labels, "photos", ["train"] * 48 + ["test"] * 12)
    assert [len(part) for part in parts.values()] == [40, 8, 12]
    assert (parts["test"] >= 48).all()
    assert len(split_indices(labels, "photos", ["train"] * 60)["test"]) == 10


@pytest.mark.parametrize(
    ("given_splits", "groups", "message"),
    [
        (["train", "holdout"], None, "expected the splits train, validation, test, found holdout"),
        (["test", "validation"], None, "expected pictures for training, found test, validation alone"),
        (["train", "test"], ["x", "x"], r"1 group is in more than one split: x \(in train and test\): put all"),
        (None, ["x", "y"], "2 groups of pictures cannot be split in 3: at least 3 groups are needed"),
        (None, None, "too few pictures to split"),
    ],
)
def test_what_cannot_be_split_says_why(given_splits: list[str], groups: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_indices(np.array([0, 1]), "photos", given_splits, groups)


def test_groups_are_split_in_proportion_where_they_are_small() -> None:
    labels = np.tile([0, 0, 1, 1], 250)
    groups = [str(i // 4) for i in range(1000)]
    parts = split_indices(labels, "photos", groups=groups)
    for part, size in zip(parts.values(), (700, 150, 150), strict=True):
        assert abs(len(part) - size) <= 4
        assert abs(np.mean(labels[part]) - 0.5) < 0.01
    cut = split_indices(labels, "photos", ["train"] * 800 + ["test"] * 200, groups)
    assert abs(len(cut["validation"]) - 133) <= 4


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=3, max_size=80).filter(
        lambda pairs: len({group for _, group in pairs}) >= 3
    )
)
@settings(deadline=None)
def test_no_group_is_torn_no_part_is_empty_and_it_is_always_the_same(pairs: list[tuple[int, int]]) -> None:
    labels = np.array([label for label, _ in pairs])
    _, groups = np.unique([group for _, group in pairs], return_inverse=True)
    sizes = [len(labels) - 2 * (len(labels) // 7), len(labels) // 7, len(labels) // 7]
    part_of = grouped_parts(labels, groups, sizes)
    assert set(part_of) == {0, 1, 2}
    for group in set(groups.tolist()):
        assert len(set(part_of[groups == group].tolist())) == 1
    assert np.array_equal(part_of, grouped_parts(labels, groups, sizes))
