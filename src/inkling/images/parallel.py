"""The same work on many items, on all cores, results in order; memory is needed for the few that are under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Blocks that wait, for each thread: none is idle while results are written."""


def in_threads(
    work: Callable[[Sequence[Item]], Result], items: Sequence[Item], block: int
) -> Iterator[tuple[int, Result]]:
    """Yield (items done, result of the next block) for consecutive blocks of items, in their order.

    Threads, because Pillow lets go of the interpreter's lock while it decodes; processes would have to be started, on
    some systems only by scripts that are written for it, and send every image back.

    Parameters
    ----------
    work : callable
        Called with blocks, from several threads at a time.
    items : sequence
    block : int
        Items in a block: many enough that handing them over costs nothing to speak of.
    """
    threads = cores()
    running: deque[tuple[int, Future[Result]]] = deque()
    executor = ThreadPoolExecutor(threads)
    try:
        for start in range(0, len(items), block):
            part = items[start : start + block]
            running.append((start + len(part), executor.submit(work, part)))
            if len(running) > _AHEAD * threads:
                done, future = running.popleft()
                yield done, future.result()
        while running:
            done, future = running.popleft()
            yield done, future.result()
    finally:
        executor.shutdown(cancel_futures=True)


def cores() -> int:
    """Return the cores that this process may use, or where the system does not say, those there are."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
