"""Unequal classes: a network that saw nothing is not praised, and intervals hold together as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from conftest import Simulated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.class_scores import score_classes
from inkling.metrics.intervals import mean_of_proportions_interval, simultaneous_intervals


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 300, p=[0.7, 0.15, 0.1, 0.05])
    predicted = np.where(rng.random(300) < 0.7, labels, rng.integers(0, 4, 300))
    found = evaluate_predictions(labels, np.eye(4)[predicted], ("a", "b", "c", "d")).scores
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted)
    assert [each.precision for each in found.classes] == pytest.approx(precision)
    assert [each.recall for each in found.classes] == pytest.approx(recall)
    assert found.macro_f1 == pytest.approx(f1.mean())
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert found.beats_baseline
    assert found.unequal
    assert found.majority == "a"


def test_noise_that_answers_the_frequent_class_is_not_better() -> None:
    found = score_classes(np.array([[1000, 0], [30, 0]]), ("common", "rare"))
    assert not found.beats_baseline
    assert found.verdict.startswith(
        "On 1,030 test images it is not shown to be more accurate than always answering common (97.1%); balanced "
        "accuracy 50.0%"
    )
    assert found.classes[1].precision is None
    assert found.to_dict()["classes"][1]["precision_interval"] is None


def test_a_class_without_images_is_passed_over() -> None:
    found = score_classes(np.array([[9, 1, 0], [0, 10, 0], [0, 0, 0]]), ("a", "b", "none"))
    assert found.balanced_accuracy == pytest.approx(0.95)
    assert found.classes[2].recall is None
    assert not found.unequal


def test_top_k_where_there_are_classes_enough() -> None:
    labels = np.arange(12)
    found = evaluate_predictions(labels, np.eye(12), tuple("abcdefghijkl"))
    assert found.top_k == {3: 1.0, 5: 1.0}
    assert found.to_dict()["top_k"] == {"3": 1.0, "5": 1.0}
    assert evaluate_predictions(labels[:3], np.eye(3), ("a", "b", "c")).top_k == {}


def test_intervals_hold_as_often_as_they_say(simulated: Simulated) -> None:
    rng, times = np.random.default_rng(0), 400
    totals, truth = np.array([300, 30, 15, 60]), np.array([0.98, 0.7, 0.9, 0.85])
    together = mean = 0
    for drawn in rng.binomial(totals, truth, (times, 4)):
        each = simultaneous_intervals(drawn, totals)
        together += all(i is not None and i.low <= p <= i.high for i, p in zip(each, truth, strict=True))
        balanced = mean_of_proportions_interval(drawn, totals)
        mean += balanced.low <= truth.mean() <= balanced.high
    simulated("Recalls of four classes are all in their simultaneous intervals", together / times, times)
    simulated("The 95% interval of a balanced accuracy holds it", mean / times, times)
    assert together / times >= 0.95
    assert 0.93 <= mean / times <= 0.98
