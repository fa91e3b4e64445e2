"""`inkling compare`: which is better, and whether the difference is statistically significant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from inkling.cli.console import Json, Output, Quiet, table


def compare(
    a: Annotated[
        Path, typer.Argument(help="Run folder, or a study of several networks or settings.", metavar="RUN-or-STUDY")
    ],
    b: Annotated[Path | None, typer.Argument(help="Run folder to compare it with.", metavar="RUN")] = None,
    margin: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Largest difference that does not matter, in percentage points, to be called equal within.",
        ),
    ] = 0.5,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Test whether two runs, or the networks of a study, differ.

    Prints the difference of their test accuracies with its 95% interval and p-value (mid-p McNemar test), whether
    they are equal within a margin, how small a difference these images could show, and how much each overfits. In a
    study, each pair of networks is compared at each training size, over seeds and images, with p-values adjusted for
    all of them (Holm), and each setting that is varied: what its values change, seed by seed.
    """
    output = Output(quiet, json)
    if b is None and (a / "study.json").is_file():
        _compare_study(a, margin / 100, output)
    else:
        _compare_runs(a, b, margin / 100, output)


def _compare_runs(a: Path, b: Path | None, margin: float, output: Output) -> None:
    from inkling.cli.looks import looked_at_test
    from inkling.diagnosis.run_comparison import compare_runs
    from inkling.errors import RunError
    from inkling.runs.run import Run

    first = Run(a)
    if b is None:
        raise RunError(f"{a}: expected a second run to compare this one with, found none: inkling compare RUN RUN")
    second = Run(b)
    compared = compare_runs(first, second, margin)
    use = looked_at_test(output, "compare", [first, second])
    accuracy = compared.accuracy
    rows = table("test images", "count")
    for what, count in (
        ("both correct", accuracy.both_right),
        (f"only {a} correct", accuracy.only_a_right),
        (f"only {b} correct", accuracy.only_b_right),
        ("both misclassified", accuracy.both_wrong),
    ):
        rows.add_row(what, f"{count:,}")
    labels = (compared.labels.verdict,) if compared.labels else ()
    further = (*labels, compared.equivalence.verdict, accuracy.power.verdict, compared.overfitting.verdict)
    output.result({**compared.to_dict(), "test_ledger": use.to_dict()}, accuracy.verdict, rows, *further)


def _compare_study(folder: Path, margin: float, output: Output) -> None:
    from inkling.cli.looks import looked_at_test
    from inkling.metrics.formatting import p_words, percent, points, points_interval
    from inkling.studies.ablation import ablate_study
    from inkling.studies.comparison import compare_networks, compare_networks_of
    from inkling.studies.folder import StudyFolder

    ablation, runs = ablate_study(folder), StudyFolder(folder).finished_runs()
    # Settings may be those of one network.
    comparisons = compare_networks_of(runs, margin) if ablation else compare_networks(folder, margin)
    rows = table(
        "networks",
        "training images",
        "seeds",
        "test accuracy",
        "difference, points",
        "95% interval",
        "",
        "adjusted",
        "significant",
    )
    for compared in comparisons:
        means = compared.comparison
        digits = means.digits
        accuracies = [percent(value, means.n, digits=digits) for value in (means.a_accuracy, means.b_accuracy)]
        rows.add_row(
            f"{means.a}, {means.b}",
            f"{compared.train_size:,}",
            ",".join(map(str, compared.seeds)),
            ", ".join(accuracies),
            points(means.difference, means.n, digits),
            points_interval(means.interval, means.n, digits),
            p_words(means.p_value),
            p_words(means.p_value if means.adjusted_p is None else means.adjusted_p),
            "yes" if means.shown else "no",
        )
    verdicts = [f"{compared.train_size:,} training images: {' '.join(compared.sentences)}" for compared in comparisons]
    values: dict[str, Any] = {"study": str(folder), "comparisons": [compared.to_dict() for compared in comparisons]}
    values["test_ledger"] = looked_at_test(output, "compare", runs, folder).to_dict()
    if ablation:
        values["ablation"] = ablation.to_dict()
        verdicts += [ablation.verdict, *(effect.verdict for effect in ablation.effects)]
    output.result(values, *([rows] if comparisons else []), *verdicts)
