"""One process at a time in a run or study folder: two would destroy each other's history."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from inkling.errors import RunError
from inkling.storage.atomic import cannot_write, write_atomically

LOCK = ".lock"
"""Locked while a process works in the folder, and removed at the end where the system allows it. A file that stays
locks nothing: the operating system lets go of the lock with the process."""

HOLDER = ".lock.json"
"""Who has the lock. A file of its own, since Windows lets nobody read a locked one."""


class _Holder(msgspec.Struct):
    what: str
    pid: int
    host: str
    command: str
    since: str  # ISO 8601


@contextmanager
def folder_lock(folder: Path, what: str) -> Iterator[None]:
    """Keep every other process out of a folder, which is made where it is missing.

    Parameters
    ----------
    folder : Path
    what : str
        What works in it, such as "a training run", for those who are kept out.

    Raises
    ------
    RunError
        If another process, or another call in this one, has the folder; or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not thread-local: a generator that holds the lock may be closed by another thread.
        lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        raise RunError(f"{folder}: is in use by {_holder(folder)}: wait for its end, or choose another --out") from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        holder = _Holder(
            what, os.getpid(), platform.node(), _command(), datetime.now(UTC).isoformat(timespec="seconds")
        )
        write_atomically(folder / HOLDER, json.dumps(msgspec.to_builtins(holder)) + "\n")
        yield
    finally:
        with suppress(OSError):  # somebody may be reading it
            (folder / HOLDER).unlink(missing_ok=True)
        with suppress(OSError):  # Windows removes no file that is open, so there it stays
            # Before it is free: who has just opened this very file then sees that it is gone, and makes a new one.
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        holder = msgspec.json.decode((folder / HOLDER).read_bytes(), type=_Holder)
    except (OSError, msgspec.MsgspecError):
        return "another process"
    return f"{holder.what} (process {holder.pid} on {holder.host}, since {holder.since}: {holder.command})"


def _command() -> str:
    program, *words = sys.argv or [""]
    path = Path(program)
    return shlex.join([path.parent.name if path.name == "__main__.py" else path.name, *words])
