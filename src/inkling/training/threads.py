"""One BLAS thread while a network trains, so that its results do not depend on the number of cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_users = 0
_limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Use one thread for products of matrices until the block ends, then as many as before.

    A second thread gains 7% on the matrices of a perceptron on MNIST, and rounding would follow the number of threads.
    The limit holds for the whole process. Blocks may be nested, and entered from several threads at a time: the first
    sets the limit, and the last to end takes it back. A generator must not `yield` inside: its caller would then
    compute with one thread, for ever if it leaves the generator there.
    """
    global _users, _limit
    with _lock:
        if _users == 0:
            libraries = _blas_libraries(len(sys.modules))
            _take_control(libraries)
            _limit = libraries.limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _take_control(_blas_libraries(len(sys.modules)))
                _limit.__exit__(None, None, None)


@lru_cache(maxsize=1)
def _blas_libraries(modules_loaded: int) -> ThreadpoolController:  # noqa: ARG001, the key of the cache
    """Return the BLAS libraries of the process: 1 to 4 ms to find out, so asked again only after an import."""
    return ThreadpoolController()


def _take_control(libraries: ThreadpoolController) -> None:
    """Let this thread set limits: threadpoolctl 3.7 and later hear only the thread that set one first, in silence."""
    for library in libraries.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
