"""Robustness: what corruptions cost by hand and by simulation, and the command that measures it of runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import assert_refused, inkling, last_json
from inkling.diagnosis.robustness import Robustness, mean_change, measure_robustness
from inkling.diagnosis.robustness_comparison import compare_robustness
from inkling.diagnosis.run_robustness import FILE, stored_robustness, stress_runs
from inkling.errors import DataError, RunError
from inkling.images.corruptions import CORRUPTIONS
from inkling.images.sources.digits import load_digits
from inkling.metrics.intervals import Interval
from inkling.metrics.paired import PairedDifference
from inkling.report.gather import Report, load_evidence
from inkling.report.page import render_report
from inkling.report.sections import sections
from inkling.report.sections.robustness import robustness_title
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe


def predictions(right: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.eye(2)[(~right).astype(int)]


def falling(rng: np.random.Generator, n: int, losses: tuple[float, ...], severities: int = 3) -> Robustness:
    """A classifier right on nine of ten images, which loses so much of it by each corruption."""
    clean = rng.random(n) < 0.9
    right = [[clean & (rng.random(n) >= loss) for _ in range(severities)] for loss in losses]
    names = tuple(f"c{place}" for place in range(len(losses)))
    return Robustness(names, clean, np.array(right))


def test_changes_by_hand() -> None:
    clean = np.array([True] * 80 + [False] * 20)
    gone = np.array([False] * 30 + [True] * 50 + [False] * 20)
    found = measure_robustness(
        np.zeros(100, np.int64),
        predictions(clean),
        {"dust": [predictions(clean), predictions(gone)], "rain": [predictions(clean)] * 2},
    )
    assert [effect.change for effect in found.effects] == pytest.approx([0, -0.3, 0, 0])
    assert [effect.harmful for effect in found.effects] == [False, True, False, False]
    assert found.effects[1].interval == PairedDifference(100, 0, 30).interval(1 - 0.05 / 4)
    assert [cost.change.mean for cost in found.costs] == pytest.approx([-0.15, 0])
    assert found.costs[0].harmful_at == (2,)
    assert found.change.mean == pytest.approx(-0.075)
    assert found.corrupted_accuracy == pytest.approx(0.725)
    assert found.costliest_p < 0.001
    assert found.verdict.startswith("Accuracy is 80.0% on 100 test images and 72.5% on average over 2 corruptions at 2")
    assert "Dust costs most, 15.0 points on average." in found.verdict
    assert found.verdict.endswith("Under rain accuracy is not shown to be lower at any severity.")
    values = found.to_dict()
    assert values["costliest"] == "dust"
    assert len(values["effects"]) == 4


def test_where_nothing_harms_it_says_so() -> None:
    clean = np.arange(50) % 5 > 0
    found = Robustness(("dust",), clean, np.tile(clean, (1, 2, 1)))
    assert found.verdict.startswith("No corruption is shown to lower accuracy: 80.0% of 50 test images as they are")
    assert found.to_dict()["costliest"] is None


def test_standard_errors_are_those_of_pairs_and_never_0() -> None:
    values = np.repeat([-1.0, 0.0, 1.0], [10, 85, 5])
    found = mean_change(values)
    assert found.mean == pytest.approx(-0.05)
    assert found.standard_error == pytest.approx(PairedDifference(100, 5, 10).standard_error, rel=0.01)
    assert mean_change(np.full(20, -1.0)).standard_error > 0
    assert mean_change(np.zeros(20)).p_value == 1
    assert PairedDifference(10, 0, 10).standard_error == PairedDifference(10, 10, 0).standard_error > 0


def test_intervals_stay_within_what_accuracy_can_change() -> None:
    right = np.array([True, True])
    found = Robustness(("dust",), right, np.array([[right, ~right]]))
    assert found.costs[0].interval == found.change.interval() == Interval(-1, 1)
    assert mean_change(np.array([-2.0, 2.0]), 2).interval() == Interval(-2, 2)


def test_a_loss_that_only_the_mean_over_severities_shows_is_not_denied() -> None:
    right = np.ones((1, 5, 30), bool)
    for severity in range(5):
        right[0, severity, 3 * severity : 3 * severity + 3] = False
    found = Robustness(("dust",), np.ones(30, bool), right)
    assert not any(effect.harmful for effect in found.effects)
    assert found.change.interval().high < 0
    assert found.verdict.startswith("Accuracy is 100.0% on 30 test images and 90.0% on average")
    assert found.verdict.endswith(" At no severity by itself is accuracy shown to be lower.")
    assert robustness_title("perceptron", found).startswith("Corruptions cost the perceptron 10.0 points of accuracy")


def test_the_title_says_what_is_shown() -> None:
    clean = np.arange(50) % 5 > 0
    nothing = Robustness(("dust",), clean, np.tile(clean, (1, 2, 1)))
    assert robustness_title("cnn", nothing) == (
        "No corruption is shown to lower the accuracy of the cnn on 50 test images"
    )
    half = np.arange(50) % 2 > 0
    opposed = Robustness(("dust", "rain"), half, np.array([np.zeros((2, 50), bool), np.ones((2, 50), bool)]))
    assert robustness_title("cnn", opposed) == "Dust lowers the accuracy of the cnn"


def test_corruptions_that_change_nothing_are_seldom_called_harmful() -> None:
    rng, called = np.random.default_rng(0), 0
    for _ in range(60):
        right = np.where(rng.random(200) < 0.3, rng.random((36, 200)) < 0.5, True)
        found = Robustness(tuple("abcdefg"), right[0], right[1:].reshape(7, 5, 200))
        called += any(effect.harmful for effect in found.effects)
    assert called <= 3 + 2 * (60 * 0.05 * 0.95) ** 0.5


def test_intervals_hold_the_changes_together() -> None:
    rng, held = np.random.default_rng(1), 0
    losses = (0.02, 0.1, 0.4)
    for _ in range(100):
        found = falling(rng, 200, losses)
        held += all(
            effect.interval.low <= -0.9 * losses[place // 3] <= effect.interval.high
            for place, effect in enumerate(found.effects)
        ) and all(
            cost.interval.low <= -0.9 * loss <= cost.interval.high
            for cost, loss in zip(found.costs, losses, strict=True)
        )
    assert held >= 90 - 2 * (100 * 0.1 * 0.9) ** 0.5


def test_the_costliest_is_named_only_where_it_is_shown() -> None:
    rng = np.random.default_rng(2)
    named = sum(falling(rng, 300, (0.2, 0.2, 0.2)).costliest_p < 0.05 for _ in range(200))
    assert named <= 10 + 2 * (200 * 0.05 * 0.95) ** 0.5
    assert "C2 costs most" in falling(rng, 300, (0.1, 0.1, 0.3)).verdict
    assert "Which corruption costs most is not shown" in falling(rng, 60, (0.2, 0.2)).verdict


def test_equal_networks_seldom_suffer_less_and_unequal_ones_do() -> None:
    rng, said = np.random.default_rng(3), 0
    for _ in range(200):
        found = compare_robustness({"A": falling(rng, 200, (0.1, 0.3)), "B": falling(rng, 200, (0.1, 0.3))})
        said += found.suffers_least is not None or found.most_accurate is not None
    assert said <= 10 + 2 * (200 * 0.05 * 0.95) ** 0.5
    tough, weak = falling(rng, 500, (0.02, 0.1)), falling(rng, 500, (0.2, 0.6))
    found = compare_robustness({"weak": weak, "tough": tough, "weaker": falling(rng, 500, (0.5, 0.6))})
    assert (found.suffers_least, found.most_accurate) == ("tough", "tough")
    assert found.verdict.startswith("tough suffers least: it loses ")
    assert "one seed each says nothing" in found.verdict
    assert len(found.to_dict()["pairs"]) == 3
    same = compare_robustness({"a": tough, "b": tough})
    assert same.verdict.startswith("Which suffers least is not shown: a loses ")
    assert "Which is the most accurate on them is not shown" in same.verdict


def test_what_cannot_be_measured_is_refused() -> None:
    right = np.ones(4, bool)
    one = [predictions(right)]
    labels = np.zeros(4, np.int64)
    with pytest.raises(DataError, match="same number of severities"):
        measure_robustness(labels, one[0], {"a": one, "b": one * 2})
    with pytest.raises(DataError, match="one corruption or more"):
        measure_robustness(labels, one[0], {})
    with pytest.raises(DataError, match="2 images or more, found 1"):
        measure_robustness(labels[:1], one[0][:1], {"a": [one[0][:1]]})
    with pytest.raises(DataError):
        measure_robustness(labels, one[0], {"a": [one[0][:2]]})
    measured = measure_robustness(labels, one[0], {"a": one})
    with pytest.raises(DataError, match="two classifiers or more"):
        compare_robustness({"a": measured})
    with pytest.raises(DataError, match="compare what was measured alike"):
        compare_robustness({"a": measured, "b": measure_robustness(labels, one[0], {"b": one})})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        plan = RunPlan("digits", "perceptron", recipe("reference", epochs=3 + 12 * seed, seed=seed), 300)
        for _ in train_run(plan, load_digits(), folder / str(seed)):
            pass
    return folder / "0", folder / "1"


def test_the_command_measures_keeps_and_draws(runs: tuple[Path, Path]) -> None:
    first, second = runs
    told = []
    api = stress_runs([Run(first), Run(second)], images=120, progress=lambda *done: told.append(done))
    assert told[-1] == (2 * 36 * 120, 2 * 36 * 120)
    values = last_json(inkling("stress", first, second, "--images", 120, "--json"))
    assert [each["run"] for each in values["runs"]] == [str(first), str(second)]
    assert values["runs"][0]["n"] == 120
    assert values["comparison"] == api.comparison.to_dict()
    assert values["test_ledger"]["looks"]
    assert Path(values["figure"]).read_bytes()[:4] == b"\x89PNG"
    stored = stored_robustness(Run(second))
    assert {"run": str(second), **stored.robustness.to_dict()} == values["runs"][1]
    np.testing.assert_array_equal(stored.robustness.right, api.runs[str(second)].right)
    assert set(stored.robustness.corruptions) == set(CORRUPTIONS)
    said = inkling("stress", first, "--images", 120, "--split", "validation", "--out", first.parent / "f.png").stdout
    assert "120 validation images" in said
    assert "loss shown at" in said


def test_the_report_of_a_stressed_run_shows_it(runs: tuple[Path, Path]) -> None:
    stress_runs([Run(runs[1])], images=120)
    evidence = load_evidence(runs[1])
    (section,) = (each for each in sections() if each.id == "robustness")
    page = render_report(Report(evidence, {section.id: section.gather(evidence)}))
    measured = stored_robustness(Run(runs[1])).robustness
    assert f"<h2>{robustness_title('perceptron', measured)}</h2>" in page
    assert f"<p>{measured.verdict}</p>" in page
    assert "as it is" in page


def test_what_was_measured_of_other_weights_is_passed_over(runs: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(runs[0], tmp_path / "run")
    run = Run(tmp_path / "run")
    (run.folder / FILE).unlink(missing_ok=True)
    assert stored_robustness(run) is None
    stress_runs([Run(runs[1])], images=20)
    shutil.copy(runs[1] / FILE, run.folder / FILE)
    assert stored_robustness(run) is None
    (run.folder / FILE).write_bytes(b"no arrays")
    assert stored_robustness(run) is None


def test_bad_input_is_one_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    assert_refused(inkling("stress", runs[0], "--split", "train"), "use test or validation")
    assert_refused(inkling("stress", runs[0], "--images", 3), "images must be 10 or more, found 3")
    assert_refused(inkling("stress", runs[0], "--out", tmp_path / "figure.pdf"), ".png")
    assert_refused(inkling("stress", runs[0], runs[0]), "given twice")
    plan = RunPlan("digits", "perceptron", recipe("reference", epochs=1), 300)
    other = load_digits()
    training = train_run(plan, other, tmp_path / "unfinished")
    next(iter(training))
    with pytest.raises(RunError, match="not finished"):
        stress_runs([Run(tmp_path / "unfinished")])
