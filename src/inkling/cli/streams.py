"""What can happen to the command line's streams: an output that cannot be written, an interrupt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from inkling.errors import InklingError


class OutputError(InklingError):
    """Standard output cannot be written, for a full disk."""


class StoppedError(Exception):
    """Ctrl-C or SIGTERM, with what is saved and how to go on, in words that follow "interrupted"."""


@contextmanager
def writing_output() -> Iterator[None]:
    """Write to standard output in this context; it is flushed at the end.

    Raises
    ------
    OutputError
        If it cannot be written.
    BrokenPipeError
        If nobody reads it any more.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise OutputError(
            f"standard output cannot be written ({error.strerror}): free some space, or send it to another place"
        ) from None


def open_closed_streams() -> None:
    """Send what goes to a closed standard stream (`>&-`, a service without a console) nowhere.

    Its number would otherwise be given to the next file that is opened, which a print of any library then writes into.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def discard_output() -> None:
    """Keep Python from complaining at exit about output that it cannot write any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
