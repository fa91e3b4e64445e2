"""Accuracy, loss, misses and confusions: counts that add up, and scores by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.mistakes import worst_mistakes


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_counts_add_up(n: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    probabilities = rng.dirichlet(np.ones(n_classes), n).astype(np.float32)
    names = tuple(f"class {k}" for k in range(n_classes))
    found = evaluate_predictions(labels, probabilities, names)
    matrix = np.array(found.confusion)
    assert matrix.sum() == found.n == n
    assert np.trace(matrix) == found.correct
    assert sum(found.misses.values()) == n - found.correct
    assert tuple(found.misses) == names
    for pair in found.most_confused:
        assert matrix[names.index(pair.label), names.index(pair.predicted)] == pair.count > 0
        assert pair.label != pair.predicted
    assert list(found.most_confused) == sorted(found.most_confused, key=lambda pair: -pair.count)
    assert 0 <= found.accuracy_interval.low <= found.accuracy <= found.accuracy_interval.high <= 1
    mistakes = worst_mistakes(labels, probabilities, n)
    assert len(mistakes) == n - found.correct
    assert all(probabilities[m.index].argmax() == m.predicted != m.label == labels[m.index] for m in mistakes)
    of_label = [m.label_probability for m in mistakes]
    assert of_label == sorted(of_label)


def test_loss_is_the_mean_of_minus_log_p() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)
    found = evaluate_predictions(np.array([0, 0]), probabilities, ("a", "b"))
    assert found.loss == pytest.approx((np.log(2) + np.log(5)) / 2, rel=1e-6)
    impossible = evaluate_predictions(np.array([1]), np.array([[1.0, 0.0]], np.float32), ("a", "b"))
    assert np.isfinite(impossible.loss)


def test_all_but_one_is_not_a_hundred_percent() -> None:
    labels = np.zeros(50_000, np.int64)
    probabilities = np.tile([1.0, 0.0], (50_000, 1))
    probabilities[7] = [0.0, 1.0]
    evaluation = evaluate_predictions(labels, probabilities, ("a", "b"))
    assert str(evaluation) == "test accuracy 99.998% [99.99, 99.9996] (n = 50,000, majority baseline 100.00%)"
