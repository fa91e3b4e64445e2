"""Corrections of labels, as a CSV file that a person completes and `load_images` reads back.

A row is an image that is suspected: its split and index there, its picture file where it has one, the label it has,
the label suggested, and how probable a network finds the label it has. A person puts the right class into
`correct_label`; rows where it is empty change nothing.

Names that a spreadsheet would take for a formula are written with an apostrophe in front (`storage.spreadsheets`), and
control characters, which a terminal obeys, as Python writes them; such names are known again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from inkling.errors import DataError, did_you_mean
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.naming import without_controls
from inkling.storage.spreadsheets import as_meant, no_formula


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


@dataclass(frozen=True)
class Pieces:
    """A corrections file in pieces, which a page joins with the classes that a person chooses."""

    header: str  # the first line, without its end
    rows: tuple[str, ...]  # of each suspect, up to the cell of its correct label
    cells: tuple[str, ...]  # of each class: what is put there


def to_csv(suspects: Sequence[Suspect]) -> str:
    """Return the text of a corrections file."""
    return "".join(f"{line}\r\n" for line in (_line(_COLUMNS), *map(_row, suspects)))


def pieces(suspects: Sequence[Suspect], class_names: Sequence[str]) -> Pieces:
    """Return what `to_csv` is put together of, for a person's choices to go in between."""
    rows = tuple(_row(replace(suspect, correct_label="")) for suspect in suspects)
    return Pieces(_line(_COLUMNS), rows, tuple(_line(("", name))[1:] for name in class_names))


def read_corrections(path: Path, class_names: Sequence[str] = ()) -> tuple[Suspect, ...]:
    """Return the rows of a corrections file that have a correct label; a score that is no number is not kept.

    Parameters
    ----------
    path : Path
    class_names : sequence of str
        By which classes are named in the rows, control characters included; without them, as the file writes them.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    rows = []
    for row, where in _rows(path):
        if not row["correct_label"]:
            continue
        if not re.fullmatch(r"[0-9]{1,18}", row["index"]):
            raise DataError(f"{where}: expected the index of an image, counted from 0, found '{row['index']}'")
        try:
            score = float(row.get("score", ""))
        except ValueError:
            score = float("nan")
        label, suggested, correct = (
            _class_named(row.get(column, ""), class_names) for column in ("label", "suggested", "correct_label")
        )
        rows.append(Suspect(row["split"], int(row["index"]), row.get("file", ""), label, suggested, score, correct))
    return tuple(rows)


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


def _row(suspect: Suspect) -> str:
    score = f"{suspect.score:.6g}" if suspect.score == suspect.score else ""
    return _line((*astuple(suspect)[:-2], score, suspect.correct_label))


def _line(values: Sequence[str | int]) -> str:
    """Return a line without its end."""
    text = io.StringIO()
    csv.writer(text).writerow(
        [no_formula(without_controls(value)) if isinstance(value, str) else value for value in values]
    )
    return text.getvalue().removesuffix("\r\n")


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
            return [
                ({name: as_meant(cell) for name, cell in row.items() if name}, f"{path}, line {reader.line_num}")
                for row in reader
            ]
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
    if _class_named(row["label"], names) != label:
        raise DataError(
            f"{where}: {split} image {index} is a '{label}' in the source, the file says '{row['label']}': "
            "it was made for other images"
        )
    correct_label = _class_named(row["correct_label"], names)
    if not correct_label:
        return split, index, None
    if correct_label not in names:
        raise DataError(f"{where}: no class is called '{correct_label}'{did_you_mean(correct_label, names)}")
    return split, index, names.index(correct_label)


def _class_named(cell: str, names: Sequence[str]) -> str:
    """Return the class that a cell names, or what else it holds."""
    return cell if cell in names else next((name for name in names if without_controls(name) == cell), cell)
