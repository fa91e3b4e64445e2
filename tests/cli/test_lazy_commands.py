"""What the list of commands says without importing them is what they say themselves."""

from __future__ import annotations

import pytest

from inkling.cli.app import COMMANDS
from inkling.cli.lazy_commands import LazyCommands, load, summary


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_first_line_of_the_help(name: str) -> None:
    command = load(name, COMMANDS[name])
    assert command.name == name
    assert command.help.partition("\n")[0] == summary(name, COMMANDS[name])


def test_names_are_listed_without_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.cli.lazy_commands.import_module", lambda name: pytest.fail(f"{name} was imported"))
    commands = LazyCommands(COMMANDS)
    assert list(commands) == list(COMMANDS)
    assert len(commands) == len(COMMANDS)
    assert "no such command" not in COMMANDS


def test_an_unknown_name_is_none() -> None:
    assert LazyCommands(COMMANDS).get("trian") is None
