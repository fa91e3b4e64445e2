"""Run folders: what is written comes back, nothing is ever half there, nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from inkling.errors import DataError, InklingError, NetworkError, RunError
from inkling.images.sources.digits import load_digits
from inkling.metrics.temperature import at_temperature
from inkling.networks.numpy.perceptron import Perceptron
from inkling.runs.arrays import load_arrays, save_arrays
from inkling.runs.execute import RunPlan, summary, train_run
from inkling.runs.run import Run
from inkling.studies.folder import load_runs
from inkling.training.loop import TrainingState, measure
from inkling.training.recipes.registry import recipe

PLAN = RunPlan("digits", "perceptron", recipe("reference", epochs=5), 100)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    for _ in train_run(PLAN, load_digits(), tmp_path / "run"):
        pass
    return Run(tmp_path / "run")


def test_everything_comes_back(run: Run) -> None:
    splits = PLAN.subset(load_digits())
    assert run.finished
    assert run.settings == PLAN.settings
    assert run.data.fingerprint == splits.fingerprint
    assert run.train_size == 100
    network = run.network()
    assert isinstance(network, Perceptron)
    loss, accuracy = measure(network, splits.validation)
    results = summary(run)
    assert (results["validation_loss"], results["validation_accuracy"]) == (loss, accuracy)
    for split, dataset in (("validation", splits.validation), ("test", splits.test)):
        found = run.predictions(split)
        np.testing.assert_array_equal(found.labels, dataset.labels)
        np.testing.assert_array_equal(found.probabilities, network.predict_proba(dataset.images))


def test_weights_carry_what_is_needed_to_use_them(run: Run) -> None:
    with safe_open(run.folder / "weights.safetensors", framework="numpy") as file:
        metadata = file.metadata()
        assert json.loads(metadata["class_names"]) == list("0123456789")
        assert json.loads(metadata["image_shape"]) == [8, 8, 1]
        assert file.get_tensor("pixel_scale")[0] == np.float32(1 / 255)
        assert set(file.keys()) == {"W1", "b1", "W2", "b2", "pixel_scale"}


def test_a_torn_last_line_of_the_history_is_passed_over(run: Run) -> None:
    path = run.folder / "history.jsonl"
    path.write_text(path.read_text()[:-20])
    assert [epoch["epoch"] for epoch in run.history()] == [1, 2, 3, 4]


def test_leaving_the_loop_early_saves_every_finished_epoch(tmp_path: Path) -> None:
    records = train_run(PLAN, load_digits(), tmp_path / "run")
    for _ in range(3):
        next(records)
    records.close()
    run = Run(tmp_path / "run")
    assert not run.finished
    state = run.checkpoint()
    assert state is not None
    assert state.epoch == len(run.history()) == 3
    with pytest.raises(RunError, match="not finished"):
        run.predictions("test")
    with pytest.raises(RunError, match="no finished run"):
        load_runs(run.folder)


def test_a_run_stopped_between_checkpoint_and_weights_gets_its_weights(run: Run) -> None:
    before = (run.folder / "weights.safetensors").read_bytes()
    for name in ("weights.safetensors", "predictions.safetensors"):
        (run.folder / name).unlink()
    info = {**run.info, "results": None, "finished": None}
    (run.folder / "run.json").write_text(json.dumps(info))
    assert list(train_run(PLAN, load_digits(), run.folder, resume=True)) == []
    assert (run.folder / "weights.safetensors").read_bytes() == before
    assert Run(run.folder).finished


def test_what_a_kill_leaves_at_the_very_start_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".run.json.abcd").write_text("{")
    for _ in train_run(PLAN, load_digits(), folder, resume=True):
        pass
    assert Run(folder).finished


@pytest.mark.parametrize(
    "history",
    [
        b"",
        b"\xff\xfe\n",
        b'{"epoch": 1}\n',
        b'{"epoch": 1, "train_loss": 1, "train_accuracy": 7.5, "validation_loss": 1, "validation_accuracy": 0.5, '
        b'"train_seconds": 1, "evaluation_seconds": 1}\n',
        b'{"epoch": 1, "train_loss": NaN, "train_accuracy": 0.5, "validation_loss": 1, "validation_accuracy": 0.5, '
        b'"train_seconds": 1, "evaluation_seconds": 1}\n',
    ],
)
def test_a_damaged_history_is_refused(run: Run, history: bytes) -> None:
    (run.folder / "history.jsonl").write_bytes(history)
    with pytest.raises(RunError, match=r"history\.jsonl"):
        run.history()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("data", "train"), "many"),
        (("data", "source"), 5),
        (("settings", "seed"), 1.5),
        (("machine",), [1]),
        (("machine", "threads"), [1]),
        (("results",), {}),
        (("results",), [1]),
    ],
)
def test_a_run_json_with_other_values_than_a_run_writes_is_refused(
    run: Run, where: tuple[str, ...], value: Any
) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    at = info
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = value
    (run.folder / "run.json").write_text(json.dumps(info))
    with pytest.raises(RunError, match=r"run\.json"):
        Run(run.folder)


def test_a_checkpoint_ahead_of_its_history_is_refused_at_once(run: Run) -> None:
    (run.folder / "history.jsonl").write_text("".join((run.folder / "history.jsonl").read_text().splitlines(True)[:3]))
    (run.folder / "run.json").write_text(json.dumps({**run.info, "results": None, "finished": None}))
    with pytest.raises(RunError, match="holds 3 epochs, the checkpoint 5"):
        next(train_run(PLAN, load_digits(), run.folder, resume=True))


def test_no_pickle_in_the_source() -> None:
    source = Path(__file__).parents[2] / "src"
    for path in source.rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not line.lstrip().startswith(("import pickle", "from pickle", "import joblib", "from joblib")), path
            assert "allow_pickle=True" not in line, path


def test_predict_is_the_network_and_calibrated_at_the_temperature(run: Run) -> None:
    images = load_digits().test.images[:7]
    probabilities = run.predict(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities, run.network().predict_proba(images))
    np.testing.assert_array_equal(
        run.predict(images, calibrated=True), at_temperature(probabilities, run.temperature())
    )
    with pytest.raises(NetworkError, match=r"shape \(8, 8, 1\)"):
        run.predict(np.zeros((2, 9, 9, 1), np.uint8))


def test_predict_takes_paths_of_pictures(run: Run, tmp_path: Path) -> None:
    images, files = load_digits().test.images[:300], []
    for number, image in enumerate(images[..., 0]):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(files[-1])
    expected = run.predict(images)
    np.testing.assert_allclose(run.predict(files), expected, atol=1e-6)
    assert run.predict(tuple(map(str, files[:2])), calibrated=True).shape == (2, 10)
    for one in (files[3], str(files[3])):
        np.testing.assert_allclose(run.predict(one), expected[3:4], atol=1e-6)
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=r"2 of 3 pictures cannot be read \(.*text\.png: expected .*missing\.png"):
        run.predict([files[0], tmp_path / "text.png", tmp_path / "missing.png"])
    with pytest.raises(NetworkError):
        run.predict([])


def test_weights_that_training_did_not_write_are_refused(run: Run) -> None:
    path = run.folder / "weights.safetensors"
    assert run.info["results"]["weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    arrays, metadata = load_arrays(path)
    arrays["W1"][0, 0] += 0.5  # all still fits
    save_arrays(path, arrays, metadata)
    with pytest.raises(RunError, match=r"weights\.safetensors: is not the file that training wrote"):
        Run(run.folder).network()


def test_a_checkpoint_copies_no_arrays(run: Run) -> None:
    network = {f"W{number}": np.ones((1024, 1024), np.float32) for number in range(4)}  # 16 MiB
    state = TrainingState(3, network, dict(network), 2, 0.5, 1.0)
    tracemalloc.start()
    try:
        run.save_checkpoint(state)
        run.save_weights(state)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20, f"{peak / 2**20:.1f} MiB beside 16 MiB of arrays"
    loaded = run.checkpoint()
    assert loaded is not None
    assert (loaded.epoch, loaded.best_epoch, loaded.best_accuracy, loaded.best_loss) == (3, 2, 0.5, 1.0)
    assert loaded.best.keys() == loaded.network.keys() == network.keys()


def test_a_network_that_has_no_place_in_memory_is_refused_before_it_is_built(run: Run) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    info["network"]["hidden"] = 10**12
    (run.folder / "run.json").write_text(json.dumps(info))
    tracemalloc.start()
    try:
        with pytest.raises(InklingError, match="parameters"):
            Run(run.folder).network()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**23


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run that was written at commit 5418b5d, before run.json held a digest of the weights."""
    return Path(shutil.copytree(Path(__file__).parents[1] / "data/run-of-commit-5418b5d", tmp_path / "old"))


