"""The `inkling` command: every mistake and every interruption turned into one line and an exit status.

Nothing that takes time is imported before `main` runs, so that Ctrl-C in the first moments is met by it too.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

from inkling.cli.streams import StoppedError, discard_output, open_closed_streams, writing_output
from inkling.errors import InklingError

FAILED, MENDABLE, INTERRUPTED = 1, 2, 130
"""Exit statuses beside 0: nobody reads the output, a mistake that the user can mend, Ctrl-C or SIGTERM."""


def main() -> None:
    """Run the command line and exit: 0 done, 2 a mistake that the user can mend, 130 interrupted."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    open_closed_streams()
    try:
        status = _run()
        with writing_output():
            pass
    except InklingError as error:
        status = _fail(str(error))
    except StoppedError as interrupt:
        status = _interrupted(str(interrupt))
    except KeyboardInterrupt:
        status = _interrupted()
    except BrokenPipeError:
        discard_output()
        status = FAILED
    sys.exit(status)


def _run() -> int:
    import typer

    from inkling.cli.app import app

    try:
        status = app(prog_name="inkling", standalone_mode=False)
    except typer.Abort:  # which older versions of Typer make of Ctrl-C
        return _interrupted()
    except typer.TyperException as error:
        return _usage_error(error)
    if status == INTERRUPTED:  # which newer ones make of it, without a word
        return _interrupted()
    return status if isinstance(status, int) else 0


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Treat SIGTERM, which schedulers and `kill` send, like Ctrl-C."""
    raise KeyboardInterrupt


def _interrupted(what: str = "") -> int:
    between = "" if what[:1] in ("", ";") else " "
    _say(f"interrupted{between}{what}")
    return INTERRUPTED


def _usage_error(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.format_message() + "\n")
        return 0
    command = error.ctx.command_path if getattr(error, "ctx", None) else "inkling"
    message = error.format_message().rstrip(".")
    return _fail(f"{message}: see '{command} --help'")


def _fail(message: str) -> int:
    _say(" ".join(message.split()))
    return MENDABLE


def _say(text: str) -> None:
    from inkling.images.naming import without_controls

    sys.stderr.write(f"inkling: {without_controls(text)}\n")
