"""What the commands print, and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inkling.cli.progress import Meter, ProgressScreen, Watcher
from inkling.cli.streams import writing_output
from inkling.images.naming import shown, without_controls

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, all else on stderr.")]

PIPE_WIDTH = 200
"""Columns of a table where stdout is no terminal: nothing is cut off there."""


class Output:
    """Printing for one command.

    Parameters
    ----------
    quiet : bool
        Nothing but the result.
    as_json : bool
        The result is one JSON object.
    """

    def __init__(self, quiet: bool, as_json: bool) -> None:
        self.quiet, self.as_json = quiet, as_json
        # No emoji: a class may be called :cat:.
        self.messages = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True, emoji=False)
        self.results = Console(highlight=False, soft_wrap=True, emoji=False)
        if not self.results.is_terminal:
            self.results.width = PIPE_WIDTH
        self._screen = ProgressScreen(self.messages)

    def note(self, *texts: str) -> None:
        """Say something on the way."""
        for text in texts:
            self.messages.print(without_controls(text), markup=False)

    def result(self, values: Any, *lines: str | Table) -> None:
        """Print the result: `values` with --json, `lines` without (the first only with --quiet)."""
        with writing_output():
            if self.as_json:
                sys.stdout.write(json.dumps(values, allow_nan=False) + "\n")
                return
            for line in lines[:1] if self.quiet else lines:
                if isinstance(line, Table):
                    self.results.print(line)
                else:
                    self.results.print(without_controls(line), markup=False)

    def stream(self, what: str, parts: Callable[[Watcher], Iterable[str]]) -> None:
        """Print a long result as it is made; progress is shown until then, or beside it where it goes elsewhere.

        Parameters
        ----------
        what : str
            What is being done.
        parts : callable
            Given what counts progress, yields the texts. It is printed in UTF-8, whatever the terminal's encoding is.
        """
        stdout, screen = sys.stdout, ExitStack()  # before a bar is shown, which takes what is printed for itself
        watcher: Watcher | None = screen.enter_context(self.watch(what))

        def watch(done: int, total: int, /) -> None:
            if watcher is not None:
                watcher(done, total)

        with screen:
            for part in parts(watch):
                if stdout.isatty():  # the bar would stand between the rows
                    watcher = None
                    screen.close()
                with writing_output():
                    stdout.buffer.write(part.encode())
                    stdout.flush()

    def progress(self, total: float, what: str) -> AbstractContextManager[Meter]:
        """Show how far a task is, which the command counts."""
        return self._screen.meter(total, what)

    def watch(self, what: str) -> AbstractContextManager[Watcher]:
        """Show how far a task is, which a function of the library counts by calling (done, total)."""
        return self._screen.watch(what)

    def steps(self, what: str) -> AbstractContextManager[Callable[[str, int, int], None]]:
        """Show how far a task is, which a function of the library counts by calling (step, done, total)."""
        return self._screen.steps(what)


class _PlainTable(Table):
    """A table whose cells are shown as they are, each in one line: what names from users hold is no markup."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(Text(shown(str(cell))) for cell in cells), **options)


def table(*headings: str) -> Table:
    """Return a quiet table: numbers to the right, but for the first column."""
    plain = _PlainTable(box=None, pad_edge=False, header_style="bold")
    for position, heading in enumerate(headings):
        plain.add_column(Text(shown(heading)), justify="left" if position == 0 else "right")
    return plain
