"""`inkling export`: the model of a run, or of several averaged, as a file that works without Inkling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet


def export(
    runs: Annotated[list[Path], typer.Argument(help="Run folder, or several to average.", metavar="RUN...")],
    format_name: Annotated[
        str, typer.Option("--format", help="What to write: onnx, torch, npz or page.", metavar="FORMAT")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write.  [default: named like the run, in this folder]")
    ] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the temperature fitted on validation images inside.")
    ] = False,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="onnxruntime-web, for --format page: folder or npm pack's file.  [default: where it is needed, by "
            "INKLING_ONNXRUNTIME_WEB or in node_modules]"
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write the model as a file that works without Inkling.

    A model card goes beside it.

    The exported model is run on all test images first: unless its probabilities are those of the run, nothing is
    written.
    """
    from contextlib import ExitStack

    from inkling.cli.downloads import load_meters
    from inkling.cli.looks import looked_at_test
    from inkling.integrations.export.export import export_runs
    from inkling.runs.run import Run

    output = Output(quiet, json)
    opened = [Run(folder) for folder in runs]
    with ExitStack() as stack, output.watch("checking the exported model") as checking:
        exported = export_runs(opened, format_name, out, calibrated, checking, load_meters(output, stack), runtime)
    looked_at_test(output, "export", opened)
    first, *others = exported.files
    output.result(
        exported.to_dict(),
        f"{first}  ({first.stat().st_size / 1e6:.2f} MB)",
        exported.parity.verdict,
        *(f"Beside it: {path}" for path in others),
    )
