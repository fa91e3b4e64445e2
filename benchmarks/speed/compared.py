"""Two things timed in turn, and their ratio."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is timed."""

    quick: bool  # the bundled digits, one round: to see that it runs
    rounds: int

    def times(self, most: int | None = None) -> int:
        """Return the number of rounds, of so many at most."""
        return 1 if self.quick else min(self.rounds, most or self.rounds)


@dataclass(frozen=True)
class Compared:
    """One row of the results."""

    what: str
    against: str
    seconds: tuple[float, ...]  # of `what`, a round each
    others: tuple[float, ...]  # of `against`
    goal: str  # in words: "at most 1.6"
    reached: Callable[[float], bool]  # of the median of the figures
    figure_of: Callable[[float, float], float] = lambda ours, theirs: theirs / ours
    unit: str = "x as fast"

    @property
    def figures(self) -> list[float]:
        """The figure that is aimed at, of each round."""
        return [self.figure_of(ours, theirs) for ours, theirs in zip(self.seconds, self.others, strict=True)]

    def row(self) -> str:
        """Return the row of a Markdown table."""
        figures = self.figures
        middle = statistics.median(figures)
        spread = f" [{min(figures):.2f}, {max(figures):.2f}]" if len(figures) > 1 else ""
        cells = (
            self.what,
            timed(self.seconds),
            self.against,
            timed(self.others),
            f"{middle:.2f}{self.unit}{spread}",
            self.goal,
            "yes" if self.reached(middle) else "no",
            str(len(figures)),
        )
        return f"| {' | '.join(cells)} |"


def timed(seconds: Sequence[float]) -> str:
    """Return the median of some times, in s or ms."""
    middle = statistics.median(seconds)
    return f"{middle:.2f} s" if middle >= 1 else f"{1000 * middle:.3g} ms"


def in_turn(rounds: int, *works: Callable[[], float]) -> list[tuple[float, ...]]:
    """Return the seconds that each of some works says it took, round by round; the first of a round changes."""
    taken: list[list[float]] = [[] for _ in works]
    for round_ in range(rounds):
        for place in range(len(works)):
            which = (place + round_) % len(works)
            taken[which].append(works[which]())
    return [tuple(each) for each in taken]
