"""What the report says in words, on predictions where the right answer is known.

The sentences of each diagnosis are tested beside it, by simulation where chance is involved; here are those that the
report puts together, and the intervals that no other test simulates.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Simulated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.calibration import diagnose_calibration, measure_calibration
from inkling.diagnosis.class_misses import misses_per_class
from inkling.diagnosis.comparison import compare_predictions
from inkling.diagnosis.data_size import compare_sizes, fit_learning_curve
from inkling.diagnosis.mistakes import Mistake
from inkling.metrics.intervals import wilson_interval
from inkling.report import wording
from inkling.report.content import CellContent, LabelSuspects, PicturedMistake, ReportContent
from inkling.report.gather import gather
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study

# --- intervals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [360, 10_000])
def test_wilson_intervals_hold_accuracies_as_often_as_they_say(n: int, simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.6, 0.995, 1000)
    intervals = [wilson_interval(int(correct), n) for correct in rng.binomial(n, truth)]
    held = np.mean([interval.low <= p <= interval.high for interval, p in zip(intervals, truth, strict=True)])
    simulated(f"The 95% interval of an accuracy holds it, n = {n:,}", float(held), 1000)
    assert 0.93 <= held <= 0.97


def test_intervals_of_brier_score_and_likelihood_hold_as_often_as_they_say(simulated: Simulated) -> None:
    rng = np.random.default_rng(1)

    def drawn(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        p = rng.beta(6, 1.5, n)
        return (rng.random(n) < p).astype(np.int64), np.stack([1 - p, p], axis=1)

    true = measure_calibration(*drawn(2_000_000))
    held_brier = held_nll = 0
    for _ in range(1000):
        found = measure_calibration(*drawn(1000))
        held_brier += found.brier_interval.low <= true.brier <= found.brier_interval.high
        held_nll += found.nll_interval.low <= true.nll <= found.nll_interval.high
    simulated("The 95% interval of a Brier score holds it, n = 1,000", held_brier / 1000, 1000)
    simulated("The 95% interval of a negative log-likelihood holds it, n = 1,000", held_nll / 1000, 1000)
    assert 0.93 <= held_brier / 1000 <= 0.97
    assert 0.93 <= held_nll / 1000 <= 0.97


def test_the_law_of_sizes_holds_what_is_measured_at_five_times_the_data(simulated: Simulated) -> None:
    rng = np.random.default_rng(2)
    sizes, n_test, held = (500, 2000, 10_000), 10_000, 0
    for seed in range(200):
        b, c = rng.uniform(0.2, 0.6), rng.choice([0.0, 0.005, 0.02])
        measured = {}
        for size in (*sizes, 50_000):
            truth = 0.1 * (size / 500) ** -b + c
            measured[size] = rng.binomial(n_test, truth * np.exp(0.03 * rng.standard_normal(3))) / n_test
        new = measured.pop(50_000).mean()
        interval = fit_learning_curve(measured, n_test, seed).error_interval(50_000)
        held += interval.low <= new <= interval.high
    simulated("The 95% interval at 5x the data holds what is measured there", held / 200, 200)
    assert held / 200 >= 0.93


@pytest.mark.parametrize("n", [360, 10_000])
def test_equal_models_are_not_shown_to_differ_in_a_thousand_comparisons(n: int, simulated: Simulated) -> None:
    rng = np.random.default_rng(3)
    labels, not_shown = np.zeros(n, np.int64), 0
    for _ in range(1000):
        hard = rng.random(n) < 0.06
        of_a, of_b = (np.eye(2)[(hard & (rng.random(n) < 0.5)).astype(int)] for _ in range(2))
        not_shown += "No significant difference" in compare_predictions(labels, of_a, of_b).verdict
    simulated(f"No significant difference between two equal models is found, n = {n:,}", not_shown / 1000, 1000)
    assert not_shown / 1000 >= 0.93


def test_a_model_that_is_better_is_said_to_be(simulated: Simulated) -> None:
    rng = np.random.default_rng(4)
    n, right_way = 10_000, 0
    labels = np.zeros(n, np.int64)
    for _ in range(1000):
        of_a, of_b = (np.eye(2)[(rng.random(n) < error).astype(int)] for error in (0.02, 0.03))
        right_way += compare_predictions(labels, of_a, of_b).verdict.startswith("A is better than B")
    simulated("A model of accuracy 0.98 is said to be better than one of 0.97, n = 10,000", right_way / 1000, 1000)
    assert right_way / 1000 >= 0.95  # 4.5 standard errors of the difference


# --- sentences -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> ReportContent:
    folder: Path = tmp_path_factory.mktemp("sentences") / "study"
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], [100, 400], [0], epochs=4), folder)
    return gather(folder)


def named(right: int, n: int = 1000) -> NDArray[np.float64]:
    """Probabilities of two classes, of which the first `right` of n images get the label 0."""
    return np.eye(2)[(np.arange(n) >= right).astype(int)]


def of_network(cell: CellContent, network: str, accuracy: float) -> CellContent:
    better = {f"{split}_accuracy": replace(cell.test_accuracy, mean=accuracy) for split in ("validation", "test")}
    return replace(cell, network=network, **better)


def test_which_network_names_the_best_and_its_closest_rival(content: ReportContent) -> None:
    labels = np.zeros(1000, np.int64)
    right = {"good": 980, "close": 970, "poor": 600}
    small, large = content.cells
    cells = tuple(of_network(large, name, count / 1000) for name, count in right.items())
    pairs = [("good", "close"), ("good", "poor"), ("close", "poor")]
    # A network that is right where another is: only the difference between them tells them apart.
    of_size = tuple(compare_predictions(labels, named(right[a]), named(right[b]), a, b) for a, b in pairs)
    several = replace(content, cells=(small, *cells), comparisons={100: of_size[1:2], 400: of_size})
    question, answer = wording.which_network(several) or ("", "")
    assert question == "Which network"
    assert answer.startswith("After 400 training images, good is better than close: accuracy 98.0% against")
    assert wording.better_title(several) == "The good is better than the close after 400 training images"
    alike = compare_predictions(labels, named(975), named(974), "good", "close")
    none_shown = replace(several, comparisons={400: (alike,)})
    assert wording.better_title(none_shown) == (
        "No difference between the good and the close is shown after 400 training images"
    )
    assert "no significant difference between good and close: " in (wording.which_network(none_shown) or ("", ""))[1]
    assert wording.which_network(replace(several, comparisons={})) is None


def test_more_images_says_what_the_sizes_can_tell(content: ReportContent) -> None:
    labels = np.zeros(1000, np.int64)
    helped = compare_sizes(100, [named(900)], 400, [named(950)], labels)
    same = compare_sizes(100, [named(900)], 400, [named(901)], labels)
    harmed = compare_sizes(100, [named(950)], 400, [named(900)], labels)
    curve = fit_learning_curve({100: [0.2], 400: [0.1], 1600: [0.05], 6400: [0.025]}, 10_000)
    for effects, curves, title in (
        ({"a": helped}, {}, "More training images helped the a"),
        ({"a": helped, "b": same}, {}, "More training images helped the a and are not shown to change the b"),
        ({"a": harmed}, {}, "More training images harmed the a"),
        ({}, {"a": curve}, "Twice the training images would lower the a's error by 29%"),
    ):
        found = replace(content, size_effects=effects, learning_curves=curves)
        assert wording.data_size_title(found) == title
    twice = wording.more_images(replace(content, learning_curves={"perceptron": curve}), "perceptron")
    assert twice.startswith("Predicted test accuracy at 2x the training images (12,800): 98.2")
    one = wording.more_images(replace(content, size_effects={}), "perceptron")
    assert one.startswith("One training size cannot say whether more images would help")


@pytest.mark.parametrize(
    ("sure", "right", "said"),
    [
        (0.99, 0.80, "The perceptron is overconfident: 99.0% sure on average, 80.0% right"),
        (0.60, 0.90, "The perceptron is underconfident: 60.0% sure on average, 90.0% right"),
        (0.90, 0.90, "The perceptron is as sure as it is right: 90.0% sure on average, 90.0% right"),
    ],
)
def test_how_sure_is_said_of_known_confidence(content: ReportContent, sure: float, right: float, said: str) -> None:
    labels = (np.arange(1000) >= 1000 * right).astype(np.int64)
    found = diagnose_calibration(labels, np.tile([sure, 1 - sure], (1000, 1)))
    (examined,) = content.close_ups
    assert wording.sureness_title(replace(examined, calibration=found)) == said


def test_a_network_off_in_both_directions_is_called_so(content: ReportContent) -> None:
    labels = (np.arange(1000) % 10 >= np.repeat([9, 6], 500)).astype(np.int64)
    found = diagnose_calibration(labels, np.repeat([[0.6, 0.4], [0.9, 0.1]], 500, axis=0))
    (examined,) = content.close_ups
    assert "too sure of some images and not sure enough of others" in wording.sureness_title(
        replace(examined, calibration=found)
    )


def test_labels_in_doubt_are_counted() -> None:
    doubted = LabelSuspects((), 10_000, 0, None)
    assert wording.suspects_title(doubted) == "Confident learning flags none of the 10,000 test labels as wrong"
    assert "flags 1,200 of the" in wording.suspects_title(replace(doubted, flagged=1200))


def test_maps_that_are_not_better_than_random_promise_nothing(content: ReportContent) -> None:
    (examined,) = content.close_ups
    assert examined.attribution is not None
    assert wording.attribution_title(examined) == "What the perceptron looked at decides what it says"
    test = replace(examined.attribution.test, gain_interval=None)
    blind = replace(examined, attribution=replace(examined.attribution, test=test))
    assert wording.attribution_title(blind) == "What the perceptron looked at"


def judged(cell: CellContent, labels: Any, named_as: Any, names: tuple[str, ...]) -> CellContent:
    found = evaluate_predictions(np.asarray(labels), np.eye(len(names))[np.asarray(named_as)], names)
    run = replace(cell.first, evaluation=found)
    return replace(cell, runs=(run,), misses=misses_per_class([found]))


def test_confusions_and_misses_of_known_predictions(content: ReportContent) -> None:
    cell, names = content.chosen, ("cat", "dog", "owl")
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    said = labels.copy()
    said[:4], said[50], said[80:84] = 1, 2, 0  # 4 cats as dogs, a dog as owl, 4 owls as cats
    found = judged(cell, labels, said, names)
    assert wording.most_confused(found) == (
        "Of 9 mistakes, it most often takes cat for dog (4 images), owl for cat (4) and dog for owl (1)."
    )
    assert wording.confusion_title(found) == "The perceptron most often takes cat for dog: 4 times"
    assert wording.misses_title(found) == "owl is hardest: the perceptron misses 4 of 20, or 20.0%"
    perfect = judged(cell, labels, labels, names)
    assert wording.most_confused(perfect) == "None of the 100 test images is misclassified."
    assert wording.confusion_title(perfect) == "The perceptron confuses no test images"
    assert wording.misses_title(perfect) == "The perceptron misses no class"


def test_the_worst_mistake_is_named(content: ReportContent) -> None:
    (examined,) = content.close_ups
    mistakes = (PicturedMistake(Mistake(7, 0, 2, 0.987, 0.001), None, ()),)
    assert wording.mistakes_title(replace(examined, mistakes=mistakes), ("cat", "dog", "owl")) == (
        "The perceptron's worst mistake: cat taken for owl, 98.7% sure"
    )


def test_curves_and_gaps_in_one_line(content: ReportContent) -> None:
    small, large = (
        replace(cell, validation_accuracy=replace(cell.validation_accuracy, mean=mean))
        for cell, mean in zip(content.cells, (0.9, 0.96), strict=True)
    )
    assert wording.curves_title([small, large], 360) == (
        "More training images lower the perceptron's validation error: 10.0% at 100, 4.0% at 400"
    )
    assert "do not lower" in wording.curves_title([replace(small, train_size=100), small], 360)
    gaps = [
        replace(cell, runs=(replace(cell.first, overfitting=replace(cell.first.overfitting, gap=gap)),))
        for cell, gap in zip(content.cells, (0.1, 0.021), strict=True)
    ]
    assert wording.overfitting_title(gaps) == (
        "Gap between training and validation accuracy of the perceptron: "
        "10.0 points at 100 and 2.1 points at 400 images"
    )


def test_the_time_is_that_of_the_histories(content: ReportContent) -> None:
    said = wording.time_taken(content)
    run = content.chosen.first
    spent = sum(float(epoch["train_seconds"]) for epoch in run.history)
    assert f"took {wording.seconds(spent)} for 4 epochs" in said
    whole = sum(
        float(epoch["train_seconds"]) + float(epoch["evaluation_seconds"])
        for cell in content.cells
        for epoch in cell.first.history
    )
    assert f"All 2 runs together took {wording.seconds(whole)}" in said
