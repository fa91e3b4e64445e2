"""`inkling evaluate`: the weights of a run, put to the test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet, table


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folder, or several to average.", metavar="RUN...")],
    data: Annotated[str | None, typer.Option(help="Other images than the run's own: a source.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    tta: choices.Tta = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure accuracy, loss, calibration, and errors per class.

    Accuracy has its 95% interval; whether the run overfits is said too. Several runs are evaluated as one ensemble:
    the mean of their probabilities. For the run's own validation and test images the stored predictions are used.
    """
    from inkling.cli.downloads import load_with_progress
    from inkling.diagnosis.accuracy import evaluate_predictions
    from inkling.diagnosis.calibration import diagnose_calibration
    from inkling.diagnosis.overfitting import diagnose_overfitting
    from inkling.errors import DataError, did_you_mean
    from inkling.runs.ensemble import classifier_of, temperature_of
    from inkling.runs.run import Run

    output = Output(quiet, json)
    opened = [Run(folder) for folder in runs]
    classifier, first = classifier_of(opened, device, tta), opened[0]
    whole = load_with_progress(data or first.data.source, output, None if data else first.corrections)
    datasets = dict((whole if data else first.splits(whole)).items())
    if split not in datasets:
        raise DataError(f"no split is called '{split}'{did_you_mean(split, datasets)}: use train, validation or test")
    for other in opened[1:] if data is None else ():
        if other.splits(whole).fingerprint != first.data.fingerprint and split == "train":
            raise DataError(f"{other.folder}: has other training images than {first.folder}: choose another split")
    dataset = datasets[split]
    if dataset.class_names != first.data.class_names:
        raise DataError(
            f"{data or first.data.source}: its classes {list(dataset.class_names)[:12]} are not those of the run, "
            f"{list(first.data.class_names)[:12]}"
        )
    probabilities = classifier.predict_proba(dataset.images)
    found = evaluate_predictions(dataset.labels, probabilities, dataset.class_names, split)
    # The temperature was fitted to answers without test-time augmentation, and mends only those.
    temperature = temperature_of(opened) if not tta and all(run.finished for run in opened) else None
    sureness = diagnose_calibration(dataset.labels, probabilities, temperature, split)
    said = f"{found} with test-time augmentation" if tta else str(found)
    rows = table("class", "images", "missed", "most often taken for")
    taken_for = {}
    for pair in reversed(found.most_confused):
        taken_for[pair.label] = f"{pair.predicted} ({pair.count})"
    for name, missed in found.misses.items():
        rows.add_row(name, f"{dataset.class_counts[name]:,}", f"{missed:,}", taken_for.get(name, ""))
    rows.add_row("all", f"{found.n:,}", f"{found.n - found.correct:,}", "")
    scores = table("probabilities", "ECE", "Brier score", "negative log-likelihood")
    for name, scored in (("as they are", sureness.before), (f"temperature {temperature or 1:.3g}", sureness.after)):
        if scored:
            scores.add_row(name, f"{scored.ece:.4f}", f"{scored.brier:.4f}", f"{scored.nll:.4f}")
    values = {
        **found.to_dict(),
        "calibration": sureness.to_dict(),
        "run": str(runs[0]),
        "runs": [str(folder) for folder in runs],
        "tta": tta,
    }
    if len(opened) > 1:
        members = ", ".join(str(folder) for folder in runs)
        output.result(
            values,
            f"ensemble of {len(opened)}: {said}, loss {found.loss:.4f}",
            rows,
            scores,
            sureness.verdict,
            f"Members: {members}",
        )
        return
    overfitting = diagnose_overfitting(first.history(), first.data.train, first.data.validation)
    output.result(
        {**values, "overfitting": overfitting.to_dict()},
        f"{said}, loss {found.loss:.4f}",
        rows,
        scores,
        sureness.verdict,
        overfitting.verdict,
        f"Next: inkling report {shlex.quote(str(runs[0]))}",
    )
