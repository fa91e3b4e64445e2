"""`inkling demo`: the whole study on images that come with the program, and its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet
from inkling.cli.study import carry_out, study_table


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for the study; started again, it does only what is missing.")
    ] = Path("demo"),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run a whole study on the bundled digits, and write its report.

    Two networks (perceptron, reference-cnn), two training sizes, three seeds.
    """
    from inkling.report.page import write_report
    from inkling.studies.plan import StudyPlan

    output = Output(quiet, json)
    # The digits are a fiftieth of MNIST: more epochs give the perceptron about as many steps as the study's own.
    perceptron, cnn = (
        StudyPlan.from_recipe("digits", [network], (200, 1077), (0, 1, 2), epochs=epochs)
        for network, epochs in (("perceptron", 400), ("reference-cnn", None))
    )
    plan = replace(perceptron, settings={**perceptron.settings, **cnn.settings})
    done = carry_out(plan, out, 1, output)
    report = write_report(out)
    output.result(
        {**done.to_dict(), "report": str(report)},
        study_table(done),
        "Mean ± standard deviation over 3 seeds.",
        f"The report is {report.resolve()} - open it in a browser.",
    )
