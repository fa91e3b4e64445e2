"""How work on many images says how far it is: callbacks with (done, total), a few times a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import overload

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are in all (0 where nobody knows)."""

SECONDS = 0.25
"""Between two calls, at least: more would slow a notebook or a remote terminal and tell nobody anything."""


def paced(progress: Progress | None) -> Progress:
    """Return a callback to be called as often as one likes, which passes on a few calls a second.

    The call with `done` equal to `total` is always passed on. Without `progress` nothing is.
    """
    if progress is None:
        return lambda *_: None
    last = time.monotonic()

    def pass_on(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= SECONDS:
            last = now
            progress(done, total)

    return pass_on


@overload
def part_of(progress: Progress, before: int, total: int) -> Progress: ...
@overload
def part_of(progress: None, before: int, total: int) -> None: ...
@overload
def part_of(progress: Progress | None, before: int, total: int) -> Progress | None: ...
def part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return the callback of a part of the work: `before` are done when it begins, and there are `total` in all."""
    return progress and (lambda done, _: progress(before + done, total))
