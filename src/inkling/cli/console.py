"""What the commands print, and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, all else on stderr.")]

PLAIN_SECONDS = 1.0
"""Where stderr is no terminal, a line of progress is printed at most this often."""


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
        self.messages = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.results = Console(highlight=False, soft_wrap=True)
        if not self.results.is_terminal:
            self.results.width = PIPE_WIDTH

    def note(self, text: str) -> None:
        """Say something on the way."""
        self.messages.print(text, markup=False)

    def result(self, values: Any, *lines: str | Table) -> None:
        """Print the result: `values` with --json, `lines` without (the first only with --quiet)."""
        if self.as_json:
            sys.stdout.write(json.dumps(values, allow_nan=False) + "\n")
            return
        for line in lines[:1] if self.quiet else lines:
            if isinstance(line, Table):
                self.results.print(line)
            else:
                self.results.print(line, markup=False)

    @contextmanager
    def progress(self, total: int, what: str) -> Iterator[Meter]:
        """Show one live line on a terminal, plain lines elsewhere, nothing when quiet."""
        if self.quiet or not self.messages.is_terminal:
            yield _PlainMeter(self, total, what)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeRemainingColumn(compact=True),
        )
        # A few updates a second: more would slow a notebook or a remote terminal and tell nobody anything.
        with Progress(*columns, console=self.messages, refresh_per_second=4, transient=True) as bar:
            yield _LiveMeter(bar, bar.add_task(what, total=total, detail=""))


class Meter(Protocol):
    """Progress of a task: how many of its steps are done, and a word about the last one."""

    def update(self, done: float, detail: str) -> None:
        """Say that `done` steps are done."""
        ...


class _LiveMeter:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self.bar, self.task = bar, task

    def update(self, done: float, detail: str) -> None:
        self.bar.update(self.task, completed=done, detail=detail)


class _PlainMeter:
    def __init__(self, output: Output, total: int, what: str) -> None:
        self.output, self.total, self.what = output, total, what
        self.printed_at = -PLAIN_SECONDS

    def update(self, done: float, detail: str) -> None:
        now = time.monotonic()
        if now - self.printed_at >= PLAIN_SECONDS or done >= self.total:
            self.output.note(f"{self.what} {int(done)}/{self.total} {detail}")
            self.printed_at = now


class _PlainTable(Table):
    """A table whose cells are shown as they are: brackets in names from users are no markup."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(Text(str(cell)) for cell in cells), **options)


def table(*headings: str) -> Table:
    """Return a quiet table: numbers to the right, but for the first column."""
    made = _PlainTable(box=None, pad_edge=False, header_style="bold")
    for position, heading in enumerate(headings):
        made.add_column(heading, justify="left" if position == 0 else "right")
    return made
