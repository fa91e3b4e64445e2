"""`inkling card`: a model card of a run, from its own evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet


def card(
    runs: Annotated[list[Path], typer.Argument(help="Run folder, or several that are averaged.", metavar="RUN...")],
    out: Annotated[Path | None, typer.Option(help="File to write.  [default: card.md in the first run]")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Say that probabilities are at the temperature that was fitted.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a model card from the run's own evidence.

    Data, accuracy with intervals, limits and hashes, with the head that Hugging Face reads.

    What only a person can know, such as the intended use, is left to fill in.
    """
    from inkling.cli.looks import looked_at_test
    from inkling.integrations.export.card import model_card
    from inkling.runs.run import Run
    from inkling.storage.atomic import check_writable, write_atomically

    output = Output(quiet, json)
    opened = [Run(folder) for folder in runs]
    path = out or opened[0].folder / "card.md"
    check_writable(path)
    write_atomically(path, model_card(opened, calibrated))
    use = looked_at_test(output, "card", opened)
    output.result(
        {"card": str(path), "runs": [str(run.folder) for run in opened], "test_ledger": use.to_dict()},
        str(path),
        "To be filled in by you: intended use, the origin of the images, harms, licence, authors.",
    )
