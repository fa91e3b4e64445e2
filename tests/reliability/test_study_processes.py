"""The processes of a study of several jobs end with the study: killed, terminated or interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from conftest import WriteIdx

WORDS = ["study", "digits", "--networks", "perceptron", "--train-sizes", "100,200", "--seeds", "0,1", "--jobs", "2"]


Running = tuple[subprocess.Popen[str], list[psutil.Process], Path]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Running]:
    """A study of two jobs with both under way, its processes and its folder."""
    out = tmp_path / "study"
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *WORDS, "--epochs", "1000000", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(out.glob("runs/*/checkpoint.json"))) < 2:
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    yield process, started, out
    for left in [process, *started]:
        try:
            left.kill()
        except psutil.NoSuchProcess:
            continue
    process.communicate()


def test_workers_end_with_a_study_that_is_killed(
    study: Running,
) -> None:
    process, workers, out = study
    assert len(workers) >= 2
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    done = subprocess.run(  # what was locked is free, and what was saved is gone on with
        [sys.executable, "-m", "inkling", *WORDS[:-1], "1", "--epochs", "1", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "holds a study with other settings" in done.stderr  # and not: is in use


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("whom", ["the study", "everybody"])
def test_sigterm_saves_every_finished_epoch(whom: str, study: Running) -> None:
    process, workers, out = study
    for receiver in [process] if whom == "the study" else [process, *workers]:
        receiver.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    runs = list(out.glob("runs/*"))
    assert len(runs) == 2
    for run in runs:
        saved = json.loads((run / "checkpoint.json").read_text())["epoch"]
        assert saved == len((run / "history.jsonl").read_text().splitlines())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_sigterm_to_a_run_saves_every_finished_epoch(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "digits", "--network", "perceptron", "--train-size", "100", "--epochs", "1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out / "checkpoint.json").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    saved = json.loads((out / "checkpoint.json").read_text())["epoch"]
    assert saved == len((out / "history.jsonl").read_text().splitlines()) > 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_sigterm_does_not_wait_for_the_end_of_an_epoch(tmp_path: Path, write_idx: WriteIdx) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for split, n in (("train", 12_000), ("t10k", 100)):
        write_idx(tmp_path / f"data/{split}-images-idx3-ubyte", rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        write_idx(tmp_path / f"data/{split}-labels-idx1-ubyte", (np.arange(n) % 10).astype(np.uint8))
    out = tmp_path / "study"
    words = ["study", str(tmp_path / "data"), "--networks", "cnn", "--train-sizes", "10000", "--seeds", "0,1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words, "--jobs", "2", "--batch-size", "1", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(out.glob("runs/*/run.json"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert len(list(out.glob("runs/*/run.json"))) == 2
    assert not list(out.glob("runs/*/history.jsonl"))  # minutes before the end of the first epoch
