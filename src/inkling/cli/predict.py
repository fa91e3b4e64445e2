"""`inkling predict`: what a run, or several as an ensemble, makes of picture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folder, or several to average, then picture files.", metavar="RUN... IMAGE..."),
    ],
    invert: choices.Invert = False,
    tta: choices.Tta = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Use the temperature that was fitted on validation images.")
    ] = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Classify picture files: label and probability of each.

    Pictures are fitted to the size that the network takes. Several runs are averaged as an ensemble.
    """
    import numpy as np

    from inkling.errors import DataError, RunError
    from inkling.images.pictures import read_picture
    from inkling.metrics.temperature import at_temperature
    from inkling.runs.ensemble import classifier_of, temperature_of
    from inkling.runs.run import Run

    output = Output(quiet, json)
    runs = [Run(paths[0]), *(Run(path) for path in paths[1:] if path.is_dir())]
    files = [path for path in paths[1:] if not path.is_dir()]
    if not files:
        raise DataError("expected one picture or more after the run, found none: inkling predict RUN IMAGE…")
    if tta and calibrated:
        raise RunError("--calibrated: its temperature is fitted to answers without --tta: choose one of the two")
    classifier, names = classifier_of(runs, device, tta), runs[0].data.class_names
    temperature = temperature_of(runs) if calibrated else 1.0
    pictures = [read_picture(path, classifier.image_shape, invert) for path in files]
    probabilities = at_temperature(classifier.predict_proba(np.stack(pictures)), temperature)
    rows = table("file", "label", "probability", "else")
    values = []
    for path, row in zip(files, probabilities, strict=True):
        first, second = np.argsort(-row, kind="stable")[:2]
        rows.add_row(str(path), names[first], f"{row[first]:.4f}", f"{names[second]} {row[second]:.4f}")
        values.append({**prediction_values(path, row, names), "temperature": temperature})
    output.result(values, rows)


def prediction_values(path: Path, probabilities: NDArray[np.float32], names: tuple[str, ...]) -> dict[str, Any]:
    """Return what is said of one picture file in JSON; probabilities is float32 (K,)."""
    first = int(probabilities.argmax())
    return {
        "file": str(path),
        "label": names[first],
        "probability": float(probabilities[first]),
        "probabilities": {name: float(p) for name, p in zip(names, probabilities, strict=True)},
    }
