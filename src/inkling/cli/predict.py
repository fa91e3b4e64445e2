"""`inkling predict`: what a run, or several as an ensemble, predicts for picture files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folder, or several to average, then picture files.", metavar="RUN... IMAGE..."),
    ],
    invert: choices.Invert = False,
    tta: choices.Tta = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Divide the logits by the temperature fitted on validation images, 1 where they show no need.",
        ),
    ] = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Classify picture files: label and probability of each.

    Pictures are fitted to the size that the network takes. Several runs are averaged as an ensemble.
    """
    from inkling.metrics.rounding import rounded
    from inkling.runs.pictures import calibrated_temperature, predict_pictures
    from inkling.runs.run import Run

    output = Output(quiet, json)
    runs = [Run(paths[0]), *(Run(path) for path in paths[1:] if path.is_dir())]
    files = [path for path in paths[1:] if not path.is_dir()]
    temperature = calibrated_temperature(runs, tta) if calibrated else 1.0
    with output.watch("reading pictures") as progress:
        predictions = predict_pictures(runs, files, invert, tta, temperature, device, progress)
    rows = table("file", "label", "probability", "next")
    for prediction in predictions:
        (label, first), (other, second) = prediction.ranked[:2]
        rows.add_row(
            str(prediction.file), label, rounded(first, 4, (0.0, 1.0)), f"{other} {rounded(second, 4, (0.0, 1.0))}"
        )
    output.result([{**prediction.to_dict(), "temperature": temperature} for prediction in predictions], rows)
