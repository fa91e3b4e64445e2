"""Running the real command line: in this process, or in one of its own where a fresh interpreter is the point."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from inkling.cli.main import main

TRAIN_DIGITS = ("train", "digits", "--network", "perceptron")
STUDY_DIGITS = ("study", "digits", "--networks", "perceptron")
"""The beginning of commands that shall be fast, and need no PyTorch."""


def inkling(
    *words: Any, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `inkling` with these words and return what it printed and its exit status.

    In this process, which saves the second that a fresh interpreter takes to start; in one of its own where
    environment variables are given, which are often read at import, or where jobs start processes themselves.
    """
    if env is not None or "--jobs" in words:
        return inkling_process(*words, env=env, cwd=cwd)
    return run_inkling(*words, cwd=cwd)


def inkling_process(
    *words: Any, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `inkling` with these words in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "inkling", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )


def run_inkling(*words: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `inkling` with these words in this process, and leave the process as it was.

    An exception that the command does not turn into a message of its own becomes a traceback and exit status 1, as
    in a process of its own. Warnings are what they are in the tests: errors.
    """
    arguments = ["inkling", *map(str, words)]
    out, err = _stream(), _stream()
    with _process_restored(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = arguments
        if cwd is not None:
            os.chdir(cwd)
        try:
            main()
            status = 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except Exception:
            traceback.print_exc()
            status = 1
    return subprocess.CompletedProcess(arguments, status, _text(out), _text(err))


@contextlib.contextmanager
def _process_restored() -> Iterator[None]:
    """Restore what a command may change for its whole process."""
    cwd = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with (
        mock.patch.dict(os.environ),
        mock.patch.object(sys, "argv", sys.argv),
        mock.patch.object(sys, "excepthook", sys.excepthook),
        # pytest's own handlers would keep a logged warning from stderr.
        mock.patch.object(logging.getLogger(), "handlers", []),
        warnings.catch_warnings(),
    ):
        try:
            yield
        finally:
            os.chdir(cwd)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    content = stream.buffer
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode().replace("\r\n", "\n")


def last_json(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the one JSON object on stdout."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    return json.loads(done.stdout)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert exit status 2, one line on stderr with these words in it, nothing on stdout, no traceback."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("inkling: ")
    for word in words:
        assert word in done.stderr, done.stderr
