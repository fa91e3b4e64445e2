"""Interrupts, full disks and short options: what every command shares."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, inkling, inkling_process

COMMANDS = (
    "demo", "train", "evaluate", "study", "compare", "report", "predict", "explain", "labels", "find-lr", "gradcheck",
    "serve", "data list", "data show", "data fetch",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_short_options(command: str) -> None:
    short, long = (inkling(*command.split(), option) for option in ("-h", "--help"))
    assert short.returncode == 0
    assert short.stdout == long.stdout
    assert "-q, --quiet" in short.stdout
    assert "-h, --help" in short.stdout


def test_the_list_of_commands_is_cut_off_nowhere() -> None:
    for words in ((), ("data",)):
        shown = inkling(*words, "--help").stdout
        assert "..." not in shown.partition("Commands:")[2], shown


def test_a_shell_completes_commands() -> None:
    script = inkling("--show-completion", "bash").stdout
    assert "_inkling_completion" in script
    completing = {"_INKLING_COMPLETE": "complete_bash", "COMP_WORDS": "inkling ev", "COMP_CWORD": "1"}
    assert inkling(env=completing).stdout.split() == ["evaluate"]


def test_ctrl_c_in_the_first_moments_is_one_line() -> None:
    code = (
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'inkling.cli.app': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Press())\n"
        "sys.argv = ['inkling', 'data', 'list']\n"
        "from inkling.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "inkling: interrupted\n")


def test_ctrl_c_within_a_command_that_saves_nothing_is_one_line() -> None:
    code = (
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'inkling.images.sources.registry': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Press())\n"
        "sys.argv = ['inkling', 'data', 'show', 'digits']\n"
        "from inkling.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "inkling: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process at SIGTERM without asking it")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_what_is_saved(how: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("train", "digits", "--network", "perceptron", "--epochs", "1000000", "--out", str(out))
    said = interrupted(words, how, lambda: (out / "checkpoint.json").exists())
    saved = json.loads((out / "checkpoint.json").read_text())["epoch"]
    assert f"inkling: interrupted after epoch {saved}: it is saved; epoch {saved + 1} was not finished. Go on" in said
    assert f"inkling {' '.join(words)} --resume" in said


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process alone")
def test_an_interrupt_before_the_first_epoch_ended_says_that_nothing_is_saved(
    tmp_path: Path, write_idx: Callable[..., Path]
) -> None:
    labels = np.arange(100_000) % 10
    write_idx(tmp_path / "data/train-images-idx3-ubyte", np.zeros((len(labels), 4, 4), np.uint8))
    write_idx(tmp_path / "data/train-labels-idx1-ubyte", labels.astype(np.uint8))
    out = tmp_path / "run"
    words = ("train", str(tmp_path / "data"), "--network", "perceptron", "--batch-size", "1", "--out", str(out))
    said = interrupted(words, signal.SIGINT, lambda: (out / "run.json").exists())
    assert "inkling: interrupted before the first epoch ended; nothing is saved yet. Go on with:" in said
    assert not (out / "history.jsonl").exists()


def interrupted(words: tuple[str, ...], how: signal.Signals, when: Callable[[], bool]) -> str:
    """Start a command, stop it when something has happened, and return what it said on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not when():
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(how)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert printed == ""
    assert "Traceback" not in said
    return said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", ["data list", "data list --json", "--version"])
def test_a_full_standard_output_is_one_line(words: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "inkling", *words.split()], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("inkling: standard output cannot be written (No space left on device)")


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows break in another way")
def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as broken:
        done = subprocess.run(
            [sys.executable, "-m", "inkling", "data", "list"], stdout=broken, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell to close a stream")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_traceback_and_takes_nothing_from_the_run(tmp_path: Path, closed: str) -> None:
    words = [sys.executable, "-m", "inkling", *TRAIN_DIGITS, "--epochs", "1", "--out", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run(f"{shlex.join(words)} {closed}", shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "accuracy" in inkling("evaluate", tmp_path / "run").stdout


def test_python_m_inkling_is_the_command() -> None:
    assert inkling_process("--version").stdout == inkling("--version").stdout
