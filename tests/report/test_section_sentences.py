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
from inkling.diagnosis.class_misses import ClassMisses, misses_per_class
from inkling.diagnosis.comparison import compare_over_seeds, compare_predictions
from inkling.diagnosis.data_size import fit_learning_curve
from inkling.diagnosis.data_size_effect import compare_sizes
from inkling.diagnosis.label_errors import LabelDiagnosis
from inkling.diagnosis.mistakes import Mistake
from inkling.metrics.formatting import seconds
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.report.evidence import Cell, Evidence, RunEvidence
from inkling.report.gather import Report, gather
from inkling.report.head import accuracy_sentence, headline
from inkling.report.sections import comparison
from inkling.report.sections.attribution import attribution_title
from inkling.report.sections.calibration import calibration_title
from inkling.report.sections.class_scores import class_scores_title
from inkling.report.sections.comparison import NetworkComparison, best_network, better_title, decisive
from inkling.report.sections.confusions import confusion_title, most_confused
from inkling.report.sections.curves import curves_title
from inkling.report.sections.data_size import DataSize, data_size_title, more_images, on_validation
from inkling.report.sections.labels import LabelSuspects, suspects_title
from inkling.report.sections.misses import misses_title
from inkling.report.sections.mistakes import PicturedMistake, mistakes_title
from inkling.report.sections.overfitting import overfitting_title
from inkling.report.sections.runs import time_taken
from inkling.studies.comparison import SizedComparison
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
        right_way += compare_predictions(labels, of_a, of_b).verdict.startswith("A classified more of")
    simulated(
        "A model of accuracy 0.98 is said to classify more correctly than one of 0.97, n = 10,000",
        right_way / 1000,
        1000,
    )
    assert right_way / 1000 >= 0.95  # 4.5 standard errors of the difference


# --- sentences -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder: Path = tmp_path_factory.mktemp("sentences") / "study"
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], [100, 400], [0], epochs=4), folder)
    return gather(folder)


@pytest.fixture(scope="module")
def evidence(report: Report) -> Evidence:
    return report.evidence


def named(right: int, n: int = 1000) -> NDArray[np.float64]:
    """Probabilities of two classes, of which the first `right` of n images get the label 0."""
    return np.eye(2)[(np.arange(n) >= right).astype(int)]


def of_network(cell: Cell, network: str, accuracy: float) -> Cell:
    better = {f"{split}_accuracy": replace(cell.test_accuracy, mean=accuracy) for split in ("validation", "test")}
    return replace(cell, network=network, **better)


def of_accuracy(cell: Cell, accuracy: float) -> RunEvidence:
    return replace(cell.first, validation=replace(cell.first.validation, value=accuracy))


def test_the_best_network_is_compared_with_its_closest_rival(evidence: Evidence) -> None:
    labels = np.zeros(1000, np.int64)
    right = {"good": 980, "close": 970, "poor": 600}
    small, large = evidence.cells
    cells = tuple(of_network(large, name, count / 1000) for name, count in right.items())
    pairs = [("good", "close"), ("good", "poor"), ("close", "poor")]
    # A network that is right where another is: only the difference between them tells them apart.
    of_size = tuple(compare_predictions(labels, named(right[a]), named(right[b]), a, b) for a, b in pairs)
    several = (small, *cells), {100: of_size[1:2], 400: of_size}
    answer = best_network(*several) or ""
    # One seed of each: a sentence about these runs, never about the networks.
    assert answer.startswith(
        "After 400 training images, good classified more of the same 1,000 test images correctly than close: 98.0% "
    )
    assert better_title(*decisive(*several)) == (
        "The run of the good classified more test images correctly than that of the close after 400 training images"
    )
    over_seeds = compare_over_seeds(labels, [named(980), named(981)], [named(900), named(901)], "good", "close")
    assert better_title(400, over_seeds) == "The good is better than the close after 400 training images"
    alike = compare_predictions(labels, named(975), named(974), "good", "close")
    assert better_title(*decisive(several[0], {400: (alike,)})) == (
        "No significant difference between the good and the close after 400 training images"
    )
    assert "no significant difference between good and close: " in (best_network(several[0], {400: (alike,)}) or "")
    assert best_network(several[0], {}) is None


