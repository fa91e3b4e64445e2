"""Progress: what is shown on a terminal, in plain lines, and when nothing is."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from command_line import STUDY_DIGITS, TRAIN_DIGITS, inkling
from inkling.cli import progress
from inkling.cli.progress import Meter, ProgressScreen, duration


class Clock:
    """Seconds that pass only where the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    return clock


def plain(quiet: bool = False) -> tuple[ProgressScreen, io.StringIO]:
    stream = io.StringIO()
    return ProgressScreen(Console(file=stream, width=200, quiet=quiet)), stream


def test_durations_in_words() -> None:
    assert [duration(seconds) for seconds in (0.2, 8, 89.4, 100, 3600, 7500)] == [
        "0 s", "8 s", "89 s", "2 min", "60 min", "2 h 5 min",
    ]  # fmt: skip


def test_the_time_left_follows_the_pace_and_runs_down_between_updates(clock: Clock) -> None:
    meter = Meter(10, "training")
    assert meter.seconds_left() is None
    clock.now += 4
    meter.update(2)
    assert meter.seconds_left() == 16
    clock.now += 4
    meter.update(4)
    assert meter.seconds_left() == 12
    clock.now += 5
    assert meter.seconds_left() == 7
    clock.now += 50
    assert meter.seconds_left() == 0
    meter.update(10)
    assert meter.time_left() == ""


def test_the_slow_first_steps_of_a_long_task_give_no_time_left(clock: Clock) -> None:
    meter = Meter(10_000, "study")
    clock.now += 4
    meter.update(1)
    assert meter.seconds_left() is None  # not the eleven hours of this pace
    clock.now += 1
    meter.update(200)
    assert meter.seconds_left() == 245
    slow = Meter(10_000, "study")
    clock.now += 10
    slow.update(1)
    assert slow.seconds_left() == 99_990


def test_what_was_done_before_a_run_is_resumed_says_nothing_about_its_pace(clock: Clock) -> None:
    meter = Meter(100, "training")
    clock.now += 1
    meter.start_at(90)
    meter.update(90)
    assert meter.seconds_left() is None
    clock.now += 10
    meter.update(91)
    assert meter.seconds_left() == 90


def test_percent_is_100_only_at_the_end() -> None:
    meter = Meter(50_000, "evaluating")
    meter.update(49_999)
    assert meter.percent == 99
    meter.update(50_000)
    assert meter.percent == 100


def test_plain_lines_come_every_two_seconds_at_most_with_percent_and_time_left(clock: Clock) -> None:
    screen, stream = plain()
    with screen.meter(80, "training") as meter:
        for done in range(1, 81):
            clock.now += 0.125
            meter.update(done, f"epoch {done}/80")
    assert stream.getvalue().splitlines() == [
        "training 20%: epoch 16/80, 8 s left",
        "training 40%: epoch 32/80, 6 s left",
        "training 60%: epoch 48/80, 4 s left",
        "training 80%: epoch 64/80, 2 s left",
        "training 100%: epoch 80/80, in 10 s",
    ]


def test_plain_lines_stay_away_from_what_takes_less_than_two_seconds(clock: Clock) -> None:
    screen, stream = plain()
    with screen.meter(10, "drawing") as meter:
        for done in range(1, 11):
            clock.now += 0.19
            meter.update(done)
    assert stream.getvalue() == ""


def test_quiet_shows_nothing(clock: Clock) -> None:
    screen, stream = plain(quiet=True)
    with screen.watch("reading pictures") as watch:
        clock.now += 60
        watch(1, 2)
    assert stream.getvalue() == ""


def test_a_watcher_takes_the_total_from_the_library(clock: Clock) -> None:
    screen, stream = plain()
    with screen.watch("reading pictures") as watch:
        clock.now += 30
        watch(1, 4)
        clock.now += 30
        watch(2, 4)
    assert stream.getvalue().splitlines() == [
        "reading pictures 25%: 2 min left",
        "reading pictures 50%: 60 s left",
    ]


def test_a_terminal_has_a_live_line_with_time_left_and_nothing_remains_of_it(clock: Clock) -> None:
    stream = io.StringIO()
    screen = ProgressScreen(Console(file=stream, width=120, force_terminal=True))
    with screen.meter(10, "training [b]") as meter:
        clock.now += 2
        meter.update(2, "epoch 2/10")
        with screen.meter(4, "measuring") as inner:  # one below the other
            clock.now += 2
            inner.update(1)
            meter.update(4, "epoch 4/10")
            assert screen._live is not None
            screen._live.refresh()
    drawn = stream.getvalue()
    for words in ("training [b]", "epoch 4/10", "40%", "6 s left", "measuring", "25%"):
        assert words in drawn
    assert "\x1b[2K" in drawn.rpartition("left")[2]  # the line is erased


def test_training_shows_its_epochs_in_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    done = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 5, "--out", tmp_path / "run")
    assert "training 100%: epoch 5/5, loss" in done.stderr
    assert re.search(r"^training \d+%: epoch \d/5.* s left$", done.stderr, re.MULTILINE)


