"""`inkling compare`: which is better, and whether the difference is statistically significant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet, table


def compare(
    a: Annotated[
        Path, typer.Argument(help="Run folder, or a study with two networks or more.", metavar="RUN-or-STUDY")
    ],
    b: Annotated[Path | None, typer.Argument(help="Run folder to compare it with.", metavar="RUN")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Test whether two runs, or the networks of a study, differ.

    Prints the difference of their test accuracies with its 95% interval and p-value (exact McNemar test), and
    compares how much each overfits. In a study, each pair of networks is compared at each training size, over seeds
    and images.
    """
    output = Output(quiet, json)
    if b is None and (a / "study.json").is_file():
        _compare_study(a, output)
    else:
        _compare_runs(a, b, output)


def _compare_runs(a: Path, b: Path | None, output: Output) -> None:
    from inkling.diagnosis.run_comparison import compare_runs
    from inkling.errors import RunError
    from inkling.runs.run import Run

    first = Run(a)
    if b is None:
        raise RunError(f"{a}: expected a second run to compare this one with, found none: inkling compare RUN RUN")
    compared = compare_runs(first, Run(b))
    accuracy = compared.accuracy
    rows = table("test images", "count")
    for what, count in (
        ("both correct", accuracy.both_right),
        (f"only {a} correct", accuracy.only_a_right),
        (f"only {b} correct", accuracy.only_b_right),
        ("both misclassified", accuracy.both_wrong),
    ):
        rows.add_row(what, f"{count:,}")
    output.result(compared.to_dict(), accuracy.verdict, rows, compared.overfitting.verdict)


def _compare_study(folder: Path, output: Output) -> None:
    from inkling.diagnosis.comparison import p_words
    from inkling.metrics.formatting import percent, points, points_interval
    from inkling.studies.comparison import compare_networks

    comparisons = compare_networks(folder)
    rows = table(
        "networks", "training images", "seeds", "test accuracy", "difference, points", "95% interval", "", "significant"
    )
    for compared in comparisons:
        means = compared.comparison
        rows.add_row(
            f"{means.a}, {means.b}",
            f"{compared.train_size:,}",
            ",".join(map(str, compared.seeds)),
            f"{percent(means.a_accuracy, means.n)}, {percent(means.b_accuracy, means.n)}",
            points(means.difference, means.n),
            points_interval(means.interval, means.n),
            p_words(means.p_value),
            "yes" if means.shown else "no",
        )
    verdicts = [f"{compared.train_size:,} training images: {compared.comparison.verdict}" for compared in comparisons]
    values = {"study": str(folder), "comparisons": [compared.to_dict() for compared in comparisons]}
    output.result(values, rows, *verdicts)