def test_a_run_of_the_first_version_still_loads(old: Path) -> None:
    run = Run(old)
    assert run.finished
    assert "weights_sha256" not in (run.results or {})
    splits = run.subset(load_digits())
    assert (len(splits.train), run.settings.seed, len(run.history())) == (60, 2, 3)
    for split, dataset in (("validation", splits.validation), ("test", splits.test)):
        kept = run.predictions(split)
        np.testing.assert_array_equal(kept.labels, dataset.labels)
        np.testing.assert_allclose(run.predict(dataset.images), kept.probabilities, atol=1e-5)
    assert run.temperature() == pytest.approx(10.79, abs=0.01)  # as it was fitted then
    state = run.checkpoint()
    assert state is not None
    assert (state.epoch, state.best_epoch) == (3, 3)


def test_a_run_of_the_first_version_can_be_gone_on_with(old: Path) -> None:
    (old / "run.json").write_text(json.dumps({**Run(old).info, "results": None, "finished": None}))
    (old / "predictions.safetensors").unlink()
    assert (
        list(train_run(RunPlan("digits", "perceptron", Run(old).settings, 60), load_digits(), old, resume=True)) == []
    )
    assert Run(old).finished
    assert (
        list(train_run(RunPlan("digits", "perceptron", Run(old).settings, 60), load_digits(), old, resume=True)) == []
    )


def test_a_run_that_goes_on_elsewhere_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def next_epoch() -> int:
        records = train_run(PLAN, load_digits(), folder, resume=True)
        epoch = next(records).epoch
        records.close()
        return epoch

    assert [next_epoch(), next_epoch()] == [1, 2]
    info = json.loads((folder / "run.json").read_text())
    assert "resumed" not in info
    info["versions"]["numpy"] = "1.0"
    (folder / "run.json").write_text(json.dumps(info))
    assert [next_epoch(), next_epoch()] == [3, 4]
    noted = Run(folder).info["resumed"]
    assert [entry["changed"] for entry in noted] == [["versions"]]
    assert noted[0]["versions"]["numpy"] == np.__version__
    assert Run(folder).info["versions"]["numpy"] == "1.0"
