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
    sets: Annotated[
        float | None,
        typer.Option(
            help="Also the set of classes that holds the true one with this probability, as 0.95.", metavar="LEVEL"
        ),
    ] = None,
    unlike: Annotated[
        bool, typer.Option("--unlike", help="Also which pictures are unlike the images of the run, which are loaded.")
    ] = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Classify picture files: label and probability of each.

    Pictures are fitted to the size that the network takes. Several runs are averaged as an ensemble.
    """
    import numpy as np

    from inkling.cli.looks import looked_at_test
    from inkling.diagnosis.run_sets import run_sets
    from inkling.diagnosis.run_shift import unlike_pictures
    from inkling.diagnosis.shift import LEVEL
    from inkling.metrics.rounding import rounded
    from inkling.runs.pictures import calibrated_temperature, predict_pictures
    from inkling.runs.run import Run

    output = Output(quiet, json)
    for path in paths[1:]:
        _refuse_pictures(path)
    runs = [Run(paths[0]), *(Run(path) for path in paths[1:] if path.is_dir())]
    files = [path for path in paths[1:] if not path.is_dir()]
    temperature = calibrated_temperature(runs, tta) if calibrated else 1.0
    threshold = None if sets is None else run_sets(runs, sets, temperature, tta)
    with output.watch("reading pictures") as progress:
        predictions = predict_pictures(runs, files, invert, tta, temperature, device, progress)
    if threshold is not None:
        looked_at_test(output, "predict --sets", runs)
    p_values = unlike_pictures(runs, files, invert, tta, device) if unlike else None
    headers = ["file", "label", "probability", "next"]
    headers += [] if threshold is None else [f"set at {threshold.level:g}"]
    headers += [] if p_values is None else ["like the run's images"]
    rows = table(*headers)
    results = []
    for place, prediction in enumerate(predictions):
        (label, first), (other, second) = prediction.ranked[:2]
        cells = [
            str(prediction.file),
            label,
            rounded(first, 4, (0.0, 1.0)),
            f"{other} {rounded(second, 4, (0.0, 1.0))}",
        ]
        result = {**prediction.to_dict(), "temperature": temperature}
        if threshold is not None:
            inside = threshold.sets(prediction.probabilities[np.newaxis])[0]
            members = [name for name, held in zip(prediction.class_names, inside, strict=True) if held]
            cells.append(", ".join(members))
            result |= {"set": members, "set_level": threshold.level, "set_calibration_images": threshold.n}
        if p_values is not None:
            p_value = float(p_values[place])
            cells.append(f"{'unlike' if p_value <= LEVEL else 'like'} (p = {p_value:.3g})")
            result |= {"unlike": p_value <= LEVEL, "familiarity_p_value": p_value}
        rows.add_row(*cells)
        results.append(result)
    notes = []
    if threshold is not None:
        notes.append(
            f"Sets hold the true class of {100 * threshold.level:.4g}% or more of pictures like the test images, on "
            f"average and all classes together; calibrated on {threshold.n:,} test images, which chose nothing."
        )
    if p_values is not None:
        notes.append(f"Unlike: farther from training images than all but {LEVEL:.0%} of validation images.")
    output.result(results, rows, *notes)


def _refuse_pictures(path: Path) -> None:
    """Raise RunError for a folder of pictures, which are asked for one by one."""
    from inkling.errors import RunError
    from inkling.images.sources.folder import ClassFolders, loose_pictures

    if not path.is_dir() or (path / "run.json").exists():
        return
    loose = loose_pictures(path)
    if loose or ClassFolders().matches(str(path)):
        raise RunError(
            f"{path}: expected run folders and picture files, found a folder of pictures: give the files, as "
            f"{path}/{'*' if loose else '*/*'}"
        )
