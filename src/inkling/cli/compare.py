"""`inkling compare`: which is better, and is that more than chance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from inkling.diagnosis.overfitting import Overfitting
    from inkling.runs.run import Run


def compare(
    a: Annotated[
        Path, typer.Argument(help="Run folder, or a study with two networks or more.", metavar="RUN-or-STUDY")
    ],
    b: Annotated[Path | None, typer.Argument(help="Run folder to compare it with.", metavar="RUN")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Test whether two runs, or the networks of a study, differ.

    The difference of their test accuracies has its 95% interval and its p-value (exact McNemar test), and how much
    each overfits is compared too. In a study every two networks are compared at each training size, over seeds and
    images.
    """
    output = Output(quiet, json)
    if b is None and (a / "study.json").is_file():
        _compare_study(a, output)
    else:
        _compare_runs(a, b, output)


def _compare_runs(a: Path, b: Path | None, output: Output) -> None:
    from inkling.diagnosis.comparison import compare_predictions
    from inkling.diagnosis.gap_change import compare_gaps
    from inkling.errors import RunError
    from inkling.runs.compatible import common_test_predictions
    from inkling.runs.run import Run

    first = Run(a)
    if b is None:
        raise RunError(f"{a}: expected a second run to compare this one with, found none: inkling compare RUN RUN")
    if a.resolve() == b.resolve():
        raise RunError(f"{a}: is the same run as {b}: compare two different ones")
    labels, (of_a, of_b) = common_test_predictions([first, second := Run(b)])
    found = compare_predictions(labels, of_a, of_b, str(a), str(b))
    rows = table("test images", "count")
    for what, count in (
        ("both right", found.both_right),
        (f"only {a} right", found.only_a_right),
        (f"only {b} right", found.only_b_right),
        ("both wrong", found.both_wrong),
    ):
        rows.add_row(what, f"{count:,}")
    gaps = compare_gaps(_overfitting(first), _overfitting(second), str(a), str(b))
    output.result({**found.to_dict(), "overfitting": gaps.to_dict()}, found.verdict, rows, gaps.verdict)


def _overfitting(run: Run) -> Overfitting:
    from inkling.diagnosis.overfitting import diagnose_overfitting

    return diagnose_overfitting(run.history(), run.data.train, run.data.validation)


def _compare_study(folder: Path, output: Output) -> None:
    from inkling.diagnosis.comparison import p_words
    from inkling.metrics.formatting import percent, points, points_interval
    from inkling.studies.comparison import compare_networks

    compared = compare_networks(folder)
    rows = table(
        "networks", "training images", "seeds", "test accuracy", "difference, points", "95% interval", "", "significant"
    )
    for one in compared:
        found = one.comparison
        rows.add_row(
            f"{found.a}, {found.b}",
            f"{one.train_size:,}",
            ",".join(map(str, one.seeds)),
            f"{percent(found.a_accuracy, found.n)}, {percent(found.b_accuracy, found.n)}",
            points(found.difference, found.n),
            points_interval(found.interval, found.n),
            p_words(found.p_value),
            "yes" if found.shown else "no",
        )
    verdicts = [f"{one.train_size:,} training images: {one.comparison.verdict}" for one in compared]
    output.result({"study": str(folder), "comparisons": [one.to_dict() for one in compared]}, rows, *verdicts)
