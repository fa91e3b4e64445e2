"""`inkling predict`: what a run, or several as an ensemble, predicts for picture files, however many they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inkling.cli import choices
from inkling.cli.console import Json, Output, Quiet

if TYPE_CHECKING:
    from inkling.cli.prediction_formats import PredictionFormat, Row
    from inkling.diagnosis.prediction_sets import SetThreshold
    from inkling.diagnosis.shift import Familiarity
    from inkling.runs.pictures import PictureClassifier, PredictedBatch
    from inkling.runs.prepared import PictureBatch
    from inkling.runs.run import Run


def predict(
    words: Annotated[
        list[str],
        typer.Argument(
            help="Run folder, or several to average, then picture files, folders of them, patterns such as "
            "'new/*.png', or - for a list of paths on standard input.",
            metavar="RUN... IMAGE...",
        ),
    ],
    invert: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(
            help="Invert brightness, for dark ink on paper where training images are light on dark; auto: of pictures "
            "that look so beside the training images. Alone it means yes."
        ),
    ] = "no",
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Go on without pictures that cannot be read, and list them.")
    ] = False,
    format_: Annotated[
        Literal["table", "csv", "jsonl", "json"] | None,
        typer.Option("--format", help="How predictions are written.  [default: by the ending of --out, else table]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the predictions.  [default: standard output]")] = None,
    tta: choices.Tta = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Divide the logits by the temperature fitted on validation images, 1 where they show no need.",
        ),
    ] = False,
    sets: Annotated[
        float | None,
        typer.Option(
            help="Also the set of classes that holds the true one with this probability, as 0.95.", metavar="LEVEL"
        ),
    ] = None,
    unlike: Annotated[
        bool, typer.Option("--unlike", help="Also which pictures are unlike the images of the run, which are loaded.")
    ] = False,
    device: choices.Device = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Classify picture files: label and probability of each.

    Pictures are fitted to the size that the network takes. Several runs are averaged as an ensemble. Of folders, the
    pictures in them and below them are taken. Predictions are written as they are made.
    """
    from inkling.cli.looks import looked_at_test
    from inkling.cli.prediction_formats import FORMATS, Extras, Table
    from inkling.diagnosis.run_sets import run_sets
    from inkling.diagnosis.run_shift import run_familiarity
    from inkling.errors import DataError
    from inkling.images.sources.loose_files import find_loose_files
    from inkling.runs.pictures import PictureClassifier, calibrated_temperature
    from inkling.runs.prepared import listed, unreadable_pictures
    from inkling.storage.atomic import check_writable, write_atomically

    format_name = _format_name(format_, json, out)
    output = Output(quiet, format_name != "table" or json)
    runs, paths = _runs_and_paths(words)
    loose = find_loose_files(paths)
    if not loose.files:
        raise DataError("expected one picture or more after the run, found none: inkling predict RUN IMAGE…")
    if out is not None:
        check_writable(out)
    temperature = calibrated_temperature(runs, tta) if calibrated else 1.0
    threshold = None if sets is None else run_sets(runs, sets, temperature, tta)
    classifier = PictureClassifier(runs, invert, tta, temperature, device)
    if not skip_unreadable:
        with output.watch("checking pictures") as progress:
            unreadable = unreadable_pictures(loose.files, progress)
        if unreadable:
            raise DataError(listed(unreadable, len(loose.files)))
    familiarity = run_familiarity(runs[0], classifier.classifier) if unlike else None
    if threshold is not None:
        looked_at_test(output, "predict --sets", runs)
    output.note(*loose.notes, *classifier.notes(loose.files))
    extras = Extras(None if threshold is None else threshold.level, unlike)
    names = runs[0].data.class_names
    written = (
        Table(extras, names, loose.files, output.results if out is None else None)
        if format_name == "table"
        else FORMATS[format_name](extras, names, loose.files)
    )
    work = _Work(classifier, loose.files, skip_unreadable, written, threshold, familiarity)
    if out is None:
        output.stream("predicting", work.text)
    else:
        with output.watch("predicting") as progress:
            write_atomically(out, (part.encode() for part in work.text(progress)))
    notes = _notes(threshold, familiarity)
    if work.inverted and invert == "auto":
        output.note(f"Inverted: {work.inverted:,} of {work.done:,} pictures (--invert auto).")
    if work.unreadable:
        output.note(f"Left out: {len(work.unreadable):,} of {len(loose.files):,} pictures.", *work.unreadable)
    if out is not None:
        values = {"out": str(out), "format": format_name, "pictures": work.done, "left_out": work.unreadable}
        output = Output(quiet, json)
        output.result(values, f"Predictions of {work.done:,} pictures are in {out}", *notes)
    elif output.as_json:
        output.note(*notes)
    else:
        output.result(None, *([] if quiet else notes))


