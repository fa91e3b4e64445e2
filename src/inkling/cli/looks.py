"""The ledger of the test images, as commands write it and put it into their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inkling.cli.console import Output

if TYPE_CHECKING:
    from inkling.runs.run import Run
    from inkling.studies.ledger import UseOfTestSet


def looked_at_test(output: Output, command: str, runs: Sequence[Run], folder: Path | None = None) -> UseOfTestSet:
    """Write down that a command looked at test predictions, say so where it cannot be, and return all looks so far.

    Parameters
    ----------
    output : Output
    command : str
        Its name.
    runs : sequence of Run
        One or more, on the same test images.
    folder : Path, optional
        Of the study or run that they all are of; without it, each run's own gets the line.
    """
    from inkling.runs.ledger import record_look
    from inkling.studies.ledger import use_of_test_set

    reason = record_look(command, runs, folder)
    if reason:
        output.note(reason)
    return use_of_test_set(folder or runs[0].folder, runs)
