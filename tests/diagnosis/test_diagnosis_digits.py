"""No verdict rounds a mistake away: 49,999 of 50,000 images are 99.998% in each of them, and never 100%."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.calibration import diagnose_calibration
from inkling.diagnosis.comparison import compare_over_seeds, compare_predictions
from inkling.diagnosis.data_size import fit_learning_curve
from inkling.diagnosis.early_stopping import stopped_early
from inkling.diagnosis.gap_change import compare_gaps
from inkling.diagnosis.overfitting import diagnose_overfitting

N = 50_000
ACCURACY = (N - 1) / N
LABELS = np.zeros(N, np.int64)
ONE_WRONG = np.tile([1.0, 0.0], (N, 1))
ONE_WRONG[7] = [0.0, 1.0]
MANY_WRONG = np.tile([1.0, 0.0], (N, 1))
MANY_WRONG[:900] = [0.0, 1.0]
HISTORY = [{"train_accuracy": ACCURACY, "validation_accuracy": ACCURACY, "validation_loss": 0.1}] * 6
OVERFITTING = diagnose_overfitting(HISTORY, N, N)

VERDICTS: dict[str, Callable[[], str]] = {
    "evaluation": lambda: str(evaluate_predictions(LABELS, ONE_WRONG, ("a", "b"))),
    "calibration": lambda: diagnose_calibration(LABELS, ONE_WRONG, 2.0).verdict,
    "comparison": lambda: compare_predictions(LABELS, ONE_WRONG, MANY_WRONG).verdict,
    "comparison over seeds": lambda: compare_over_seeds(LABELS, [ONE_WRONG] * 2, [MANY_WRONG] * 2).verdict,
    "learning curve": lambda: fit_learning_curve({100: [0.1], 1000: [0.01], 10_000: [1 / N]}, N).verdict,
    "early stopping": lambda: stopped_early(HISTORY, 3, N).verdict,
    "overfitting": lambda: OVERFITTING.verdict,
    "gap change": lambda: compare_gaps(OVERFITTING, OVERFITTING, "a", "b").verdict,
}


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS)
def test_a_mistake_is_never_rounded_away(verdict: Callable[[], str]) -> None:
    said = verdict()
    assert "99.998%" in said
    # The mean confidence of these probabilities is exactly 1, and all images are of one class.
    for exact in ("mean confidence 100.00%", "majority baseline 100.00%"):
        said = said.replace(exact, "")
    assert "100.00%" not in said
