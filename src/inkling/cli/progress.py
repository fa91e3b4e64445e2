"""Progress on stderr: a live line on terminals, plain lines at times elsewhere, both with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from inkling.images.naming import without_controls

FIRST_PACE = (0.02, 10.0)
"""A pace is taken from this fraction of the task or these seconds on: the first steps, which load and warm up, are
slower than the rest by orders of magnitude."""
PLAIN_SECONDS = 2.0
"""Where stderr is no terminal, a line is printed at most this often, and none for what takes less."""


class Meter:
    """Progress of one task.

    Parameters
    ----------
    total : float
        Steps of the task; 0 where it is not known yet.
    what : str
        What is being done: "training", "drawing figures".
    """

    def __init__(self, total: float, what: str) -> None:
        self.total, self.what, self.done, self.detail = total, without_controls(what), 0.0, ""
        self.began = self._latest = time.monotonic()
        self._start = (self.began, 0.0)  # seconds and steps from which the pace is taken

    def start_at(self, done: float) -> None:
        """Say that `done` steps were done before, and so say nothing about the pace."""
        self._start = (time.monotonic(), done)

    def update(self, done: float, detail: str = "", total: float | None = None) -> None:
        """Say that `done` steps of `total` (by default those given before) are done, and a word about the last."""
        self.done, self.detail, self._latest = done, without_controls(detail), time.monotonic()
        if total is not None:
            self.total = total

    @property
    def percent(self) -> int:
        """Whole percents done: 100 only where nothing is left."""
        return int(100 * min(1.0, self.done / self.total)) if self.total > 0 else 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return 0 < self.total <= self.done

    def seconds_left(self) -> float | None:
        """Return the seconds left at the pace so far; None before there is a pace."""
        began, done_before = self._start
        steps, elapsed = self.done - done_before, self._latest - began
        if steps <= 0 or elapsed <= 0 or self.total <= 0:
            return None
        fraction, wait = FIRST_PACE
        if steps < fraction * self.total and elapsed < wait:
            return None
        pace = steps / elapsed
        return max(0.0, (self.total - self.done) / pace - (time.monotonic() - self._latest))

    def time_left(self) -> str:
        """Return the time left in words, or an empty text where nobody can know."""
        seconds = self.seconds_left()
        return "" if seconds is None or self.ended else f"{duration(seconds)} left"


class Watcher(Protocol):
    """What a library function is given to report its progress to."""

    def __call__(self, done: int, total: int, /) -> None:
        """Say that `done` of `total` steps are done."""
        ...


def duration(seconds: float) -> str:
    """Return a duration in words: "8 s", "3 min", "2 h 5 min"."""
    rounded = round(seconds)
    if rounded < 90:
        return f"{rounded} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class ProgressScreen:
    """All meters of a command on one stream.

    Parameters
    ----------
    console : rich.console.Console
        Of stderr. Quiet: nothing is shown.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Progress | None = None

    @contextmanager
    def meter(self, total: float, what: str) -> Iterator[Meter]:
        """Show a task for as long as the context lasts. A meter in a meter stands below it."""
        if self.console.quiet:
            yield Meter(total, what)
        elif self.console.is_terminal:
            with self._bars() as bars:
                live = _LiveMeter(bars, total, what)
                try:
                    yield live
                finally:
                    live.remove()
        else:
            yield _PlainMeter(self.console, total, what)

    @contextmanager
    def watch(self, what: str) -> Iterator[Watcher]:
        """Show a task whose steps the library counts; nothing is shown until it does."""
        with self.meter(0, what) as meter:
            yield lambda done, total: meter.update(done, total=total)

    @contextmanager
    def steps(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a task that the library tells step by step: (what is being done now, steps done, steps in all).

        Where the number of steps changes, another task begins, which is named by its first step.
        """
        with ExitStack() as stack:
            meter, in_all = stack.enter_context(self.meter(0, what)), 0

            def show(step: str, done: int, total: int) -> None:
                nonlocal meter, in_all
                if in_all not in (0, total):
                    stack.close()
                    meter = stack.enter_context(self.meter(0, step))
                in_all = total
                # The step under way is not done: the end is one further, and comes with the end of the context.
                meter.update(done, "" if step == meter.what else step, total + 1)

            yield show
            meter.update(in_all + 1)

    @contextmanager
    def _bars(self) -> Iterator[Progress]:
        if self._live is not None:
            yield self._live
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[percent]:>4}", markup=False),
            TextColumn("{task.fields[detail]}", markup=False),
            _TimeLeft(),
        )
        # A few updates a second: more would slow a notebook or a remote terminal and tell nobody anything.
        with Progress(*columns, console=self.console, refresh_per_second=4, transient=True) as bars:
            self._live = bars
            try:
                yield bars
            finally:
                self._live = None


class _TimeLeft(ProgressColumn):
    def render(self, task: Task) -> Text:
        time_left: Callable[[], str] = task.fields["time_left"]
        return Text(time_left(), style="progress.remaining")


class _LiveMeter(Meter):
    def __init__(self, bars: Progress, total: float, what: str) -> None:
        super().__init__(total, what)
        self.bars = bars
        self.task = bars.add_task(self.what, total=total or None, detail="", percent="", time_left=self.time_left)

    def update(self, done: float, detail: str = "", total: float | None = None) -> None:
        super().update(done, detail, total)
        self.bars.update(
            self.task, completed=done, total=self.total or None, detail=self.detail, percent=f"{self.percent}%"
        )

    def remove(self) -> None:
        self.bars.remove_task(self.task)


class _PlainMeter(Meter):
    def __init__(self, console: Console, total: float, what: str) -> None:
        super().__init__(total, what)
        self.console, self.printed_at, self.printed_end = console, self.began, False

    def update(self, done: float, detail: str = "", total: float | None = None) -> None:
        super().update(done, detail, total)
        now = time.monotonic()
        long_enough = now - self.began >= PLAIN_SECONDS
        due = now - self.printed_at >= PLAIN_SECONDS or self.ended
        if long_enough and due and not self.printed_end:
            self.printed_at, self.printed_end = now, self.ended
            timing = f"in {duration(now - self.began)}" if self.ended else self.time_left()
            words = ", ".join(word for word in (self.detail, timing) if word)
            self.console.print(f"{self.what} {self.percent}%" + (f": {words}" if words else ""), markup=False)
