"""Writing a file so that it is either the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from inkling.errors import RunError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace a file by new content: temporary file beside it, fsync, rename, fsync of the folder.

    Raises
    ------
    RunError
        If the file cannot be written (read-only folder, full disk); the old file is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file is what a killed `write_atomically` left."""
    return path.name.startswith(".") and path.is_file()


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error to raise when a path cannot be written."""
    return RunError(f"{path}: cannot be written ({error.strerror}): free some space or choose another folder")
