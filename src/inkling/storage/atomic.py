"""Writing a file so that it is either the old one or the new one, whole, whatever happens in between.

A file that only grows, and that several processes may add to, is added to line by line.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from errno import EISDIR, ENOSPC
from pathlib import Path

from filelock import FileLock, Timeout

from inkling.errors import RunError

Buffer = bytes | memoryview

FOLDERS_CAN_BE_SYNCED = os.name != "nt"
"""Windows opens no folder as a file; there the file system's own journal keeps a rename."""


def write_atomically(path: Path, content: str | bytes | Iterable[Buffer]) -> None:
    """Replace a file by new content: temporary file beside it, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path : Path
        Its permissions are those that the process gives to any new file.
    content : str, bytes or iterable of buffers
        Buffers are written one after the other, without a copy of them all.

    Raises
    ------
    RunError
        If the file cannot be written (read-only folder, full disk); the old file is then as it was.
    """
    if isinstance(content, str):
        content = content.encode()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            for buffer in (content,) if isinstance(content, bytes) else content:
                file.write(buffer)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path, n_bytes: int = 1 << 20) -> None:
    """Find out, before the work of minutes, whether a file of some size can be written; the file stays as it is.

    Raises
    ------
    RunError
        If it cannot (read-only folder, full disk), or is a folder.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        with open(temporary, "xb") as file:
            file.write(bytes(n_bytes))
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


LOCK_SECONDS = 10.0
"""To wait at most for another process that adds a line, which takes milliseconds."""


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, which is made where it is missing; it is on disk when this returns.

    Processes that do it at the same time do it one after the other. What a killed process has left of a line is ended
    first, so that it damages no other line.

    Parameters
    ----------
    path : Path
    line : str
        Without its end.

    Raises
    ------
    RunError
        If it cannot be written (read-only folder, full disk).
    """
    beside = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(beside, timeout=LOCK_SECONDS):
            with open(path, "ab+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                whole = size == 0 or file.read(1) == b"\n"
                file.write((line if whole else f"\n{line}").encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(OSError):  # Windows removes no file that is open
                beside.unlink(missing_ok=True)
    except Timeout:
        raise RunError(f"{path}: another process keeps it: try again") from None
    except OSError as error:
        raise cannot_write(path, error) from None


def _sync_folder(folder: Path) -> None:
    if not FOLDERS_CAN_BE_SYNCED:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    RunError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None


def is_temporary(path: Path) -> bool:
    """Whether a file is what a killed `write_atomically` or a lock left: nothing that belongs to anybody."""
    return path.name.startswith(".") and path.is_file()


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error to raise when a path cannot be written."""
    what_to_do = "free some space or choose another folder" if error.errno == ENOSPC else "choose another folder"
    return RunError(f"{path}: cannot be written ({error.strerror}): {what_to_do}")