def test_one_seed_of_each_is_headed_as_runs(evidence: Evidence) -> None:
    labels, large = np.zeros(1000, np.int64), evidence.cells[-1]
    cells = of_network(large, "good", 0.98), of_network(large, "poor", 0.9)
    for runs, heading in (([named(980)], "Runs compared"), ([named(980), named(981)], "Best network")):
        pair = compare_over_seeds(labels, runs, [named(900)] * len(runs), "good", "poor")
        tested = (SizedComparison(400, (0,), pair, pair.equal_within()),)
        content = NetworkComparison((), {400: (pair,)}, "", "", (), tested)
        assert comparison.SECTION.answer is not None
        answer = comparison.SECTION.answer(content, replace(evidence, cells=cells))
        assert answer is not None
        assert answer.question == heading
        assert (" is better than " in answer.sentence) == (heading == "Best network")


def test_more_images_says_what_the_sizes_can_tell() -> None:
    labels = np.zeros(1000, np.int64)
    helped = compare_sizes(100, [named(900)] * 3, 400, [named(950)] * 3, labels)
    same = compare_sizes(100, [named(900)] * 3, 400, [named(901)] * 3, labels)
    harmed = compare_sizes(100, [named(950)] * 3, 400, [named(900)] * 3, labels)
    once = compare_sizes(100, [named(900)], 400, [named(950)], labels)
    missed = fit_learning_curve({100: [0.4] * 3, 1000: [0.3] * 3, 3000: [0.02] * 3, 10_000: [0.02] * 3}, 10_000)
    curve = fit_learning_curve({100: [0.2], 400: [0.1], 1600: [0.05], 6400: [0.025]}, 10_000)
    for effects, curves, title in (
        ({"a": helped}, {}, "More training images improve the a"),
        ({"a": helped, "b": same}, {}, "More training images improve the a but do not significantly change the b"),
        (
            {"a": helped, "b": same, "c": helped},
            {},
            "More training images improve the a and the c but do not significantly change the b",
        ),
        ({"a": harmed}, {}, "More training images worsen the a"),
        ({"a": once}, {}, "Of one run each, the a trained on 400 training images is better"),
        ({}, {"a": curve}, "Twice the training images lower the a's error by 29%, if the power law goes on"),
        ({}, {"a": missed}, "Whether more training images would help the a is not shown"),
        (
            {},
            {"a": curve, "b": missed},
            "Twice the training images lower the a's error by 29%, if the power law goes on; whether they would help "
            "the b is not shown",
        ),
    ):
        assert data_size_title(DataSize(curves, effects)) == title
    twice = more_images(DataSize({"perceptron": curve}, {}), "perceptron")
    assert twice.startswith("If the power law goes on, more data should help: twice the training images (12,800) lower")
    one = more_images(None, "perceptron")
    assert one.startswith("One training size cannot say whether more images would help")


@pytest.mark.parametrize(
    ("confidence", "right", "said"),
    [
        (0.99, 0.80, "The perceptron is overconfident: mean confidence 99.0%, accuracy 80.0%"),
        (0.60, 0.90, "The perceptron is underconfident: mean confidence 60.0%, accuracy 90.0%"),
        (
            0.90,
            0.90,
            "No miscalibration of the perceptron is shown on 1,000 images: mean confidence 90.0%, accuracy 90.0%; "
            "overconfidence of 2.8 points would have been, four times in five",
        ),
    ],
)
def test_calibration_is_said_of_known_confidence(confidence: float, right: float, said: str) -> None:
    labels = (np.arange(1000) >= 1000 * right).astype(np.int64)
    found = diagnose_calibration(labels, np.tile([confidence, 1 - confidence], (1000, 1)))
    assert calibration_title(found, "perceptron") == said


def test_five_images_do_not_show_a_network_well_calibrated() -> None:
    found = diagnose_calibration(np.array([0, 1, 1, 1, 1]), np.tile([0.64, 0.36], (5, 1)))
    assert calibration_title(found, "perceptron").startswith(
        "No miscalibration of the perceptron is shown on 5 images: "
    )


def test_a_network_off_in_both_directions_is_called_so() -> None:
    labels = (np.arange(1000) % 10 >= np.repeat([9, 6], 500)).astype(np.int64)
    found = diagnose_calibration(labels, np.repeat([[0.6, 0.4], [0.9, 0.1]], 500, axis=0))
    assert "overconfident on some images and underconfident on others" in calibration_title(found, "perceptron")


def test_labels_in_doubt_are_counted() -> None:
    none = LabelDiagnosis((), 10_000, 30, 28.4, 36)
    assert suspects_title(LabelSuspects((), 10_000, none, None)) == "No wrong labels are shown among 10,000 test images"
    some = replace(none, singled_out=1236)
    assert suspects_title(LabelSuspects((), 10_000, some, None)) == "1,200 of 10,000 test labels look wrong"
    assert "would single out about 28 by itself (up to 36)" in some.verdict


