"""Corrections of labels, as a CSV file that a person completes and `load_images` reads back.

A row is an image that is suspected: its split and index there, its picture file where it has one, the label it has,
the label suggested, and how probable a network finds the label it has. A person puts the right class into
`correct_label`; rows where it is empty change nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from inkling.errors import DataError, did_you_mean
from inkling.images.dataset import ImageDataset, Splits


@dataclass(frozen=True)
class Suspect:
    """One row of the file: an image whose label is in doubt."""

    split: str  # "train", "validation" or "test"
    index: int  # of the image in its split, as `load_images` gives it
    file: str  # its picture file, relative to the source; empty where there is none
    label: str  # class it has in the source
    suggested: str
    score: float  # probability of its label, 0..1
    correct_label: str = ""  # what a person says it is


_COLUMNS = tuple(field.name for field in fields(Suspect))
_NEEDED = ("split", "index", "label", "correct_label")


def to_csv(suspects: Sequence[Suspect]) -> str:
    """Return the text of a corrections file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(astuple(replace(suspect, score=float(f"{suspect.score:.6g}"))) for suspect in suspects)
    return text.getvalue()


def correct(splits: Splits, path: Path) -> Splits:
    """Return splits with the labels that a corrections file says are right.

    Parameters
    ----------
    splits : Splits
        As they are in the source.
    path : Path
        UTF-8, with the columns split, index, label and correct_label; others are passed over.

    Raises
    ------
    DataError
        If the file cannot be read, names a split, image or class that there is not, an image twice, or another label
        than an image has.
    """
    datasets = dict(splits.items())
    labels = {split: dataset.labels.copy() for split, dataset in datasets.items()}
    seen: set[tuple[str, int]] = set()
    for row, where in _rows(path):
        split, index, correct_label = _check(row, where, datasets)
        if (split, index) in seen:
            raise DataError(f"{where}: {split} image {index} is there twice: leave one row of it")
        seen.add((split, index))
        if correct_label is not None:
            labels[split][index] = correct_label
    train, validation, test = (replace(dataset, labels=labels[split]) for split, dataset in datasets.items())
    return replace(splits, train=train, validation=validation, test=test)


def describe(path: Path) -> dict[str, str | int]:
    """Return what to write down about a corrections file: its path, its SHA-256, and how many labels it changes."""
    changes = sum(row["correct_label"] not in ("", row["label"]) for row, _ in _rows(path))
    return {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "labels": changes}


def _rows(path: Path) -> list[tuple[dict[str, str], str]]:
    """Every row by column, and where it stands."""
    try:
        # A spreadsheet program may put a byte order mark in front.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="")
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                columns = ", ".join(reader.fieldnames or ()) or "an empty file"
                raise DataError(
                    f"{path}: expected a CSV file with the columns {', '.join(_NEEDED)}, found {columns[:200]}"
                )
            return [(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: corrections cannot be read ({reason}): expected a CSV file in UTF-8") from None


def _check(row: Mapping[str, str], where: str, datasets: Mapping[str, ImageDataset]) -> tuple[str, int, int | None]:
    """Return split, index and the class to put there, if any."""
    split = row["split"]
    if split not in datasets:
        raise DataError(f"{where}: no split is called '{split}'{did_you_mean(split, datasets)}")
    dataset = datasets[split]
    try:
        index = int(row["index"])
    except ValueError:
        index = -1
    if not 0 <= index < len(dataset):
        raise DataError(
            f"{where}: expected the index of one of {len(dataset):,} {split} images, counted from 0, "
            f"found '{row['index']}'"
        )
    label, names = dataset.class_names[dataset.labels[index]], dataset.class_names
    if row["label"] != label:
        raise DataError(
            f"{where}: {split} image {index} is a '{label}' in the source, the file says '{row['label']}': "
            "it was made for other images"
        )
    correct_label = row["correct_label"]
    if not correct_label:
        return split, index, None
    if correct_label not in names:
        raise DataError(f"{where}: no class is called '{correct_label}'{did_you_mean(correct_label, names)}")
    return split, index, names.index(correct_label)
