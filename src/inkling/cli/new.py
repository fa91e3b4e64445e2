"""`inkling new`: starting points for what is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet

app = typer.Typer(help="Write a starting point for a network of your own.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Keep `network` a command of its own."""


@app.command()
def network(
    file: Annotated[Path, typer.Argument(help="Python file to write, as my_net.py.")],
    numpy: Annotated[
        bool, typer.Option("--numpy/--torch", help="In NumPy, with gradients by hand, or in PyTorch.")
    ] = True,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a network that trains as it is, to be changed.

    It is used as --network FILE.py:MyNetwork wherever a network is named.
    """
    from importlib.resources import files

    from inkling.errors import SettingsError
    from inkling.storage.atomic import write_atomically

    output = Output(quiet, json)
    if file.suffix != ".py" or not file.parent.is_dir():
        raise SettingsError([f"expected a file that ends in .py, in a folder that exists, found {file}"])
    if file.exists():
        raise SettingsError([f"{file} is there already: choose another name, or remove it"])
    kind = "numpy" if numpy else "torch"
    text = files("inkling.networks").joinpath(kind, "starting_point.py").read_text(encoding="utf-8")
    write_atomically(file, text.replace("FILE.py", file.name))
    name = f"{file}:MyNetwork"
    check = f"inkling gradcheck {name}, and then " if numpy else ""
    output.result(
        {"file": str(file), "network": name}, f"Wrote {file}. Next: {check}inkling train mnist --network {name}"
    )