def test_maps_that_are_not_better_than_random_promise_nothing(report: Report) -> None:
    test = report["attribution"]["perceptron"].test
    assert attribution_title("perceptron", test) == (
        "The attribution maps of the perceptron find pixels that decide its predictions"
    )
    close = replace(test, controls=(replace(test.controls[0], gain_interval=Interval(-0.01, 0.01)),))
    assert attribution_title("pretrained", close) == (
        "The attribution maps of the pretrained network are not shown to beat maps that never saw it"
    )
    blind = replace(test, gain_interval=None)
    assert attribution_title("perceptron", blind) == "Attribution maps of the perceptron"


def evaluated(cell: Cell, labels: Any, predicted: Any, names: tuple[str, ...]) -> Cell:
    found = evaluate_predictions(np.asarray(labels), np.eye(len(names))[np.asarray(predicted)], names)
    return replace(cell, runs=(replace(cell.first, evaluation=found),))


def of_classes(cell: Cell) -> tuple[ClassMisses, ...]:
    return misses_per_class([run.evaluation for run in cell.runs])


def test_confusions_and_misses_of_known_predictions(evidence: Evidence) -> None:
    cell, names = evidence.chosen, ("cat", "dog", "owl")
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    predicted = labels.copy()
    predicted[:5], predicted[50], predicted[80:83] = 1, 2, 0  # 5 cats as dogs, a dog as owl, 3 owls as cats
    one = evaluated(cell, labels, predicted, names)
    assert most_confused(one) == (
        "9 of 100 test images are misclassified, most often cat predicted as dog (5), owl predicted as cat (3) and "
        "dog predicted as owl (1)."
    )
    # Five and three of 100: another pair may well be as frequent, and another class as hard.
    assert confusion_title(one) == (
        "Seen most often for the perceptron: cat predicted as dog, 5 times; others may be as frequent"
    )
    predicted[80:84] = 0
    owls = evaluated(cell, labels, predicted, names)
    assert misses_title("perceptron", of_classes(owls)) == (
        "Missed most by the perceptron: owl, 4 of 20 misclassified, 20.0%; no class is shown to be harder than another"
    )
    predicted[80:95] = 0
    many = evaluated(cell, labels, predicted, names)
    assert confusion_title(many) == "Most frequent confusion of the perceptron: owl predicted as cat, 15 times"
    assert misses_title("perceptron", of_classes(many)) == (
        "owl is hardest for the perceptron: 15 of 20 misclassified, 75.0%"
    )
    predicted[:36] = 1
    two = evaluated(cell, labels, predicted, names)
    assert misses_title("perceptron", of_classes(two)) == (
        "Missed most by the perceptron: owl, 15 of 20 misclassified, 75.0%; classes differ, and others may be as hard"
    )
    perfect = evaluated(cell, labels, labels, names)
    assert most_confused(perfect) == "None of the 100 test images is misclassified."
    assert confusion_title(perfect) == "The perceptron misclassifies no test image"
    assert misses_title("perceptron", of_classes(perfect)) == "The perceptron misclassifies no test image"


def test_a_tie_is_no_finding(evidence: Evidence) -> None:
    labels = np.repeat([0, 1, 2], 30)
    predicted = labels.copy()
    predicted[[0, 1, 30, 31]] = [1, 1, 2, 2]  # two of each
    one = evaluated(evidence.chosen, labels, predicted, ("cat", "dog", "owl"))
    assert confusion_title(one) == "No confusion of the perceptron stands out"
    assert misses_title("perceptron", of_classes(one)) == "No class is clearly the hardest for the perceptron"


def test_the_worst_mistake_is_named() -> None:
    mistakes = (PicturedMistake(Mistake(7, 0, 2, 0.987, 0.001), "test image 7", None, ()),)
    assert mistakes_title("perceptron", mistakes, ("cat", "dog", "owl")) == (
        "Worst mistake of the perceptron: cat predicted as owl with 98.7% confidence"
    )


