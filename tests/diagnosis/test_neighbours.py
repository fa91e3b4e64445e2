"""Nearest images: against comparing all with all, whatever the block size, and fast enough for a report."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling.diagnosis import neighbours
from inkling.diagnosis.neighbours import labelled_neighbours, nearest_images
from inkling.images.dataset import Splits


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 8), st.integers(1, 40), st.sampled_from([1, 3]))
def test_they_are_those_that_comparing_all_with_all_finds(
    seed: int, n: int, count: int, block: int, channels: int
) -> None:
    rng = np.random.default_rng(seed)
    count = min(count, n)
    images = rng.integers(0, 3, (n, 2, 2, channels)).astype(np.uint8)
    queries = rng.integers(0, 3, (5, 2, 2, channels)).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_BLOCK_BYTES", block * 4 * 4 * channels)
        indices, distances = nearest_images(queries, images, count)
    difference = queries[:, None].astype(float) - images[None]
    exact = np.sqrt((difference**2).mean(axis=(2, 3, 4)))  # (5, N)
    assert indices.shape == distances.shape == (5, count)
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :count], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, indices, axis=1), distances, atol=1e-5)
    assert all(len(set(row)) == count for row in indices)


def test_an_image_is_its_own_nearest_at_distance_zero(tiny_splits: Splits) -> None:
    indices, distances = nearest_images(tiny_splits.train.images, tiny_splits.train.images, 1)
    assert indices[:, 0].tolist() == list(range(60))
    assert (distances == 0).all()


def test_neighbours_know_their_files(tiny_splits: Splits) -> None:
    train = tiny_splits.train
    assert {near.file for near in labelled_neighbours(train.images[:1], train, 3)[0]} == {""}
    named = replace(train, files=tuple(f"{i}.png" for i in range(60)))
    nearest, _ = nearest_images(train.images[:2], train.images, 3)
    for near, indices in zip(labelled_neighbours(train.images[:2], named, 3), nearest, strict=True):
        assert [neighbour.file for neighbour in near] == [f"{i}.png" for i in indices]


def test_the_search_says_how_far_it_is(tiny_splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 25 * 4 * 16)
    seen: list[tuple[int, int]] = []
    train = tiny_splits.train
    labelled_neighbours(train.images[:2], train, 3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(25, 60), (50, 60), (60, 60)]


def test_the_unit_is_grey_levels() -> None:
    images = np.zeros((2, 3, 3, 1), np.uint8)
    images[1] = 255
    indices, distances = nearest_images(np.full((1, 3, 3, 1), 200, np.uint8), images, 2)
    assert indices.tolist() == [[1, 0]]
    np.testing.assert_allclose(distances, [[55, 200]])


def test_a_hundred_mnist_images_among_fifty_thousand_take_seconds(mnist: Splits) -> None:
    began = time.perf_counter()
    indices, _ = nearest_images(mnist.test.images[:100], mnist.train.images, 5)
    assert time.perf_counter() - began < 20
    assert np.mean(mnist.train.labels[indices[:, 0]] == mnist.test.labels[:100]) > 0.9


def test_no_image_has_no_neighbours(tiny_splits: Splits) -> None:
    indices, distances = nearest_images(tiny_splits.train.images[:0], tiny_splits.train.images, 3)
    assert indices.shape == distances.shape == (0, 3)
