"""`inkling demo`: the whole study on images that come with the program, and its report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet
from inkling.cli.study import carry_out, study_table


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the study; a second start does only what is missing.")] = Path(
        "demo"
    ),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run a whole study on the bundled digits, and write its report.

    Two networks (perceptron, reference-cnn), two training sizes, three seeds.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.cli.looks import looked_at_test
    from inkling.report.page import write_report
    from inkling.studies.demo import demo_plan
    from inkling.studies.folder import load_runs

    output, plan = Output(quiet, json), demo_plan()
    splits = load_with_progress(plan.source, output)
    done = carry_out(plan, splits, out, 1, output, shlex.join(["inkling", *sys.argv[1:]]))
    with output.steps("report") as progress:
        report = write_report(out, progress=progress)
    looked_at_test(output, "report", load_runs(out), out)
    output.result(
        {**done.to_dict(), "report": str(report)},
        study_table(done),
        *([done.failures] if done.failures else []),
        "Mean ± standard deviation over 3 seeds.",
        f"The report is {report.resolve()} - open it in a browser.",
    )
