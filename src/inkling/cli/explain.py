"""`inkling explain`: which pixels of a picture are evidence for the class that a run predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.diagnosis.picture_explanation import PictureExplanation

UNITS_SHOWN = 5
"""Hidden units in the table."""


def explain(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    image: Annotated[Path, typer.Argument(help="Picture file.", metavar="IMAGE")],
    out: Annotated[
        Path | None, typer.Option(help="File for the figure.  [default: IMAGE-explained.png in this folder]")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Class to explain.  [default: the predicted one]")
    ] = None,
    method: Annotated[
        str, typer.Option(help="Attribution method: integrated-gradients, input-x-gradient or saliency.")
    ] = "integrated-gradients",
    invert: choices.Invert = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show which pixels are evidence for and against a class.

    The attribution map is evaluated by a deletion test.

    For a perceptron, the hidden units with the largest contributions are drawn too.
    """
    from inkling.diagnosis.attribution.maps import check_method
    from inkling.diagnosis.picture_explanation import explain_picture
    from inkling.errors import SettingsError
    from inkling.metrics.rounding import rounded
    from inkling.runs.run import Run

    output = Output(quiet, json)
    check_method(method)
    figure = choices.figure_file(out or Path(f"{image.stem}-explained.png"))
    if figure.exists() and image.exists() and figure.samefile(image):
        raise SettingsError([f"the figure would replace the picture itself, {image}: choose another --out"])
    with output.progress(2, "explaining") as meter:
        explanation = explain_picture(Run(run), image, class_name, method, invert, device)
        meter.update(1, "drawing")
        lead = _lead(explanation)
        _save(explanation, figure, lead)
        meter.update(2, "")
    values = {**explanation.to_dict(), "figure": str(figure)}
    units: list[str | Table] = []
    if explanation.hidden_units:
        units = [f"{lead}:", _units(values["hidden_units"][:UNITS_SHOWN])]
    (label, first), (other, second) = explanation.prediction.ranked[:2]
    output.result(
        values,
        f"{label}, probability {rounded(first, 4, (0.0, 1.0))} (next: {other}, {rounded(second, 4, (0.0, 1.0))})",
        explanation.deletion.verdict,
        *units,
        f"The figure is {figure}",
    )


def _units(units: list[dict[str, Any]]) -> Table:
    rows = table("hidden unit", "adds to the lead", "evidence for", "against")
    for unit in units:
        rows.add_row(unit["unit"], f"{unit['contribution']:+.2f}", unit["evidence_for"], unit["evidence_against"])
    return rows


def _lead(explanation: PictureExplanation) -> str:
    """Return what the contributions of the hidden units add up to, or an empty text where there are none."""
    from inkling.figures.style import shorten

    units = explanation.hidden_units
    if units is None:
        return ""
    rival = shorten(explanation.prediction.class_names[units.rivals[0]])
    return (
        f"The hidden units that contribute most to the lead of {shorten(explanation.class_name)} over {rival}, "
        f"{units.leads[0]:+.2f} logits"
    )


def _save(explanation: PictureExplanation, figure: Path, lead: str) -> None:
    from inkling.figures.attribution import (
        AttributionDisplay,
        DeletionDisplay,
        Explanation,
        HiddenUnitsDisplay,
        save_explanation,
    )
    from inkling.figures.style import shorten
    from inkling.metrics.formatting import percent

    units, drawn = explanation.hidden_units, None
    if units is not None and explanation.first_layer is not None:
        drawn = HiddenUnitsDisplay.from_units(units, explanation.first_layer, explanation.prediction.class_names)
    name, probability = shorten(explanation.class_name), percent(explanation.class_probability, 1)
    title = f"{name}, probability {probability}: evidence for and against it ({explanation.method.replace('-', ' ')})"
    maps = AttributionDisplay.from_maps(explanation.pixels[None], explanation.attribution[None])
    save_explanation(Explanation(maps, DeletionDisplay.from_test(explanation.deletion), drawn), figure, title, lead)
