"""Prediction sets: hand arithmetic, coverage by simulation, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json
from conftest import calibrated
from inkling.diagnosis.prediction_sets import APS, LAC, METHODS, calibrate_sets, calibration_half, measure_sets
from inkling.errors import DataError
from inkling.images.sources.digits import load_digits
from inkling.runs.execute import RunPlan, train_run
from inkling.training.recipes.registry import recipe


def test_thresholds_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    labels = np.array([0, 0, 1])
    # Scores of the true classes: 0.1, 0.2, 0.7 (LAC), 0.9, 0.8, 1 (APS); rank ⌈4 * 0.5⌉ = 2.
    assert calibrate_sets(labels, probabilities, 0.5, LAC).threshold == pytest.approx(0.2)
    assert calibrate_sets(labels, probabilities, 0.5, APS).threshold == pytest.approx(0.9)
    lac = calibrate_sets(labels, probabilities, 0.75, LAC)
    assert lac.threshold == pytest.approx(0.7)
    np.testing.assert_array_equal(lac.sets(np.array([[0.6, 0.4], [0.9, 0.1]])), [[True, True], [True, False]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [19, 60])
def test_new_images_are_covered_as_promised(method: str, n: int) -> None:
    rng = np.random.default_rng(n)
    covered = []
    for _ in range(400):
        threshold = calibrate_sets(*calibrated(rng, n, 5, 1.0), 0.95, method)
        covered.append(measure_sets(*calibrated(rng, 100, 5, 1.0), threshold).coverage)
    assert np.mean(covered) >= 0.95 - 2 * np.std(covered) / 20
    expected = threshold.coverage_range
    held = np.mean([expected.low - 0.05 <= coverage <= expected.high + 0.05 for coverage in covered])
    assert held > 0.9


def test_sets_are_never_empty_and_the_verdict_names_both_sets_of_images() -> None:
    labels, probabilities = calibrated(np.random.default_rng(1), 400, 5, 30.0)
    half = calibration_half(400)
    assert half.sum() == 200
    found = measure_sets(labels[~half], probabilities[~half], calibrate_sets(labels[half], probabilities[half], 0.5))
    assert found.mean_size >= 1
    assert "calibrated on 200 images" in found.verdict
    assert "of 200 others" in found.verdict
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["level"] == 0.5


def test_too_few_images_and_levels_out_of_range_are_refused() -> None:
    labels, probabilities = calibrated(np.random.default_rng(2), 18)
    with pytest.raises(DataError, match=r"sets at 0\.95 need 19 calibration images at least, found 18"):
        calibrate_sets(labels, probabilities)
    with pytest.raises(DataError, match=r"between 0 and 1, such as 0\.95, found 95"):
        calibrate_sets(labels, probabilities, 95)


def test_predict_gives_sets(tmp_path: Path) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", epochs=5), 300)
    for _ in train_run(plan, load_digits(), tmp_path / "run"):
        pass
    Image.fromarray(load_digits().test.images[0, :, :, 0]).save(tmp_path / "digit.png")
    words = ("predict", tmp_path / "run", tmp_path / "digit.png")
    found = last_json(inkling(*words, "--sets", "0.95", "--json"))[0]
    assert found["label"] in found["set"]
    assert found["set_level"] == 0.95
    assert found["set_calibration_images"] == 180
    printed = inkling(*words, "--sets", "0.95").stdout
    assert "180 test images" in printed
    assert "set" not in last_json(inkling(*words, "--json"))[0]
    assert_refused(inkling(*words, "--sets", "0.999"), "need 999 calibration images at least, found 180")
    assert_refused(inkling(*words, "--sets", "0.95", "--tta"), "--sets")
