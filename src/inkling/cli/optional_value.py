"""Options whose value may be left out, which a command line cannot tell from the word that follows without help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

INVERT = "--invert"
INVERSIONS = ("auto", "yes", "no")


class InvertCommand(TyperCommand):
    """A command with `--invert auto|yes|no`, where `--invert` alone means yes: the word behind it is a picture then."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Complete the option, and parse."""
        return super().parse_args(ctx, with_value(args, INVERT, INVERSIONS, "yes"))


def with_value(words: Sequence[str], option: str, values: Sequence[str], alone: str) -> list[str]:
    """Return words in which an option always has a value: `alone` where none of its values follows."""
    completed = list(words)
    end = completed.index("--") if "--" in completed else len(completed)
    for place in range(end):
        following = completed[place + 1] if place + 1 < end else ""
        if completed[place] == option and following not in values:
            completed[place] = f"{option}={alone}"
    return completed
