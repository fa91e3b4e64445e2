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
        "The run with 50,000 images has a smaller gap than the run with 2,000 images: 1.90 against 9.80 points, a "
        "difference of −7.90 ["
    )
    assert "validation accuracy 97.40% against 90.20%. One seed of each speaks of these two runs only" in found.verdict
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == found.verdict
    assert found.to_dict()["sentence"] == found.verdict  # its earlier name


def test_a_gap_that_closes_because_less_is_learned_is_called_so() -> None:
    first, second = overfitting(0.99, 0.95, 5000), overfitting(0.91, 0.90, 5000)
    found = compare_gaps(first, second, "the recipe reference", "the recipe strong")
    assert found.shown
    assert "smaller gap" in found.verdict
    assert "learned less well" in found.verdict
    back = compare_gaps(second, first, "a", "b")
    assert "larger gap" in back.verdict
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


def test_seeds_speak_of_ways_of_training_and_count_their_own_spread(simulated: Simulated) -> None:
    few = [overfitting(1.0, accuracy, 2000) for accuracy in (0.95, 0.952, 0.948)]
    many = [overfitting(0.999, accuracy, 50_000) for accuracy in (0.98, 0.981, 0.979)]
    found = compare_gaps(few, many, "2,000 images", "50,000 images")
    assert found.over_seeds
    assert found.verdict.startswith(
        "With 50,000 images instead of 2,000 images the gap falls from 5.00 to 1.90 points, a difference of −3.10 ["
    )
    assert "(means over 3 seeds); validation accuracy goes from 95.00% to 98.00%." in found.verdict
    alone = compare_gaps(few[:1], many, "2,000 images", "50,000 images")
    assert not alone.over_seeds
    assert alone.change == many[0].gap - few[0].gap
    rng, times = np.random.default_rng(4), 300
    shown = np.zeros(2)
    for _ in range(times):
        # Seeds of one recipe whose accuracies on any images differ by a standard deviation of a point.
        sides = [[overfitting(1.0, rng.normal(0.95, 0.01), 2000) for _ in range(3)] for _ in range(2)]
        shown += (
            compare_gaps(*sides, "a", "b").shown,
            compare_gaps(sides[0][0], sides[1][0], "a", "b").shown,
        )
    simulated("No change of the gap is shown over 3 seeds of one recipe", 1 - shown[0] / times, times)
    assert shown[0] / times <= 0.06
    assert shown[1] / times > 0.3  # what two runs show of themselves, and their sentence says so
