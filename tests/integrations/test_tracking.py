"""What a tracker is told is what the history says: every epoch once, and never at the price of the run."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling
from inkling.errors import TrackingError
from inkling.images.sources.digits import load_digits
from inkling.integrations.tracking.registry import TRACKERS, open_tracker
from inkling.integrations.tracking.tracking import tracked
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe

TAGS = {
    "loss/train": "train_loss", "loss/validation": "validation_loss", "loss/running": "running_loss",
    "accuracy/train": "train_accuracy", "accuracy/validation": "validation_accuracy", "learning_rate": "learning_rate",
    "seconds/train": "train_seconds", "seconds/evaluation": "evaluation_seconds",
}  # fmt: skip
WORDS = (*TRAIN_DIGITS, "--train-size", 200, "--recipe", "strong")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of every event file, in the order they were written, nothing purged."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted((folder / "tensorboard").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    found.setdefault(value.tag, []).append((event.step, float(make_ndarray(value.tensor))))
    return found


def history_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def assert_equal_to_history(folder: Path) -> None:
    history, found = history_of(folder), scalars(folder)
    for tag, name in TAGS.items():
        assert found[tag] == [(epoch["epoch"], float(np.float32(epoch[name]))) for epoch in history], tag


def wait_for_epochs(out: Path, epochs: int) -> None:
    deadline, history = time.monotonic() + 60, out / "history.jsonl"
    while time.monotonic() < deadline:
        if (out / "checkpoint.json").exists() and history.exists() and history.read_text().count("\n") > epochs:
            return
        time.sleep(0.02)


def test_tensorboard_is_told_the_history_the_settings_and_what_was_kept(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    out, plain = tmp_path / "run", tmp_path / "plain"
    done = inkling(*WORDS, "--epochs", 12, "--out", out, "--track", "tensorboard", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 12
    assert_equal_to_history(out)
    run, found = Run(out), scalars(out)
    assert run.results is not None
    best = run.results["best_epoch"]
    assert found["kept/validation_accuracy"] == [(best, float(np.float32(run.results["validation_accuracy"])))]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    read = EventAccumulator(str(out / "tensorboard"), size_guidance={"tensors": 0})
    read.Reload()
    assert set(TAGS) <= set(read.Tags()["tensors"])
    start = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(start).session_start_info.hparams
    assert settings["schedule.learning_rate"].number_value == run.settings.schedule.learning_rate
    assert settings["network"].string_value == "perceptron"
    assert settings["train_size"].number_value == 200
    assert inkling(*WORDS, "--epochs", 12, "--out", plain).returncode == 0
    for name in ("weights.safetensors", "predictions.safetensors", "checkpoint.safetensors"):
        assert (out / name).read_bytes() == (plain / name).read_bytes()  # to be watched changes nothing


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_resumed_run_has_every_step_once(how: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    words = [*map(str, WORDS), "--epochs", "400", "--out", str(out), "--track", "tensorboard"]
    process = subprocess.Popen([sys.executable, "-m", "inkling", *words], stderr=subprocess.PIPE, text=True)
    wait_for_epochs(out, 20)
    process.send_signal(getattr(signal, how))
    _, said = process.communicate(timeout=60)
    assert Run(out).results is None, "the run ended before it could be stopped"
    if how == "SIGINT":
        assert process.returncode == 130
        assert "--track tensorboard" in said
        assert_equal_to_history(out)
    assert inkling(*words, "--resume").returncode == 0
    assert len(history_of(out)) == 400
    assert_equal_to_history(out)


def test_a_run_that_was_not_tracked_from_the_start_is_told_in_full(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    words = (*WORDS, "--epochs", 5, "--out", tmp_path / "run")
    assert inkling(*words).returncode == 0
    weights = (tmp_path / "run/weights.safetensors").stat().st_mtime_ns
    assert inkling(*words, "--resume", "--track", "tensorboard").returncode == 0
    assert_equal_to_history(tmp_path / "run")
    assert (tmp_path / "run/weights.safetensors").stat().st_mtime_ns == weights


def test_unknown_and_missing_trackers_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    words = (*WORDS, "--out", tmp_path / "run", "--track")
    assert_refused(inkling(*words, "tensorbord"), "did you mean 'tensorboard'")
    for name in TRACKERS:
        code = (
            f"import sys; sys.modules[{name!r}] = None\n"
            f"sys.argv = ['inkling', *{[str(word) for word in words]!r}, {name!r}]\n"
            "from inkling.cli.main import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert_refused(done, name, "pip install 'inkling-ml[track]'")
    assert not (tmp_path / "run").exists()
    with pytest.raises(TrackingError, match="use tensorboard or mlflow"):
        open_tracker("paper")


def test_tensorboard_needs_no_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    words = [str(word) for word in (*WORDS, "--epochs", 2, "--out", tmp_path / "run", "--track", "tensorboard")]
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        f"sys.argv = ['inkling', *{words!r}]\n"
        "from inkling.cli.app import app; app(standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert_equal_to_history(tmp_path / "run")


class Failing:
    """A tracker that fails at one of its steps, and counts what it is asked."""

    def __init__(self, at: str) -> None:
        self.at, self.asked = at, list[str]()

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what == self.at:
            raise ConnectionError("no route\nto the server")

    def start(self, run: Run) -> None:
        self._ask("start")

    def record(self, epoch: Mapping[str, Any]) -> None:
        self._ask(f"record {epoch['epoch']}")

    def finish(self, results: Mapping[str, Any] | None) -> None:
        self._ask("finish" if results else "stop")


@pytest.mark.parametrize(("at", "asked"), [("start", 1), ("record 3", 3), ("finish", 5), ("nothing", 5)])
def test_a_failing_tracker_costs_a_line_and_not_the_run(
    at: str, asked: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", "perceptron", 50, epochs=4), 50)
    tracker = Failing(at)
    with caplog.at_level(logging.WARNING):
        records = list(tracked(train_run(plan, load_digits(), tmp_path / "run"), tmp_path / "run", tracker))
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    assert Run(tmp_path / "run").finished
    assert len(tracker.asked) == asked
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ([] if at == "nothing" else [
        "inkling: tracking failed and is off for this run, which goes on (no route to the server)"
    ])  # fmt: skip


def test_a_run_that_is_left_is_saved_and_its_tracker_told(tmp_path: Path) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", "perceptron", 50, epochs=9), 50)
    tracker = Failing("nothing")
    records = tracked(train_run(plan, load_digits(), tmp_path / "run"), tmp_path / "run", tracker)
    next(records), next(records)
    records.close()
    assert tracker.asked == ["start", "record 2", "stop"]
    checkpoint = Run(tmp_path / "run").checkpoint()
    assert checkpoint is not None
    assert checkpoint.epoch == 2


class Interrupted(Failing):
    """A tracker that Ctrl-C hits in the middle of a step."""

    number = signal.SIGINT

    def _ask(self, what: str) -> None:
        if what == self.at:
            signal.raise_signal(self.number)
        self.asked.append(what)


def test_ctrl_c_lets_a_tracker_end_what_it_is_doing(tmp_path: Path) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", "perceptron", 50, epochs=9), 50)
    tracker = Interrupted("record 3")
    with pytest.raises(KeyboardInterrupt):
        list(tracked(train_run(plan, load_digits(), tmp_path / "run"), tmp_path / "run", tracker))
    assert tracker.asked == ["start", "record 2", "record 3", "stop"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_lets_a_tracker_end_what_it_is_doing(tmp_path: Path) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", "perceptron", 50, epochs=9), 50)
    tracker = Interrupted("record 3")
    tracker.number = signal.SIGTERM
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # which raises KeyboardInterrupt
    try:
        with pytest.raises(KeyboardInterrupt):
            list(tracked(train_run(plan, load_digits(), tmp_path / "run"), tmp_path / "run", tracker))
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert tracker.asked == ["start", "record 2", "record 3", "stop"]


def test_a_failing_tensorboard_says_so_on_stderr(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    words = (*WORDS, "--epochs", 3, "--out", out)
    assert inkling(*words).returncode == 0
    (out / "tensorboard").write_text("a file where the folder belongs")
    done = inkling(*words, "--resume", "--track", "tensorboard", "--quiet")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("inkling: tracking failed")


@pytest.mark.filterwarnings("ignore:The ``noload`` loader")  # in MLflow's own queries
def test_mlflow_is_told_every_epoch_once(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install 'inkling-ml[track]'")
    out, uri = tmp_path / "run", f"sqlite:///{tmp_path}/store.db"
    env = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "digits"}
    words = [*map(str, WORDS), "--epochs", "400", "--out", str(out), "--track", "mlflow"]
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words], stderr=subprocess.PIPE, text=True, env={**os.environ, **env}
    )
    wait_for_epochs(out, 5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "tracking failed" not in said
    assert not Run(out).finished
    client = mlflow.MlflowClient(uri)
    run_id = json.loads((out / "mlflow.json").read_text())["run_id"]
    assert client.get_run(run_id).info.status == "KILLED"
    done = inkling(*words, "--resume", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 400
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"
    assert run.data.params["schedule.learning_rate"] == str(Run(out).settings.schedule.learning_rate)
    assert run.data.params["network"] == "perceptron"
    assert client.get_experiment(run.info.experiment_id).name == "digits"
    history = history_of(out)
    for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "learning_rate"):
        told = sorted((metric.step, metric.value) for metric in client.get_metric_history(run_id, name))
        assert told == [(epoch["epoch"], epoch[name]) for epoch in history]
    assert run.data.metrics["kept/validation_accuracy"] == (Run(out).results or {})["validation_accuracy"]
