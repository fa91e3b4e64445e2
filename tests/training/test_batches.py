"""What each step is given: weights that fit the images, and classes that count the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.batches import MiniBatches, class_balanced_weights
from inkling.training.loop import train
from inkling.training.settings import TrainingSettings


def weights(n: int = 60, **changes: float) -> NDArray[np.float64]:
    values = np.ones(n)
    for place, value in changes.items():
        values[int(place[1:])] = value
    return values


@pytest.mark.parametrize(
    ("given_weights", "found"),
    [
        (weights(59), r"found shape \(59,\)"),
        (np.ones((60, 1)), r"found shape \(60, 1\)"),
        (np.float64(1.0), r"found shape \(\)"),
        (weights(_7=-0.5), "found -0.5 for image 7"),
        (weights(_3=np.nan), "found nan for image 3"),
        (weights(_59=np.inf), "found inf for image 59"),
        (np.full(60, "1"), "found <U1"),
        (np.full(60, 1j), "found complex128"),
    ],
)
def test_weights_that_do_not_fit_are_an_error_of_one_line(
    given_weights: NDArray[np.float64], found: str, tiny_splits: Splits
) -> None:
    with pytest.raises(DataError, match=found) as caught:
        next(train(Perceptron((4, 4, 1), 3), tiny_splits, TrainingSettings(), image_weights=given_weights))
    assert "expected image weights of shape (60,), one finite number of 0 or more per training image" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def test_weights_go_with_their_images_and_multiply_the_balance() -> None:
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    dataset = ImageDataset(images, labels, ("a", "b"))
    settings = TrainingSettings(batch_size=3, balance_classes=True)
    given_weights = np.arange(8)  # integers do as well
    for batch in MiniBatches(dataset, settings, given_weights).epoch(1):
        assert batch.weights is not None
        numbers = batch.images.ravel()
        np.testing.assert_allclose(batch.weights, numbers * np.where(numbers < 6, 8 / 12, 2.0))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50).map(np.array))
def test_class_balanced_weights(labels: NDArray[np.int64]) -> None:
    balanced = class_balanced_weights(labels)
    assert balanced.mean() == pytest.approx(1)
    totals = np.bincount(labels, balanced, 6)
    assert totals[totals > 0] == pytest.approx(len(labels) / np.count_nonzero(totals))
    counts = np.bincount(labels, minlength=6)
    np.testing.assert_array_equal(balanced, len(labels) / (np.count_nonzero(counts) * counts[labels]))
