"""`inkling explain`: what in a picture spoke for the label that a run gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table
from inkling.cli.predict import prediction_values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inkling.diagnosis.hidden_units import HiddenUnits
    from inkling.networks.protocols import Network


def explain(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    image: Annotated[Path, typer.Argument(help="Picture file.", metavar="IMAGE")],
    out: Annotated[Path | None, typer.Option(help="The figure.  [default: IMAGE-explained.png, here]")] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Ask about this class.  [default: the predicted one]")
    ] = None,
    method: Annotated[
        str, typer.Option(help="Of the map: integrated-gradients, input-x-gradient or saliency.")
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
    import numpy as np

    from inkling.diagnosis.attribution.maps import attribute, check_method
    from inkling.diagnosis.deletion import deletion_test
    from inkling.errors import DataError, SettingsError, did_you_mean
    from inkling.figures.attribution import (
        AttributionDisplay,
        DeletionDisplay,
        Explanation,
        HiddenUnitsDisplay,
        save_explanation,
    )
    from inkling.figures.style import shorten
    from inkling.images.pictures import read_picture
    from inkling.runs.run import Run

    output = Output(quiet, json)
    check_method(method)
    figure = choices.figure_file(out or Path(f"{image.stem}-explained.png"))
    if figure.exists() and image.exists() and figure.samefile(image):
        raise SettingsError([f"the figure would replace the picture itself, {image}: choose another --out"])
    opened = Run(run)
    network, names = opened.network(device), opened.data.class_names
    if class_name is not None and class_name not in names:
        raise DataError(
            f"no class is called '{class_name}'{did_you_mean(class_name, names)}: there is {', '.join(names[:12])}"
        )
    pictures = read_picture(image, network.image_shape, invert)[np.newaxis]
    probabilities = network.predict_proba(pictures)[0]
    asked = int(probabilities.argmax()) if class_name is None else names.index(class_name)
    targets = np.array([asked])
    maps = attribute(network, pictures, targets, method)
    test = deletion_test(network.predict_proba, pictures, maps, None if class_name is None else targets)
    units = units_of(network, pictures, targets)
    values: dict[str, Any] = {
        **prediction_values(image, probabilities, names),
        "class": names[asked], "class_probability": float(probabilities[asked]), "method": method,
        "deletion": test.to_dict(), "figure": str(figure),
    }  # fmt: skip
    short = [shorten(name) for name in names]
    title = f"{short[asked]}, probability {probabilities[asked]:.1%}: what spoke for it ({method.replace('-', ' ')})"
    rows, drawn, units_title = table("hidden unit", "adds to the lead", "speaks for", "against"), None, ""
    if units is not None:
        rival = names[units.rivals[0]]
        units_title = (
            f"The hidden units that weigh most in the lead of {short[asked]} over {short[units.rivals[0]]}, "
            f"{units.leads[0]:+.2f} logits"
        )
        first_layer = network.first_layer()
        if first_layer is not None:
            drawn = HiddenUnitsDisplay.from_units(units, first_layer, names)
        values["hidden_units"] = [
            {
                "unit": unit, "contribution": float(units.contributions[0, unit]),
                "evidence_for": names[units.evidence_for[unit]],
                "evidence_against": names[units.evidence_against[unit]],
                # Earlier names of the two.
                "speaks_for": names[units.evidence_for[unit]], "speaks_against": names[units.evidence_against[unit]],
            }
            for unit in units.top(0, len(units.mean_absolute))
        ]  # fmt: skip
        values.update(rival=rival, lead=float(units.leads[0]), bias=float(units.bias[0]))
        for unit in values["hidden_units"][:5]:
            rows.add_row(unit["unit"], f"{unit['contribution']:+.2f}", unit["evidence_for"], unit["evidence_against"])
    parts = Explanation(AttributionDisplay.from_maps(pictures, maps), DeletionDisplay.from_test(test), drawn)
    save_explanation(parts, figure, title, units_title)
    second = names[int(np.argsort(-probabilities, kind="stable")[1])]
    output.result(
        values,
        f"{values['label']}, probability {values['probability']:.4f} (next: {second}, "
        f"{values['probabilities'][second]:.4f})",
        test.verdict,
        *((units_title + ":", rows) if units is not None else ()),
        f"The figure is {figure}",
    )


def units_of(network: Network, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> HiddenUnits | None:
    """Return the contributions of the hidden units; None for a network without a single hidden layer."""
    from inkling.diagnosis.hidden_units import contributions_of_units

    hidden = network.hidden_layer(images)
    if hidden is None:
        return None
    return contributions_of_units(hidden.activations, hidden.weights, hidden.bias, targets)
