"""Unequal classes: a network that saw nothing is not praised, and intervals hold together as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from conftest import Simulated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.class_scores import score_classes
from inkling.metrics.f1 import macro_f1_interval
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
    values = found.to_dict()["classes"]
    assert (values[2]["recall"], values[2]["precision"], values[2]["f1"]) == (None, None, None)
    assert values[0]["f1"] == pytest.approx(18 / 19)
    assert not found.unequal
    assert found.verdict.endswith("), without 1 of 3 classes, of which there is no test image.")


def test_one_image_is_no_images() -> None:
    assert score_classes(np.array([[1, 0], [0, 0]]), ("a", "b")).verdict.startswith("On 1 test image it is ")


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
    assert mean / times >= 0.94


def test_macro_f1_has_an_interval_where_every_class_has_images_enough() -> None:
    few = score_classes(np.array([[90, 2], [1, 3]]), ("a", "b"))
    assert few.macro_f1_interval is None
    assert few.to_dict()["macro_f1_interval"] is None
    assert "(no interval: a class has fewer than 5 images)" in few.verdict
    enough = score_classes(np.array([[90, 2, 0], [1, 4, 0], [0, 0, 0]]), ("a", "b", "none"))
    assert enough.macro_f1_interval is not None
    assert 0 < enough.macro_f1_interval.low < enough.macro_f1 < enough.macro_f1_interval.high <= 1
    assert enough.verdict.endswith(
        f"(95% interval {enough.macro_f1_interval.low:.3f}–{enough.macro_f1_interval.high:.3f}), "
        "without 1 of 3 classes, of which there is no test image."
    )


def test_the_f1_of_one_class_alone_has_the_exact_interval_of_its_fraction_at_least() -> None:
    found = macro_f1_interval(np.array([[17, 3], [0, 0]]))  # J is 17 of 20
    exact = binomtest(17, 20).proportion_ci(method="exact")
    assert found is not None
    assert found.low == pytest.approx(2 * exact.low / (1 + exact.low))
    assert found.high >= 2 * exact.high / (1 + exact.high)


def test_without_a_mistake_the_interval_of_macro_f1_reaches_below_1() -> None:
    found = macro_f1_interval(np.diag([50, 50]))
    assert found is not None
    assert 0.95 < found.low < 1 == found.high


@pytest.mark.parametrize("mix", [(1, 1, 1, 1), (0.6, 0.3, 0.08, 0.02)])
@pytest.mark.parametrize("accuracy", [0.8, 0.99])
def test_the_interval_of_macro_f1_holds_as_often_as_it_says(
    mix: tuple[float, ...], accuracy: float, simulated: Simulated
) -> None:
    rng, times = np.random.default_rng(0), 400
    cells = np.full((4, 4), (1 - accuracy) / 3)
    np.fill_diagonal(cells, accuracy)
    cells *= (np.array(mix) / sum(mix))[:, np.newaxis]
    truth = (2 * np.diag(cells) / (cells.sum(axis=0) + cells.sum(axis=1))).mean()
    matrices = rng.multinomial(500, cells.ravel() / cells.sum(), times).reshape(times, 4, 4)
    found = [each for each in map(macro_f1_interval, matrices) if each is not None]
    held = sum(each.low <= truth <= each.high for each in found) / len(found)
    simulated(f"The 95% interval of macro-F1 holds it, accuracy {accuracy}, classes {mix}", held, len(found))
    assert len(found) > times / 2
    assert held >= 0.93
