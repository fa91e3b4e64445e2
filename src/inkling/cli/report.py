"""`inkling report`: one HTML file about a run or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet


def report(
    folder: Annotated[Path, typer.Argument(help="Run or study folder.", metavar="RUN-or-STUDY")],
    out: Annotated[Path | None, typer.Option(help="File to write.  [default: report.html in the folder]")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for every figure as a PNG and an SVG file.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write the report: one HTML file that needs nothing else."""
    from inkling.cli.looks import looked_at_test
    from inkling.report.page import write_report
    from inkling.studies.folder import load_runs

    output = Output(quiet, json)
    with output.steps("report") as progress:
        path = write_report(folder, out, figures, progress)
    size = path.stat().st_size
    use = looked_at_test(output, "report", load_runs(folder), folder)
    output.result(
        {
            "report": str(path),
            "bytes": size,
            "figures": None if figures is None else str(figures),
            "test_ledger": use.to_dict(),
        },
        f"{path}  ({size / 1e6:.1f} MB)",
        *([] if figures is None else [f"{figures}: every figure, as PNG and SVG"]),
    )
