"""Help texts: what they show can be typed."""

from __future__ import annotations

import shlex

import pytest
import typer.main

from command_line import inkling
from inkling.cli.app import COMMANDS, app

EXAMPLES = [example for entry in COMMANDS.values() for example in entry.examples]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_understood(example: str) -> None:
    program, name, *words = shlex.split(example)
    assert program == "inkling"
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    context = command.make_context(name, words)  # an option that is not known raises
    assert not context.args


def test_examples_stand_in_the_help_each_on_its_line() -> None:
    shown = inkling("train", "--help").stdout
    for example in ("inkling train digits", "inkling train mnist --network cnn --recipe strong --out runs/cnn"):
        assert f"  {example}\n" in shown
