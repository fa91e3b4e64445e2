"""Calibration: scores against hand arithmetic, sentences where the right answer is known by construction."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from command_line import assert_refused, inkling, last_json
from conftest import Simulated, calibrated
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.calibration import BINS, diagnose_calibration, measure_calibration
from inkling.diagnosis.risk_coverage import risk_coverage
from inkling.errors import DataError
from inkling.figures.displays import CoverageDisplay, ReliabilityDisplay
from inkling.images.sources.digits import load_digits
from inkling.metrics.formatting import percent
from inkling.metrics.temperature import at_temperature, fit_temperature
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe


def test_scores_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.2, 0.2, 0.6], [0.2, 0.3, 0.5]], np.float32)
    labels = np.array([0, 1, 2, 1])
    found = measure_calibration(labels, probabilities)
    assert [(of.n, of.accuracy) for of in found.bins] == [(1, 0.0), (1, 1.0), (2, 0.5)]
    assert found.ece == pytest.approx((0.5 + 0.4 + 2 * 0.4) / 4)
    assert found.brier == pytest.approx((0.02 + 1.62 + 0.24 + 0.78) / 4)
    assert found.nll == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.3]).mean())
    assert (found.accuracy, found.confidence) == pytest.approx((0.5, 0.725))
    assert found.brier_interval is None  # two mistakes
    assert found.nll == pytest.approx(evaluate_predictions(labels, probabilities, ("a", "b", "c")).loss)


def test_bins_hold_every_image_once() -> None:
    labels, probabilities = calibrated(np.random.default_rng(0), 999, 3)
    probabilities[:200] = [0.0, 1.0, 0.0]
    for adaptive in (False, True):
        found = measure_calibration(labels, probabilities, adaptive=adaptive)
        assert sum(of.n for of in found.bins) == 999
        assert len(found.bins) <= BINS
        assert all(of.low < of.confidence <= of.high + 1e-9 for of in found.bins)
        assert all(of.accuracy_interval.low <= of.accuracy <= of.accuracy_interval.high for of in found.bins)
        assert sum(of.n * of.accuracy for of in found.bins) == pytest.approx(999 * found.accuracy)


@pytest.mark.parametrize(("n", "sharpness"), [(360, 2.0), (10_000, 30.0)])
def test_calibrated_classifiers_are_not_called_over_or_underconfident(n: int, sharpness: float) -> None:
    rng = np.random.default_rng(1)
    levels = [measure_calibration(*calibrated(rng, n, 5, sharpness)).level for _ in range(100)]
    assert levels.count("none shown") >= 0.93 * len(levels) - 5  # two standard deviations of 100 draws are 5


def test_calibrated_classifiers_are_not_called_so_in_a_thousand_simulations(simulated: Simulated) -> None:
    rng = np.random.default_rng(2)
    labels, probabilities = calibrated(rng, 500_000, 4)
    called = 0
    for place in range(1000):
        part = slice(500 * place, 500 * (place + 1))
        called += measure_calibration(labels[part], probabilities[part]).level != "none shown"
    simulated("Calibrated probabilities are not called over- or underconfident, n = 500", 1 - called / 1000, 1000)
    assert called <= 70


def test_an_overconfident_classifier_is_called_so_and_corrected() -> None:
    labels, probabilities = calibrated(np.random.default_rng(4), 8000, 10, 8.0)
    sharpened = at_temperature(probabilities, 0.5)
    temperature = fit_temperature(labels[:4000], sharpened[:4000])
    found = diagnose_calibration(labels[4000:], sharpened[4000:], temperature)
    assert found.before.level == "overconfident"
    assert found.after is not None
    assert found.after.ece < 0.3 * found.before.ece
    assert found.after.nll < found.before.nll
    assert found.after.accuracy == found.before.accuracy
    assert found.verdict.startswith("The model is overconfident: mean confidence ")
    confidence, accuracy = found.before.confidence, found.before.accuracy
    assert f"{confidence:.2%}, accuracy {accuracy:.2%} (ECE {found.before.ece:.3f}, n = 4,000)" in found.verdict
    assert found.verdict.endswith(
        f"; temperature scaling (T = 2, fitted on validation) lowers the test ECE to {found.after.ece:.3f}."
    )


def test_underconfidence_slight_gaps_and_none() -> None:
    labels, probabilities = calibrated(np.random.default_rng(5), 4000)
    assert "The model is underconfident: " in diagnose_calibration(labels, at_temperature(probabilities, 3.0)).verdict
    fine = diagnose_calibration(labels, probabilities, 1.0)
    assert fine.before.level == "none shown"
    assert fine.verdict.startswith("No miscalibration is shown: mean confidence ")
    assert "n = 4,000; a calibrated model has 0.0" in fine.verdict
    assert fine.verdict.endswith("; the temperature stays at 1, as validation does not show that another is better.")
    assert "points would have been, four times in five; " in fine.verdict
    sure = np.tile(np.array([[0.997, 0.003]], np.float32), (20_000, 1))
    slight = diagnose_calibration((np.arange(20_000) % 100 == 0).astype(np.int64), sure)
    assert slight.verdict.startswith(
        "The model is slightly overconfident: mean confidence 99.70%, accuracy 99.00% (ECE 0.007"
    )


def test_errors_in_both_directions_are_seen_though_the_means_agree() -> None:
    confidence = np.repeat([0.95, 0.65], 2000)
    right = np.concatenate([np.arange(2000) % 100 < 80, np.arange(2000) % 100 < 80])
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    found = diagnose_calibration((~right).astype(np.int64), probabilities)
    assert found.before.level == "off in both directions"
    assert found.verdict.startswith("The model is overconfident on some images and underconfident on others: ")
    assert found.before.ece == pytest.approx(0.15)


@pytest.mark.parametrize("n", [30, 50, 100])
def test_a_network_that_is_almost_always_right_is_not_called_miscalibrated_by_a_rounding_error(n: int) -> None:
    rng = np.random.default_rng(n)
    labels, probabilities = calibrated(rng, 300 * n, 10, 1100.0)  # accuracy 0.999
    parts = [slice(n * place, n * (place + 1)) for place in range(300)]
    called = sum(measure_calibration(labels[part], probabilities[part]).level != "none shown" for part in parts)
    assert called <= 0.05 * 300 + 2 * (300 * 0.05 * 0.95) ** 0.5


def test_what_could_have_been_shown_is_shown_four_times_in_five() -> None:
    rng = np.random.default_rng(8)
    confidence, n = 0.95, 400
    sure = np.tile(np.array([[confidence, 1 - confidence]], np.float32), (n, 1))
    found = measure_calibration((rng.random(n) >= confidence).astype(np.int64), sure)
    assert found.detectable is not None
    wrong = rng.random((300, n)) >= confidence - found.detectable
    shown = np.mean([measure_calibration(row.astype(np.int64), sure).level == "overconfident" for row in wrong])
    assert 0.73 < shown < 0.92


def test_few_sure_images_could_show_nothing() -> None:
    found = diagnose_calibration(np.zeros(1, np.int64), np.array([[0.6, 0.4]]))
    assert found.before.detectable is None
    assert "so few images could not have shown any overconfidence" in found.verdict


def test_scores_have_intervals_from_five_mistakes_on() -> None:
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (50, 1))
    four, five = (measure_calibration((np.arange(50) < wrong).astype(np.int64), probabilities) for wrong in (4, 5))
    assert four.brier_interval is four.nll_interval is None
    for interval, value in ((five.brier_interval, five.brier), (five.nll_interval, five.nll)):
        assert interval is not None
        assert 0 <= interval.low < value < interval.high
        assert interval.high - value > value - interval.low  # mistakes are rare: there may be more of them


def test_a_single_image_has_no_interval_of_its_scores() -> None:
    values = diagnose_calibration(np.array([0]), np.array([[0.7, 0.3]])).to_dict()["before"]
    assert values["brier_interval"] is values["nll_interval"] is None
    assert values["brier"] == pytest.approx(0.18)


def test_labels_of_other_images_raise() -> None:
    with pytest.raises(DataError, match="the same images"):
        measure_calibration(np.zeros(3, np.int64), np.ones((2, 2)))
    with pytest.raises(DataError, match="the same images"):
        risk_coverage(np.zeros(0, np.int64), np.ones((0, 2)))


def test_json_values() -> None:
    labels, probabilities = calibrated(np.random.default_rng(6), 300)
    values = json.loads(json.dumps(diagnose_calibration(labels, probabilities, 1.5).to_dict(), allow_nan=False))
    assert values["temperature"] == 1.5
    assert {"ece", "brier", "nll", "bins", "level"} <= values["before"].keys()
    assert len(values["after"]["brier_interval"]) == 2
    assert values["before"]["detectable"] > 0
    assert len(values["before"]["bins"][0]["accuracy_interval"]) == 2
    curve = risk_coverage(labels, probabilities).to_dict()
    assert len(curve["rejected"]) == len(curve["error"])


def test_displays_show_the_numbers() -> None:
    labels, probabilities = calibrated(np.random.default_rng(7), 2000)
    found = diagnose_calibration(labels, at_temperature(probabilities, 0.5), 2.0)
    ax = ReliabilityDisplay.from_diagnosis(found).plot(title="Reliability").axes[0]
    hollow, filled = (np.asarray(points.get_offsets()) for points in ax.collections)
    np.testing.assert_allclose(filled[:, 1], [group.accuracy for group in found.before.bins])
    assert found.after is not None
    np.testing.assert_allclose(hollow[:, 0], [group.confidence for group in found.after.bins])
    assert "temperature 2" in ax.get_xlabel()
    assert "n = 2,000" in ax.get_xlabel()
    alone = ReliabilityDisplay.from_diagnosis(diagnose_calibration(labels, probabilities)).plot().axes[0]
    assert "hollow" not in alone.get_xlabel()

    curve = risk_coverage(labels, probabilities)
    display = CoverageDisplay.from_risk_coverage(curve)
    ax = display.plot(limits=(0.001, 1), reach=0.5).axes[0]
    assert ax.get_yscale() == "log"
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 0.5), (0.001, 1))
    line = ax.lines[0]
    assert line.get_ydata()[0] == pytest.approx(curve.at(0).error)
    all_images, tenth = (percent(point.error, point.kept) for point in (curve.at(0), curve.at(0.1)))
    assert ax.get_xlabel().endswith(f"\npoints: all images {all_images}, a tenth rejected {tenth}")
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"] == [0, curve.at(0.1).rejected]


@pytest.mark.parametrize("accuracy", [0.2, 0.6, 0.98])
def test_no_two_labels_of_a_coverage_figure_overlap(accuracy: float) -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(1000) > accuracy).astype(np.int64)
    confidence = rng.uniform(0.51, 0.99, 1000)
    curve = risk_coverage(labels, np.stack([confidence, 1 - confidence], axis=1).astype(np.float32))
    ax = CoverageDisplay.from_risk_coverage(curve).plot(title="perceptron").axes[0]
    ax.figure.canvas.draw()
    words = [text for text in ax.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [text.get_window_extent() for text in words if text.get_window_extent().width]
    assert [a for a, b in combinations(boxes, 2) if a.overlaps(b)] == []


@pytest.mark.parametrize("reach", [0.12, 0.21, 0.35, 0.5])
def test_the_ticks_of_the_fraction_rejected_are_labelled_with_their_own_values(reach: float) -> None:
    labels = np.arange(200) % 2
    probabilities = np.tile(np.array([[0.7, 0.3]], np.float32), (200, 1))
    ax = CoverageDisplay.from_risk_coverage(risk_coverage(labels, probabilities)).plot(reach=reach).axes[0]
    ax.figure.canvas.draw()
    labelled = [float(text.get_text().rstrip("%")) for text in ax.get_xticklabels()]
    np.testing.assert_allclose(labelled, 100 * ax.get_xticks(), atol=1e-9)
    assert 4 <= sum(0 <= tick <= reach for tick in ax.get_xticks()) <= 7


def test_displays_survive_a_classifier_that_is_always_correct_and_confident() -> None:
    probabilities = np.tile(np.array([[1.0, 0.0]], np.float32), (50, 1))
    labels = np.zeros(50, np.int64)
    found = diagnose_calibration(labels, probabilities, fit_temperature(labels, probabilities))
    assert found.before.level == "none shown"
    ReliabilityDisplay.from_diagnosis(found).plot().canvas.draw()
    CoverageDisplay.from_risk_coverage(risk_coverage(labels, probabilities)).plot().canvas.draw()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("calibration") / "run"
    for _ in train_run(RunPlan("digits", "perceptron", recipe("reference", epochs=30), 300), load_digits(), folder):
        pass
    return Run(folder)


def test_a_run_keeps_its_temperature(run: Run) -> None:
    validation = run.predictions("validation")
    expected = fit_temperature(validation.labels, validation.probabilities)
    info = json.loads((run.folder / "run.json").read_text())
    assert info["results"]["temperature"] == run.temperature() == expected


def test_evaluate_says_whether_it_is_calibrated(run: Run) -> None:
    found = last_json(inkling("evaluate", run.folder, "--json"))["calibration"]
    test = run.predictions("test")
    expected = diagnose_calibration(test.labels, test.probabilities, run.temperature())
    assert found == json.loads(json.dumps(expected.to_dict()))
    printed = inkling("evaluate", run.folder).stdout
    assert expected.verdict in printed
    assert f"{expected.before.brier:.4f}" in printed


def test_predict_uses_the_temperature_on_request(run: Run, tmp_path: Path) -> None:
    Image.fromarray(load_digits().test.images[0, :, :, 0]).save(tmp_path / "digit.png")
    plain, scaled = (
        last_json(inkling("predict", run.folder, tmp_path / "digit.png", "--json", *options))[0]
        for options in ((), ("--calibrated",))
    )
    assert (plain["temperature"], scaled["temperature"]) == (1.0, run.temperature())
    expected = at_temperature(np.array([list(plain["probabilities"].values())]), run.temperature())
    np.testing.assert_allclose(list(scaled["probabilities"].values()), expected[0], rtol=1e-4)
    assert scaled["label"] == plain["label"]
    shutil.copytree(run.folder, tmp_path / "copy")
    words = ("predict", run.folder, tmp_path / "copy", tmp_path / "digit.png", "--calibrated", "--json")
    twice = last_json(inkling(*words))[0]
    assert twice["temperature"] == pytest.approx(run.temperature(), rel=1e-3)


def test_a_run_without_validation_predictions_is_not_calibrated(run: Run, tmp_path: Path) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    info["results"] = None
    (tmp_path / "run.json").write_text(json.dumps(info))
    for name in ("weights.safetensors", "history.jsonl"):
        (tmp_path / name).write_bytes((run.folder / name).read_bytes())
    Image.fromarray(load_digits().test.images[0, :, :, 0]).save(tmp_path / "digit.png")
    assert_refused(inkling("predict", tmp_path, tmp_path / "digit.png", "--calibrated"), "not finished")
    assert last_json(inkling("evaluate", tmp_path, "--json"))["calibration"]["temperature"] is None