@dataclass(eq=False)
class _Work:
    """All pictures, read and predicted batch by batch."""

    classifier: PictureClassifier
    files: Sequence[str]
    skip_unreadable: bool
    format: PredictionFormat
    threshold: SetThreshold | None
    familiarity: Familiarity | None
    unreadable: list[str] = field(default_factory=list)
    done: int = 0
    inverted: int = 0

    def text(self, progress: Callable[[int, int], None]) -> Iterator[str]:
        """Yield the predictions as text.

        A picture that is to be refused ends them, and the others are only read, to say of all that cannot be.
        """
        from inkling.errors import DataError
        from inkling.runs.prepared import listed, prepared_batches

        for batch in prepared_batches(self.classifier.data, self.files, progress):
            self.unreadable += batch.unreadable
            if batch.files and (self.skip_unreadable or not self.unreadable):
                yield self.format.batch(self._rows(batch))
        if self.unreadable and (not self.skip_unreadable or not self.done):
            raise DataError(listed(self.unreadable, len(self.files)))
        yield self.format.end()

    def _rows(self, batch: PictureBatch) -> list[Row]:
        from inkling.cli.prediction_formats import Row
        from inkling.diagnosis.network_features import network_features
        from inkling.diagnosis.shift import LEVEL

        predicted: PredictedBatch = self.classifier.predict(batch)
        rows = [
            Row(prediction, {**prediction.to_dict(), "temperature": self.classifier.temperature})
            for prediction in predicted.predictions
        ]
        if self.threshold is not None:
            about = {"set_level": self.threshold.level, "set_calibration_images": self.threshold.n}
            names = self.classifier.data.class_names
            for row, inside in zip(rows, self.threshold.sets(predicted.probabilities), strict=True):
                row.values["set"] = [name for name, held in zip(names, inside, strict=True) if held]
                row.values.update(about)
        if self.familiarity is not None:
            features = network_features(self.classifier.classifier, predicted.images, predicted.answers)
            p_values = self.familiarity.p_values(features)
            for row, p_value in zip(rows, p_values, strict=True):
                row.values.update(unlike=bool(p_value <= LEVEL), familiarity_p_value=float(p_value))
        self.done += len(rows)
        self.inverted += sum(row.prediction.inverted for row in rows)
        return rows


def _format_name(format_: str | None, json: bool, out: Path | None) -> str:
    """Return the format that was asked for, or that the ending of the file says."""
    from inkling.cli.prediction_formats import FORMATS
    from inkling.errors import SettingsError

    ending = out.suffix.lower().lstrip(".") if out else ""
    if out is None and json:
        if format_ not in (None, "json"):
            raise SettingsError([f"--json is --format json, found --format {format_} as well: leave out one of them"])
        return "json"
    return format_ or (ending if ending in FORMATS else "table")


def _notes(threshold: SetThreshold | None, familiarity: Familiarity | None) -> list[str]:
    from inkling.diagnosis.shift import LEVEL

    notes = []
    if threshold is not None:
        notes.append(
            f"Sets hold the true class of {100 * threshold.level:.4g}% or more of pictures like the test images, on "
            f"average and all classes together; calibrated on {threshold.n:,} test "
            f"image{'' if threshold.n == 1 else 's'}, which chose nothing."
        )
    if familiarity is not None:
        seen = " or by the network's features, whichever is farther" if familiarity.parts else ""
        notes.append(
            f"Unlike: farther from training images than all but {LEVEL:.0%} of validation images "
            f"({len(familiarity.held_out):,}), by pixels and the network's answers{seen}."
        )
    return notes


def _runs_and_paths(words: list[str]) -> tuple[list[Run], list[str]]:
    """Return the runs, which are the folders with a run.json, and all other paths; standard input is read last."""
    from inkling.images.sources.loose_files import STANDARD_INPUT, expanded, paths_on
    from inkling.runs.run import Run

    found = expanded(words)
    folders = [word for word in found if (Path(word) / "run.json").is_file()]
    runs = [Run(folder) for folder in folders or found[:1]]  # which says what is wrong where there is no run
    paths: list[str] = []
    for word in found:
        if word == STANDARD_INPUT:
            paths += paths_on(sys.stdin.buffer)
        elif word not in folders:
            paths.append(word)
    return runs, paths
