"""`inkling next`: which pictures of an unlabelled folder to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table


def next_pictures(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    folder: Annotated[Path, typer.Argument(help="Folder of pictures without labels.", metavar="FOLDER")],
    count: Annotated[int, typer.Option("--count", min=1, help="Pictures to label next.")] = 50,
    invert: choices.Invert = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Say which pictures to label next.

    Those the run can least decide about, and not all of one kind.

    Label them, train again, and ask again.
    """
    from inkling.diagnosis.pictures_to_label import pictures_to_label
    from inkling.metrics.rounding import rounded
    from inkling.runs.run import Run

    output = Output(quiet, json)
    with output.watch("reading pictures") as progress:
        chosen = pictures_to_label(Run(run), folder, count, invert, device, progress)
    rows = table("file", "predicted as", "probability", "next", "margin")
    for picture in chosen:
        shown = [rounded(value, 4, (0.0, 1.0)) for value in (picture.probability, picture.margin)]
        rows.add_row(str(picture.file), picture.label, shown[0], picture.other, shown[1])
    output.result([picture.to_dict() for picture in chosen], rows)
