"""`inkling evaluate`: the weights of a run, put to the test."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table

if TYPE_CHECKING:
    from rich.table import Table

    from inkling.diagnosis.accuracy import Evaluation
    from inkling.diagnosis.calibration import CalibrationDiagnosis
    from inkling.diagnosis.run_slices import RunSlices
    from inkling.metrics.intervals import Interval


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folder, or several to average.", metavar="RUN")],
    data: Annotated[str | None, typer.Option(help="Source of other images than the run's own.")] = None,
    split: Annotated[str, typer.Option(help="Split: train, validation or test.")] = "test",
    slices: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of attributes of the images, such as camera and light, for the accuracy by each: a column "
            "'file' or 'index', the others attributes; one called 'group' says which images belong together."
        ),
    ] = None,
    tta: choices.Tta = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure accuracy, loss, calibration, and errors per class.

    Accuracy comes with its 95% interval, and with a diagnosis of overfitting. Several runs are evaluated as one
    ensemble: the mean of their probabilities. For the run's own validation and test images the stored predictions are
    used; --data, --tta or --device cpu recomputes them.
    """
    from inkling.cli.downloads import load_meters
    from inkling.cli.looks import looked_at_test
    from inkling.diagnosis.run_evaluation import evaluate_runs
    from inkling.networks.custom import is_custom
    from inkling.runs.run import Run

    output = Output(quiet, json)
    opened = [Run(folder) for folder in runs]
    with ExitStack() as stack, output.watch(f"predicting {split} images") as predicting:
        loading = load_meters(output, stack)
        measured = evaluate_runs(opened, split, data, tta, device, predicting, loading, slices)
    evaluation = measured.evaluation
    accuracy = f"{evaluation} with test-time augmentation" if tta else str(evaluation)
    if measured.overfitting is None:
        first = f"ensemble of {len(opened)}: {accuracy}, loss {evaluation.loss:.4f}"
        last = [f"Members: {', '.join(str(folder) for folder in runs)}"]
    else:
        first = f"{accuracy}, loss {evaluation.loss:.4f}"
        last = [
            measured.overfitting.verdict,
            f"Next: inkling report {shlex.quote(str(runs[0]))}{' --trust' * is_custom(opened[0].network_name)}",
        ]
    if measured.shift is not None:
        last.insert(0, measured.shift.verdict(f"{split} images of {data}", "the run's own test images"))
        if measured.unlike:
            last.insert(1, f"Most unlike: {', '.join(measured.unlike)}")
    elif measured.own_test and data is not None:
        last.insert(0, f"The {split} images of {data} are the run's own test images.")
    values = measured.to_dict()
    if measured.own_test:
        use = looked_at_test(output, "evaluate", opened)
        values["test_ledger"] = use.to_dict()
        if use.best:
            last.insert(-1, use.best.verdict)
    output.result(
        values,
        first,
        _errors_per_class(evaluation),
        _scores_of_classes(evaluation),
        _scores(measured.calibration),
        measured.calibration.verdict,
        *(_slices(measured.slices) if measured.slices else []),
        *last,
    )


def _errors_per_class(evaluation: Evaluation) -> Table:
    rows = table("class", "images", "misclassified", "most often predicted as", "recall", "precision")
    names = list(evaluation.misses)
    for place, (name, counts) in enumerate(zip(names, evaluation.confusion, strict=True)):
        scored = evaluation.scores.classes[place]
        missed = evaluation.misses[name]
        count, predicted = max((count, -other) for other, count in enumerate(counts) if other != place)
        most_often = f"{names[-predicted]} ({count:,})" if missed else ""
        # Of a class without images nothing is known: 0 would claim that all are right.
        rows.add_row(
            name,
            f"{sum(counts):,}",
            f"{missed:,}" if sum(counts) else "-",
            most_often,
            _with_interval(scored.recall, scored.recall_interval, scored.images),
            _with_interval(scored.precision, scored.precision_interval, scored.predicted),
        )
    rows.add_row("all", f"{evaluation.n:,}", f"{evaluation.n - evaluation.correct:,}", "", "", "")
    return rows


def _slices(found: RunSlices) -> list[str | Table]:
    """The accuracy by each attribute, and what is shown of it."""
    from inkling.diagnosis.slices import FEWEST
    from inkling.metrics.formatting import p_words

    lines: list[str | Table] = [""]
    if found.slices is not None:
        rows = table("column", "slice", "images", "accuracy and interval", "p")
        rows.columns[1].justify = "left"
        for column in found.slices.columns:
            p = "" if column.p_equal is None else p_words(column.p_equal)
            for place, each in enumerate(column.slices):
                n = f"{each.n:,} (rare)" if each.rare else f"{each.n:,}"
                accuracy = _with_interval(each.accuracy, each.interval, each.n)
                rows.add_row("" if place else column.name, each.value, n, accuracy, "" if place else p)
        lines += [rows, found.slices.verdict]
        lines.append(
            "The 95% intervals hold for all slices at once; p is of equal accuracy in all slices of a column. A slice "
            f"of fewer than {FEWEST} images is rare, and never called the worst."
        )
    return [*lines, *([found.leak_verdict] if found.leak_verdict else []), ""]


def _with_interval(value: float | None, interval: Interval | None, n: int) -> str:
    from inkling.metrics.formatting import percent, percent_interval

    return "-" if value is None or interval is None else f"{percent(value, n)} [{percent_interval(interval, n)}]"


def _scores_of_classes(evaluation: Evaluation) -> str:
    from inkling.metrics.formatting import percent, percent_interval

    top = "".join(
        f" Top-{k} accuracy {percent(value, evaluation.n)} "
        f"(95% interval {percent_interval(evaluation.top_k_intervals[k], evaluation.n)})."
        for k, value in evaluation.top_k.items()
    )
    intervals = "The 95% intervals of recall, and those of precision, hold for all classes at once."
    return f"{evaluation.scores.verdict}{top} {intervals}"


def _scores(calibration: CalibrationDiagnosis) -> Table:
    rows = table("probabilities", "ECE", "Brier score", "negative log-likelihood")
    temperature = f"temperature {calibration.temperature or 1:.3g}"
    for name, scored in (("as they are", calibration.before), (temperature, calibration.after)):
        if scored:
            rows.add_row(name, f"{scored.ece:.4f}", f"{scored.brier:.4f}", f"{scored.nll:.4f}")
    return rows
