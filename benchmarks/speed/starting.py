"""What a process of Inkling costs before it does anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from speed.compared import Compared, Effort, in_turn


def starting(effort: Effort) -> Iterator[Compared]:
    """Time `inkling --help` and `import inkling` beside Python that does nothing."""
    bare, helped, imported = in_turn(
        effort.times() if effort.quick else 20,
        lambda: process("-c", "pass"),
        lambda: process("-m", "inkling", "--help"),
        lambda: process("-c", "import inkling"),
    )
    for what, seconds, most in (("`inkling --help`", helped, 0.20), ("`import inkling`", imported, 0.03)):
        yield Compared(
            what, "`python -c pass`", seconds, bare, f"at most {most:.2f} s more", partial(_within, most),
            lambda mine, theirs: mine - theirs, " s more",
        )  # fmt: skip


def _within(most: float, seconds: float) -> bool:
    return seconds <= most


def process(*words: str) -> float:
    """Return the seconds of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
