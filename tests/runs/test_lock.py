"""One process at a time in a folder: the second is told who has it, and a killed one is in nobody's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling_process
from inkling.errors import RunError
from inkling.images.sources.digits import load_digits
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.lock import HOLDER, LOCK, folder_lock
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe

HOLD = (
    "import sys, time; from pathlib import Path; from inkling.runs.lock import folder_lock\n"
    "with folder_lock(Path(sys.argv[1]), 'a test'):\n"
    "    print('held', flush=True); time.sleep(60)"
)


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        expected = rf"in use by a test \(process {process.pid} on .*, since 20.*: -c "
        with pytest.raises(RunError, match=expected) as caught, folder_lock(tmp_path, "another"):
            pass
        assert str(tmp_path) in str(caught.value)
        process.kill()


def test_a_killed_process_is_in_nobodys_way(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.kill()
    assert (tmp_path / LOCK).exists()
    assert json.loads((tmp_path / HOLDER).read_text())["pid"] == process.pid
    with folder_lock(tmp_path, "another"):
        assert json.loads((tmp_path / HOLDER).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_does_not_make_a_folder_full(tmp_path: Path) -> None:
    with hold(tmp_path / "run") as process:
        process.kill()
    for _ in train_run(
        RunPlan("digits", "perceptron", recipe("reference", epochs=1), 50), load_digits(), tmp_path / "run"
    ):
        pass
    assert Run(tmp_path / "run").finished


def test_two_in_one_process_are_kept_apart_too(tmp_path: Path) -> None:
    plan = RunPlan("digits", "perceptron", recipe("reference", epochs=3), 50)
    first = train_run(plan, load_digits(), tmp_path / "run")
    next(first)
    with pytest.raises(RunError, match=f"in use by the training of perceptron \\(process {os.getpid()} "):
        next(train_run(plan, load_digits(), tmp_path / "run", resume=True))
    assert [record.epoch for record in first] == [2, 3]
    assert [epoch["epoch"] for epoch in Run(tmp_path / "run").history()] == [1, 2, 3]


@pytest.mark.parametrize("content", ["", "{", '{"pid": "many"}'])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path, content: str) -> None:
    with folder_lock(tmp_path, "a test"):
        (tmp_path / HOLDER).write_text(content)
        with pytest.raises(RunError, match="in use by another process"), folder_lock(tmp_path, "another"):
            pass


def test_a_folder_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"), folder_lock(tmp_path / "file" / "run", "a test"):
        pass


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_resuming_a_live_run_is_refused_and_its_history_stays_whole(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [*TRAIN_DIGITS, "--train-size", "200", "--epochs", "1000000", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (out / "checkpoint.json").exists():
            time.sleep(0.02)
        for more in ([], ["--resume"]):
            assert_refused(inkling_process(*words, *more), "in use", f"process {process.pid}", "inkling train digits")
        time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    epochs = [json.loads(line)["epoch"] for line in (out / "history.jsonl").read_text().splitlines()[:-1]]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > 1
    again = train_run(plan_of(out), load_digits(), out, resume=True)
    assert next(again).epoch > 1
    again.close()


def plan_of(folder: Path) -> RunPlan:
    run = Run(folder)
    return RunPlan("digits", run.network_name, run.settings, run.train_size)
