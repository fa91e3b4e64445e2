"""The layers of a fitted estimator as a table, below what scikit-learn shows of it in a notebook."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from inkling.networks.protocols import Inspectable

_CELL = "padding:.15em .8em;border-bottom:1px solid rgba(128,128,128,.4)"


def layer_table(network: Inspectable, pictures: bool) -> str:
    """Return the layers of a network as an HTML table: what each does, its output for one input, its parameters.

    Parameters
    ----------
    network : Inspectable
    pictures : bool
        Whether it is given pixels, which it scales; else standardised features.
    """
    heads = "".join(
        f'<th scope="col" style="{_CELL};text-align:{side}">{head}</th>'
        for head, side in (("layer", "left"), ("output", "right"), ("parameters", "right"))
    )
    layers = network.layers()
    if not pictures:
        layers = tuple(
            replace(layer, detail="standardised features") if layer.kind == "scale" else layer for layer in layers
        )
    rows = "".join(
        f'<tr><td style="{_CELL};text-align:left">{escape(layer.detail)}</td>'
        f'<td style="{_CELL};text-align:right">{"x".join(map(str, layer.output_shape))}</td>'
        f'<td style="{_CELL};text-align:right">{layer.parameters:,}</td></tr>'
        for layer in layers
    )
    total = sum(layer.parameters for layer in layers)
    return (
        '<table style="border-collapse:collapse;margin-top:.5em;font-size:90%">'
        f'<caption style="text-align:left">{total:,} parameters in {len(layers)} layers</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
