"""The order of stratified sampling: what it always was, at a cost that does not grow with the number of classes."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkling.images.sampling import stratified_order


def class_by_class(labels: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """The definition: one pass over the images for every class."""
    shuffled = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))).permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
        place[members[0]] = -1.0
    return shuffled[np.argsort(place[shuffled], kind="stable")]


@given(st.lists(st.integers(0, 12), max_size=80), st.integers(0, 5))
def test_the_order_is_the_definitions(labels: list[int], seed: int) -> None:
    values = np.array(labels, np.int64)
    np.testing.assert_array_equal(stratified_order(values, seed), class_by_class(values, seed))


def test_many_classes_cost_no_more_than_few() -> None:
    labels = np.random.default_rng(0).integers(0, 10_000, 100_000)
    began = time.perf_counter()
    order = stratified_order(labels, 0)
    assert time.perf_counter() - began < 1.0  # class by class: seconds
    assert len(np.unique(order)) == len(labels)
    assert len(np.unique(labels[order[:10_000]])) == len(np.unique(labels))
