"""Two gaps compared: runs whose right answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conftest import Simulated
from inkling.diagnosis.gap_change import compare_gaps
from inkling.diagnosis.overfitting import Overfitting, diagnose_overfitting


def overfitting(train: float, validation: float, n_train: int, n_validation: int = 10_000) -> Overfitting:
    return diagnose_overfitting(
        [{"train_accuracy": train, "validation_accuracy": validation, "validation_loss": 0.3}], n_train, n_validation
    )


def test_more_data_closes_the_gap() -> None:
    found = compare_gaps(
        overfitting(1.0, 0.902, 2000), overfitting(0.993, 0.974, 50_000), "2,000 images", "50,000 images"
    )
    assert found.change == pytest.approx(0.019 - 0.098)
    assert found.change_interval.low < found.change < found.change_interval.high < 0
    assert found.shown
    assert found.verdict.startswith(
        "With 50,000 images instead of 2,000 images the gap falls from 9.80 to 1.90 points, a difference of −7.90 ["
    )
    assert "validation accuracy goes from 90.20% to 97.40%" in found.verdict
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == found.verdict
    assert found.to_dict()["sentence"] == found.verdict  # its earlier name


def test_a_gap_that_closes_because_less_is_learned_is_called_so() -> None:
    first, second = overfitting(0.99, 0.95, 5000), overfitting(0.91, 0.90, 5000)
    found = compare_gaps(first, second, "the recipe reference", "the recipe strong")
    assert found.shown
    assert "falls" in found.verdict
    assert "learned less well" in found.verdict
    back = compare_gaps(second, first, "a", "b")
    assert "grows" in back.verdict
    assert (back.change_interval.low, back.change_interval.high) == pytest.approx(
        (-found.change_interval.high, -found.change_interval.low)
    )


def test_no_change_is_called_shown_where_there_is_none_more_often_than_chance_allows(simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    covered = shown = 0
    for _ in range(1000):
        gaps = [
            overfitting(rng.binomial(2000, 0.98) / 2000, rng.binomial(5000, 0.93) / 5000, 2000, 5000) for _ in range(2)
        ]
        found = compare_gaps(*gaps, "a", "b")
        shown += found.shown
        covered += found.change_interval.low <= 0 <= found.change_interval.high
    simulated("The 95% interval of a change of the gap holds it", covered / 1000, 1000)
    assert 0.93 <= covered / 1000 <= 0.97
    assert shown / 1000 <= 0.07


def test_a_known_change_is_covered_and_more_so_on_shared_validation_images() -> None:
    rng = np.random.default_rng(1)
    covered = np.zeros(2)
    for _ in range(500):
        for shared in (False, True):
            hard = rng.random(5000)  # an image both runs see: the harder, the sooner missed
            other = hard if shared else rng.random(5000)
            first = overfitting(rng.binomial(2000, 0.99) / 2000, float(np.mean(hard < 0.91)), 2000, 5000)
            second = overfitting(rng.binomial(9000, 0.98) / 9000, float(np.mean(other < 0.96)), 9000, 5000)
            found = compare_gaps(first, second, "2,000 images", "9,000 images")
            covered[int(shared)] += found.change_interval.low <= -0.06 <= found.change_interval.high
    assert 0.92 <= covered[0] / 500 <= 0.98
    assert covered[1] >= covered[0]
