"""Ctrl-C, a kill, and going on: the weights are those of a run that was never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import STUDY_DIGITS, TRAIN_DIGITS, inkling

WORDS = (*TRAIN_DIGITS, "--train-size", 200, "--recipe", "strong", "--epochs", 500)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert inkling(*WORDS, "--out", folder).returncode == 0
    return folder


CNN_WORDS = ("train", "digits", "--network", "reference-cnn", "--train-size", 200, "--epochs", 60)


def test_a_killed_convolutional_run_resumes_to_identical_weights(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert inkling(*CNN_WORDS, "--out", whole).returncode == 0
    words = [sys.executable, "-m", "inkling", *map(str, CNN_WORDS), "--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        history = out / "history.jsonl"
        if (out / "checkpoint.json").exists() and history.exists() and history.read_text().count("\n") > 3:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not json.loads((out / "run.json").read_text())["finished"], "the run ended before it could be stopped"
    assert inkling(*CNN_WORDS, "--out", out, "--resume").returncode == 0
    for name in ("weights.safetensors", "checkpoint.safetensors", "predictions.safetensors"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_stopped_run_resumes_to_identical_weights(how: str, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "a run"
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *map(str, WORDS), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        history = out / "history.jsonl"
        if (out / "checkpoint.json").exists() and history.exists() and history.read_text().count("\n") > 20:
            break
        time.sleep(0.02)
    process.send_signal(getattr(signal, how))
    _, said = process.communicate(timeout=60)
    assert not json.loads((out / "run.json").read_text())["finished"], "the run ended before it could be stopped"
    if how == "SIGINT":
        assert process.returncode == 130
        assert "--resume" in said
        assert f"'{out}'" in said  # quoted, ready to paste
        assert "Traceback" not in said
        saved = json.loads((out / "checkpoint.json").read_text())["epoch"]
        assert saved == len((out / "history.jsonl").read_text().splitlines())
    else:
        assert process.returncode == -signal.SIGKILL
    assert inkling(*WORDS, "--out", out, "--resume").returncode == 0
    for name in ("weights.safetensors", "checkpoint.safetensors", "predictions.safetensors"):
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    losses = [
        [json.loads(line)["validation_loss"] for line in (folder / "history.jsonl").read_text().splitlines()]
        for folder in (out, uninterrupted)
    ]
    assert losses[0] == losses[1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no groups of processes")
def test_ctrl_c_ends_a_study_of_several_jobs_and_it_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "study"
    words = [*STUDY_DIGITS, "--train-sizes", "100,200", "--seeds", "0,1", "--jobs", "2", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words, "--epochs", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(out.glob("runs/*/checkpoint.json"))) < 2:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    runs = list(out.glob("runs/*"))
    assert len(runs) == 2  # the two that were under way; none was begun after the signal
    for run in runs:
        saved = json.loads((run / "checkpoint.json").read_text())["epoch"]
        assert saved == len((run / "history.jsonl").read_text().splitlines())


def test_resuming_a_finished_run_changes_nothing(uninterrupted: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in uninterrupted.iterdir()}
    assert inkling(*WORDS, "--out", uninterrupted, "--resume").returncode == 0
    assert {path.name: path.stat().st_mtime_ns for path in uninterrupted.iterdir()} == before


def test_resume_without_a_run_starts_one(tmp_path: Path) -> None:
    done = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 2, "--out", tmp_path / "new", "--resume")
    assert done.returncode == 0
    assert (tmp_path / "new/weights.safetensors").exists()
