"""`inkling evaluate`: the weights of a run, put to the test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from inkling.cli.console import Json, Output, Quiet, table


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    data: Annotated[str | None, typer.Option(help="Other images than the run's own: a source.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure accuracy with its interval, loss, misses a class, and whether the run overfits."""
    from inkling.cli.downloads import load_with_progress
    from inkling.diagnosis.accuracy import evaluate as judge
    from inkling.diagnosis.overfitting import diagnose_overfitting
    from inkling.errors import DataError, did_you_mean
    from inkling.runs.run import Run

    output = Output(quiet, json)
    opened = Run(run)
    network = opened.network()
    splits = load_with_progress(data or opened.data.source, output)
    if data is None:
        splits = splits.with_train_size(opened.data.train, opened.settings.seed)
        if splits.fingerprint != opened.data.fingerprint:
            raise DataError(
                f"{opened.data.source}: now holds other images than the run was trained on: "
                "bring them back, or say --data to evaluate on what is there"
            )
    datasets = dict(splits.items())
    if split not in datasets:
        raise DataError(f"no split is called '{split}'{did_you_mean(split, datasets)}: use train, validation or test")
    dataset = datasets[split]
    if dataset.class_names != opened.data.class_names:
        raise DataError(
            f"{data or opened.data.source}: its classes {list(dataset.class_names)[:12]} are not those of the run, "
            f"{list(opened.data.class_names)[:12]}"
        )
    found = judge(network, dataset, split)
    overfitting = diagnose_overfitting(opened.history(), opened.data.train, opened.data.validation)
    rows = table("class", "images", "missed", "most often taken for")
    taken_for = {}
    for pair in reversed(found.most_confused):
        taken_for[pair.label] = f"{pair.predicted} ({pair.count})"
    for name, missed in found.misses.items():
        rows.add_row(name, f"{dataset.class_counts[name]:,}", f"{missed:,}", taken_for.get(name, ""))
    rows.add_row("all", f"{found.n:,}", f"{found.n - found.correct:,}", "")
    output.result(
        {**found.to_json(), "run": str(run), "overfitting": overfitting.to_json()},
        f"{found}, loss {found.loss:.4f}",
        rows,
        overfitting.verdict,
        f"Next: inkling report {shlex.quote(str(run))}",
    )
