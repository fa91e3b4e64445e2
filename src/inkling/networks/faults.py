"""Where in a person's own code something went wrong."""

from __future__ import annotations

import sys
import traceback


def fault(error: BaseException, file: str) -> str:
    """Return the line of a file in which an exception was raised, or that called what raised it, and the exception.

    Returns
    -------
    str
        "my_net.py, line 12: ValueError: shapes (2,3) and (4,5) not aligned"
    """
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{file}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"{file}, line {lines[-1]}" if lines else file
    reason = (str(error).splitlines() or [""])[0]
    return f"{where}: {type(error).__name__}{': ' * bool(reason)}{reason}"


def file_of(kind: type) -> str:
    """Return the file that a class was made in, or its name where there is none."""
    return str(getattr(sys.modules.get(kind.__module__), "__file__", None) or kind.__qualname__)
