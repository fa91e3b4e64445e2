"""Scores by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from inkling.errors import DataError
from inkling.metrics.reliability import expected_calibration_error, reliability_bins
from inkling.metrics.scores import accuracy, brier_scores, check_predictions, cross_entropies, mean_cross_entropy

PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.2, 0.2, 0.6], [0.2, 0.3, 0.5]])
LABELS = np.array([0, 1, 2, 1])


def test_scores_of_each_image_by_hand() -> None:
    np.testing.assert_allclose(cross_entropies(LABELS, PROBABILITIES), -np.log([0.9, 0.1, 0.6, 0.3]))
    np.testing.assert_allclose(brier_scores(LABELS, PROBABILITIES), [0.02, 1.62, 0.24, 0.78])
    assert accuracy(LABELS, PROBABILITIES) == 0.5
    assert expected_calibration_error(reliability_bins(LABELS, PROBABILITIES)) == pytest.approx(1.7 / 4)


def test_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(7), 500).astype(np.float32)
    labels = rng.integers(0, 7, 500)
    assert accuracy(labels, probabilities) == accuracy_score(labels, probabilities.argmax(axis=1))
    assert mean_cross_entropy(labels, probabilities) == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
    one_hot = np.eye(7)[labels]
    assert brier_scores(labels, probabilities).mean() == pytest.approx(((probabilities - one_hot) ** 2).sum(1).mean())


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(DataError, match="expected NumPy arrays"):
        check_predictions([0, 1], [[0.5, 0.5], [0.5, 0.5]])  # type: ignore[arg-type]


def test_mean_cross_entropy() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
    assert mean_cross_entropy(np.array([0, 0]), probabilities) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert np.isfinite(mean_cross_entropy(np.array([0]), np.array([[0.0, 1.0]], np.float32)))