def test_a_short_command_says_nothing_on_the_way(tmp_path: Path) -> None:
    done = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 5,
                   "--out", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0
    assert "%" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
def test_a_real_terminal_shows_a_live_line(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    words = (*TRAIN_DIGITS, "--epochs", "400", "--out", str(tmp_path / "run"))
    with subprocess.Popen(
        [sys.executable, "-m", "inkling", *words],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:  # Linux says so when the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0
    assert b"training" in seen
    assert b"/400" in seen
    assert b"left" in seen


def test_training_moves_within_its_epochs_and_while_it_measures(
    tmp_path: Path, write_idx: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("inkling.training.progress.SECONDS", 0.0)
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0.0)
    labels = np.arange(3000, dtype=np.uint8) % 3
    write_idx(tmp_path / "data/train-images-idx3-ubyte", np.repeat(labels, 16).reshape(-1, 4, 4) * 60)
    write_idx(tmp_path / "data/train-labels-idx1-ubyte", labels)
    words = ("--network", "perceptron", "--epochs", 2, "--batch-size", 500)
    done = inkling("train", tmp_path / "data", *words, "--out", tmp_path / "run")
    lines = [line for line in done.stderr.splitlines() if line.startswith("training ")]
    for words_in_order in (
        "epoch 1/2, 500/2,084 images", "epoch 1/2, measuring 256/2,500 images", "epoch 1/2, loss",
        "epoch 2/2, 1,000/2,084 images, validation accuracy", "predicting 256/916 images",
    ):  # fmt: skip
        while lines and words_in_order not in lines[0]:
            del lines[0]
        assert lines, (words_in_order, done.stderr)
    assert done.stderr.splitlines()[-1].startswith("training 100%: epoch 2/2, loss")
    assert all(int(a) <= int(b) for a, b in pairwise(re.findall(r"^training (\d+)%", done.stderr, re.MULTILINE)))


def test_evaluating_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inkling(*TRAIN_DIGITS, "--epochs", 1, "--out", tmp_path / "run").returncode == 0
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0.0)
    said = inkling("evaluate", tmp_path / "run", "--split", "train").stderr
    assert re.search(r"^predicting train images \d+%: .* left$", said, re.MULTILINE)
    assert "predicting train images 100%: in" in said


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_moves_while_its_runs_are_under_way(jobs: int, tmp_path: Path) -> None:
    code = (
        "import sys; from inkling.cli import progress, main\n"
        "from inkling.studies import pool\n"
        "if __name__ == '__main__':\n"
        "    progress.PLAIN_SECONDS = 0.0; pool.SECONDS_BETWEEN_LOOKS = 0.1\n"
        "    main.main()"
    )
    (tmp_path / "run.py").write_text(code)
    words = (*STUDY_DIGITS, "--train-sizes", 1000, "--seeds", "0,1", "--epochs", 150, "--jobs", jobs)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), *map(str, words), "--out", str(tmp_path / "study")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    percents = [int(found) for found in re.findall(r"^study (\d+)%: [01]/2 runs", done.stderr, re.MULTILINE)]
    assert any(0 < percent < 50 for percent in percents), done.stderr
    assert percents == sorted(percents)
    assert re.search(r"^study 100%: 2/2 runs, perceptron, 1,000 images, seed [01]: done, in", done.stderr, re.MULTILINE)


def test_what_a_study_has_done_before_says_nothing_about_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*STUDY_DIGITS, "--train-sizes", 50, "--epochs", 3, "--out", tmp_path / "study")
    assert inkling(*words, "--seeds", "0,1").returncode == 0
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    said = inkling(*words, "--seeds", "0,1,2,3").stderr
    lines = [line for line in said.splitlines() if line.startswith("study ")]
    assert lines[0] == "study 25%: 1/4 runs, perceptron, 50 images, seed 0: done"
    assert lines[1] == "study 50%: 2/4 runs, perceptron, 50 images, seed 1: done"
    assert any("left" in line for line in lines[2:])


def test_steps_are_named_and_the_one_under_way_is_not_done(clock: Clock) -> None:
    screen, stream = plain()
    with screen.steps("report") as show:
        for done, step in enumerate(("loading", "calibration", "drawing")):
            clock.now += 3
            show(step, done, 2)
        clock.now += 3
        show("figures", 0, 4)
        clock.now += 3
        show("figures", 1, 4)
    assert stream.getvalue().splitlines() == [
        "report 0%: loading",
        "report 33%: calibration, 12 s left",
        "report 66%: drawing, 4 s left",
        "figures 20%: 12 s left",
        "figures 100%: in 3 s",
    ]


def test_a_report_says_what_it_is_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inkling(*TRAIN_DIGITS, "--train-size", 100, "--epochs", 2, "--out", tmp_path / "run").returncode == 0
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    said = inkling("report", tmp_path / "run").stderr
    assert "report 0%: loading runs and images" in said
    assert re.search(r"^report [1-9]\d?%: .+, .* left$", said, re.MULTILINE)
    assert re.search(r"^report 100%: in ", said, re.MULTILINE)
