"""Every command that loads runs can be told to trust the code that they keep."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from inkling.cli.app import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_load_runs_take_trust(name: str) -> None:
    source = inspect.getsource(import_module(f"inkling.cli.{name.replace('-', '_')}"))
    if COMMANDS[name].function and "inkling.runs." in source:
        assert COMMANDS[name].loads_runs
