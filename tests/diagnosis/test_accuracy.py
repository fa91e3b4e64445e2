"""Evidence: formulas against published numbers, counts that add up, verdicts where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Simulated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.metrics.intervals import newcombe_interval, wilson_interval
from inkling.metrics.spread import spread


def test_wilson_interval_of_a_published_example() -> None:
    # Newcombe (1998), Stat. Med. 17:857, table I, method 3: 81/263 and 0/20.
    assert wilson_interval(81, 263).low == pytest.approx(0.2553, abs=5e-5)
    assert wilson_interval(81, 263).high == pytest.approx(0.3662, abs=5e-5)
    assert wilson_interval(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def test_newcombe_interval_of_a_published_example() -> None:
    # Newcombe (1998), Stat. Med. 17:873, table II, method 10: 56/70 - 48/80.
    found = newcombe_interval(56, 70, 48, 80)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_newcombe_interval_covers_as_often_as_it_says(simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.binomial(2000, 0.97, 1000), rng.binomial(1000, 0.95, 1000)
    covered = 0
    for x, y in zip(a, b, strict=True):
        interval = newcombe_interval(int(x), 2000, int(y), 1000)
        covered += interval.low <= 0.02 <= interval.high
    simulated("The 95% interval of a gap between two sets holds it", covered / 1000, 1000)
    assert 0.93 <= covered / 1000 <= 0.97


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


def epochs(train: list[float], validation: list[float], losses: list[float]) -> list[dict[str, float]]:
    return [
        {"train_accuracy": t, "validation_accuracy": v, "validation_loss": loss}
        for t, v, loss in zip(train, validation, losses, strict=True)
    ]


def test_a_network_that_memorises_its_images_overfits_strongly() -> None:
    found = diagnose_overfitting(
        epochs([0.8, 0.95, 1.0, 1.0, 1.0], [0.8, 0.9, 0.89, 0.89, 0.89], [0.6, 0.4, 0.7, 0.8, 0.7]), 2000, 10000
    )
    assert found.level == "strong"
    assert (found.kept_epoch, found.lowest_loss_epoch) == (2, 2)
    assert found.loss_turned_up
    assert found.loss_rise == pytest.approx(0.75)
    assert found.gap == pytest.approx(0.05)
    assert found.gap_interval.low < 0.05 < found.gap_interval.high
    for words in (
        "overfits strongly",
        "95.00%",
        "90.00%",
        "epoch 2",
        "5.00 points",
        "best of 5 epochs",
        "turned up",
        "75%",
    ):
        assert words in found.verdict


def test_equal_accuracies_show_no_overfitting() -> None:
    found = diagnose_overfitting(epochs([0.8, 0.91], [0.8, 0.905], [0.6, 0.5]), 1000, 1000)
    assert found.level == "none shown"
    assert "No significant overfitting" in found.verdict
    assert "still falling" in found.verdict


def test_easier_validation_images_are_called_so_and_one_epoch_says_little() -> None:
    found = diagnose_overfitting(epochs([0.90], [0.95], [0.3]), 50000, 10000)
    assert found.gap_interval.high < 0
    assert "the validation images are easier than the training images" in found.verdict
    assert "significant" not in found.verdict
    assert "best of" not in found.verdict
    assert "still falling" not in found.verdict


def test_one_bad_epoch_at_the_end_is_no_turn_of_the_loss() -> None:
    found = diagnose_overfitting(epochs([0.8] * 6, [0.8] * 6, [0.6, 0.5, 0.45, 0.42, 0.4, 0.6]), 2000, 10000)
    assert not found.loss_turned_up
    assert "lowest at epoch 5, too near the end" in found.verdict
    later = diagnose_overfitting(epochs([0.8] * 8, [0.8] * 8, [0.6, 0.5, 0.4, 0.41, 0.4, 0.41, 0.6, 0.41]), 2000, 10000)
    assert not later.loss_turned_up
    assert "flattened out" in later.verdict


def test_a_small_gap_on_many_images_is_slight() -> None:
    found = diagnose_overfitting(
        epochs([0.985] + [0.986] * 4, [0.98] + [0.9805] * 4, [0.07, 0.071, 0.071, 0.071, 0.072]), 50000, 10000
    )
    assert found.level == "slight"
    assert not found.loss_turned_up
    assert "flattened out" in found.verdict


def test_no_gap_is_called_shown_where_there_is_none_more_often_than_chance_allows() -> None:
    rng = np.random.default_rng(1)
    shown = 0
    for train, validation in zip(rng.binomial(2000, 0.9, 1000), rng.binomial(2000, 0.9, 1000), strict=True):
        found = diagnose_overfitting(epochs([train / 2000], [validation / 2000], [0.3]), 2000, 2000)
        shown += found.level != "none shown"
    assert shown / 1000 <= 0.04  # one side of a 95% interval is 0.025


def test_the_kept_epoch_breaks_ties_by_loss() -> None:
    assert diagnose_overfitting(epochs([0.9] * 3, [0.8] * 3, [0.5, 0.4, 0.6]), 100, 100).kept_epoch == 2


def test_spread() -> None:
    assert spread([0.5]).sd is None
    found = spread([0.9, 0.92, 0.94])
    assert (found.mean, found.sd) == pytest.approx((0.92, 0.02))
    assert str(found) == "0.9200 ± 0.0200"
