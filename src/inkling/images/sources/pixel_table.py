"""Reader of a CSV file of pixels, as Kaggle's digits: a row an image, a column its label and the others its pixels.

label,pixel0,pixel1,…,pixel783
5,0,0,…,12
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from inkling.errors import DataError, did_you_mean
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.arrays import split_arrays
from inkling.images.sources.csv_rows import (
    LABEL_COLUMNS,
    SPLIT_COLUMN,
    CsvHeader,
    is_csv,
    read_header,
    read_rows,
)
from inkling.images.sources.idx import MAX_BYTES
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.split_names import check_splits


class PixelTable:
    """A CSV file of labels and pixels."""

    names = ()
    description = "a .csv file of labels and pixels"
    takes = ("groups",)

    def matches(self, source: str) -> bool:
        """Whether it is a CSV file; one of the paths of pictures is asked for before."""
        return is_csv(source)

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pixel_table` does."""
        return load_pixel_table(Path(source).expanduser(), options, observer)


def load_pixel_table(
    path: Path, options: LoadOptions = AS_THE_SOURCE_HAS_IT, observer: LoadObserver | None = None
) -> Splits:
    """Load a CSV file with a row for every image.

    Columns: label, class or target; perhaps split (train, validation or test); perhaps the one that `options.groups`
    names; all others are pixels, whole numbers 0..255, row after row from the top left: as many as a square has, or
    three times as many (R, G, B of each pixel). A column without a name, as pandas writes one, is passed over. Where no
    column is called so, the first or the last is read as the label if its name alone does not end in a digit; without
    a header, the first. The splits say it then.

    Parameters
    ----------
    path : Path
    options : LoadOptions
        `groups` names a column.
    observer : callable, optional
        Told how many bytes are read.

    Raises
    ------
    DataError
        If there is no label or no square of pixels, a row is wrong, or images are more than `MAX_BYTES`.
    """
    header = read_header(path)
    columns = _find_columns(header, options.groups)
    pixels, labels, splits, groups = bytearray(), [], [], []
    for line, row in read_rows(header, observer):
        labels.append(row[columns.label])
        if columns.split is not None:
            splits.append(row[columns.split])
        if columns.group is not None:
            groups.append(row[columns.group])
        for column in columns.others:
            del row[column]
        try:
            pixels += bytes(map(int, row))
        except ValueError:
            _refuse_pixel(header, columns.others, line, row)
        if len(pixels) > MAX_BYTES:
            raise DataError(f"{path}: its images have more than the {MAX_BYTES:,} bytes allowed: use fewer rows")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, *columns.shape)
    images.flags.writeable = False
    return split_arrays(
        images,
        labels,
        path,
        splits=check_splits(splits, str(path)) if splits else None,
        groups=groups or None,
        options=options,
        notes=columns.notes,
    )


@dataclass(frozen=True)
class _Columns:
    """What each column of a file is."""

    label: int
    split: int | None
    group: int | None
    others: tuple[int, ...]  # all that are no pixels, the last first
    shape: tuple[int, int, int]  # (H, W, C) of an image
    notes: tuple[str, ...]


def _find_columns(header: CsvHeader, groups: str | None) -> _Columns:
    split = header.find((SPLIT_COLUMN,))
    group = header.group_column(groups)
    if groups is not None and group is None:
        raise DataError(
            f"{header.path}: no column is called '{groups}'{did_you_mean(groups, header.columns)}: give the "
            "name of the column that says which images belong together"
        )
    known = {column for column in (split, group) if column is not None}
    label, notes = _find_label(header, known)
    nameless = () if header.is_numbers else (k for k, name in enumerate(header.columns) if not name)
    others = sorted({*known, label, *nameless}, reverse=True)
    n_pixels = len(header.columns) - len(others)
    shape = _image_shape(n_pixels)
    if shape is None:
        raise DataError(
            f"{header.path}: expected a label and as many pixels as a square has (784 for 28x28, or 2,352 in colour), "
            f"found {n_pixels:,} columns beside the label: keep the label and the pixels alone"
        )
    if shape[2] == 3:
        side = shape[0]
        notes = (*notes, f"{header.path.name}: {n_pixels:,} values a row are read as {side}x{side} RGB pixels")
    return _Columns(label, split, group, tuple(others), shape, notes)


def _find_label(header: CsvHeader, known: set[int]) -> tuple[int, tuple[str, ...]]:
    """Return the place of the label's column, and what to say of it where no name says it."""
    if header.is_numbers:
        return 0, (f"{header.path.name} has no header: its first column is read as the label, the others as pixels",)
    label = header.find(LABEL_COLUMNS)
    if label is not None:
        return label, ()
    named = [k for k, name in enumerate(header.columns) if name and not name[-1].isdigit() and k not in known]
    if len(named) == 1 and named[0] in (0, len(header.columns) - 1):
        return named[0], (f"{header.path.name}: the column '{header.columns[named[0]]}' is read as the label",)
    columns = ", ".join(header.columns[:5]) + (", …" if len(header.columns) > 5 else "")
    raise DataError(
        f"{header.path}: expected a column called {', '.join(LABEL_COLUMNS)}, and pixels or the paths of pictures, "
        f"found the columns {columns[:200]}: call the label's column 'label'"
    )


def _image_shape(n_pixels: int) -> tuple[int, int, int] | None:
    """(H, W, C) of a square of so many values, if there is one."""
    for channels in (1, 3):
        side = math.isqrt(n_pixels // channels)
        if side and side * side * channels == n_pixels:
            return side, side, channels
    return None


def _refuse_pixel(header: CsvHeader, others: tuple[int, ...], line: int, values: list[str]) -> NoReturn:
    """Raise the DataError that names the first value of a row that is no grey level."""
    columns = (name for k, name in enumerate(header.columns) if k not in others)
    is_wrong = (not (value.strip().isdecimal() and int(value) <= 255) for value in values)
    column, value = next(
        (column, value) for column, value, wrong in zip(columns, values, is_wrong, strict=True) if wrong
    )
    raise DataError(
        f"{header.path}, line {line}, column '{column}': expected a whole number 0..255, found '{value[:50]}': "
        f"{_what_to_do(value)}"
    )


def _what_to_do(value: str) -> str:
    if value.strip().lower() in ("", "nan", "na", "null"):
        return "fill it in, or remove the row"
    try:
        number = float(value)
    except ValueError:
        return "remove the column if it holds no pixels, or call it 'path' if it names the files of pictures"
    if number.is_integer() and 0 <= number <= 255:
        return f"write whole numbers without a point, {int(number)}"
    return "scale the pixels to 0..255, or remove the column if it holds none"
