"""The report of a study of two networks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from speed.compared import Compared, Effort


def reporting(effort: Effort) -> Iterator[Compared]:
    """Time `inkling report`, as a process, of a study of two networks, two training sizes and three seeds."""
    source, sizes = ("digits", "100,300") if effort.quick else ("mnist", "2000,50000")
    with TemporaryDirectory() as folder:
        study = str(Path(folder, "study"))
        words = ["study", source, "--networks", "perceptron,reference-cnn", "--train-sizes", sizes]
        seeds = "0" if effort.quick else "0,1,2"
        _run(*words, "--seeds", seeds, "--epochs", "1", "--out", study, "--quiet")
        seconds = tuple(_run("report", study, "--quiet") for _ in range(effort.times(3)))
    what = f"`inkling report` of a study of {source}: two networks, two training sizes, seeds {seeds}"
    yield Compared(
        what, "nothing", seconds, seconds, "at most 12 s", lambda x: x <= 12, lambda mine, _: mine, " s",
    )  # fmt: skip


def _run(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "inkling", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
