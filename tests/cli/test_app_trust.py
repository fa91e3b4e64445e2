"""Every command that loads runs can be told to trust the code that they keep."""

from __future__ import annotations

import inspect
import sys

from inkling.cli.app import COMMANDS, LOADING


def test_commands_that_load_runs_take_trust() -> None:
    for command in COMMANDS:
        source = inspect.getsource(sys.modules[command.__module__])
        if "inkling.runs." in source:
            assert command in LOADING, command.__module__