def test_curves_and_gaps_in_one_line(evidence: Evidence) -> None:
    small, large = (
        replace(cell, validation_accuracy=replace(cell.validation_accuracy, mean=mean))
        for cell, mean in zip(evidence.cells, (0.9, 0.96), strict=True)
    )
    assert curves_title([small, large], 360) == (
        "Validation error of the perceptron, by training images: 10.0% at 100, 4.0% at 400 (one run each)"
    )
    several = replace(small, runs=(small.first,) * 2)
    assert curves_title([small], 360).startswith("Validation error of the perceptron is 10.0% at epoch ")
    assert curves_title([several], 360).endswith("is 10.0% on average over 2 runs, each at its best epoch")
    seeds = [
        replace(cell, runs=tuple(of_accuracy(cell, mean + d) for d in (0, 0.001, -0.001)))
        for cell, mean in ((small, 0.9), (large, 0.96))
    ]
    assert curves_title(seeds, 360) == (
        "More training images lower the perceptron's validation error: 10.0% at 100, 4.0% at 400 (means over seeds "
        "compared, n = 360 validation images)"
    )
    labels = np.zeros(1000, np.int64)
    same = compare_sizes(100, [named(900)] * 3, 400, [named(901)] * 3, labels)
    said = on_validation(same, seeds, 360)
    assert "the mean errors is significant; on these 1,000 test images, compared image by image, it is not" in said
    assert "do not contradict each other" in said
    helped = compare_sizes(100, [named(900)] * 3, 400, [named(950)] * 3, labels)
    assert on_validation(helped, seeds, 360) == ""
    assert "do not significantly change" in curves_title([seeds[0], replace(seeds[0], train_size=400)], 360)
    none = [
        replace(cell, runs=(replace(cell.first, overfitting=replace(cell.first.overfitting, level="none shown")),))
        for cell in evidence.cells
    ]
    assert overfitting_title(none) == (
        "No gap between training and validation accuracy of the perceptron is shown at 100 and 400 images"
    )
    gaps = [
        replace(
            cell,
            runs=(replace(cell.first, overfitting=replace(cell.first.overfitting, gap=gap, level="slight")),),
        )
        for cell, gap in zip(evidence.cells, (0.1, 0.021), strict=True)
    ]
    assert overfitting_title(gaps) == (
        "Gap between training and validation accuracy of the perceptron: "
        "10.0 points at 100 and 2.1 points at 400 images"
    )
    repeated = [replace(cell, runs=cell.runs * 2) for cell in gaps]
    assert overfitting_title(repeated).endswith(f"2.1 points at 400 images (seed {repeated[0].first.seed})")


def test_the_time_is_that_of_the_histories(evidence: Evidence) -> None:
    said = time_taken(evidence)
    run = evidence.chosen.first
    spent = sum(float(epoch["train_seconds"]) for epoch in run.history)
    assert f"took {seconds(spent)} for 4 epochs" in said
    whole = sum(
        float(epoch["train_seconds"]) + float(epoch["evaluation_seconds"])
        for cell in evidence.cells
        for epoch in cell.first.history
    )
    assert f"All 2 runs together took {seconds(whole)}" in said


def test_the_title_does_not_praise_a_network_that_answers_the_frequent_class(evidence: Evidence) -> None:
    labels = np.repeat([0, 1], [1000, 30])
    noise = evaluated(evidence.chosen, labels, np.zeros(1030, np.int64), ("common", "rare"))
    assert headline(replace(evidence, chosen=noise)) == (
        "Not shown to be better than always answering common (97.1%): perceptron on digits"
    )
    predicted = labels.copy()
    predicted[1010:] = 0  # a third of the rare class is found
    some = evaluated(evidence.chosen, labels, predicted, ("common", "rare"))
    assert headline(replace(evidence, chosen=some)).startswith("66.7% balanced accuracy, ")
    assert "macro-F1" in accuracy_sentence(replace(evidence, chosen=some))


@pytest.mark.parametrize(
    ("images", "wrong", "title"),
    [
        (
            (50, 50),
            (2, 4),
            "Classes have similar numbers of images: balanced accuracy of the mlp 94.0% (95% interval 8",
        ),
        ((900, 100), (1, 20), "With every class counted equally the accuracy of the mlp is 89.9% (95% interval "),
        (
            (990, 10),
            (0, 10),
            "The mlp is not shown to be more accurate than always answering a (99.0%); balanced accuracy 50.0",
        ),
    ],
)
def test_the_title_says_what_is_left_where_every_class_counts_equally(
    images: tuple[int, int], wrong: tuple[int, int], title: str
) -> None:
    labels = np.repeat([0, 1], images)
    predicted = labels.copy()
    predicted[: wrong[0]], predicted[len(labels) - wrong[1] :] = 1, 0
    assert class_scores_title("mlp", evaluate_predictions(labels, np.eye(2)[predicted], ("a", "b"))).startswith(title)
