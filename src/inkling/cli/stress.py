"""`inkling stress`: how far the accuracy of runs holds when their images get worse."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.diagnosis.robustness import Robustness


def stress(
    runs: Annotated[list[Path], typer.Argument(help="Run folder, or several to compare.", metavar="RUN")],
    split: Annotated[str, typer.Option(help="Split: test or validation.")] = "test",
    images: Annotated[
        int, typer.Option(help="Images that are corrupted, at most: a sample stratified by class.")
    ] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="File for the figure.  [default: robustness.png in the folder of the run]")
    ] = None,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure what corruptions of the images cost.

    Noise, blur, shift, rotation, contrast, brightness and JPEG, each at five severities, after ImageNet-C and
    MNIST-C, on the same images clean and corrupted. Of several runs it says which suffers least. The report of a
    run that was stressed has a section on it.
    """
    from inkling.cli.downloads import load_meters
    from inkling.cli.looks import looked_at_test
    from inkling.diagnosis.run_robustness import stress_runs
    from inkling.figures.robustness import RobustnessDisplay
    from inkling.runs.run import Run

    output = Output(quiet, json)
    opened = [Run(folder) for folder in runs]
    figure = choices.figure_file(out or runs[0] / "robustness.png")
    with ExitStack() as stack, output.watch("predicting corrupted images") as predicting:
        loading = load_meters(output, stack)
        found = stress_runs(opened, split, images, device, predicting, loading)
    RobustnessDisplay.from_robustness(found.runs, found.pictures).save(figure)
    lines: list[str | Table] = []
    for folder, measured in found.runs.items():
        named = f"{folder}: {measured.verdict}" if found.comparison else measured.verdict
        lines += [named, "", _accuracies(measured), ""]
    if found.comparison:
        lines.insert(0, found.comparison.verdict)
    first = next(iter(found.runs.values()))
    values = {**found.to_dict(), "figure": str(figure)}
    if split == "test":
        values["test_ledger"] = looked_at_test(output, "stress", opened).to_dict()
    output.result(
        values,
        *lines,
        f"Accuracy at severities 1 to 5; loss shown, where it holds for all {len(first.effects)} together at 95%; the "
        "intervals of the mean changes hold together too.",
        f"The figure is {figure}",
    )


def _accuracies(measured: Robustness) -> Table:
    from inkling.metrics.formatting import percent, points, points_interval

    n = measured.n
    rows = table("corruption", *map(str, measured.severities), "mean change, points", "95% interval", "loss shown at")
    for cost in measured.costs:
        effects = [effect for effect in measured.effects if effect.corruption == cost.corruption]
        rows.add_row(
            cost.corruption,
            *(percent(effect.accuracy, n) for effect in effects),
            points(cost.change.mean, n),
            points_interval(cost.interval, n),
            ", ".join(map(str, cost.harmful_at)) or "none",
        )
    return rows
