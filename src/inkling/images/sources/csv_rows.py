"""Rows of a CSV file, one after the other: header, separator and every wrong row in one line that says where.

Files come with a byte order mark, with semicolons or tabs, and with the line ends of any system. How the columns are
to be understood is left to the sources that are such files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inkling.errors import DataError
from inkling.images.sources.protocol import LoadObserver, stage

LABEL_COLUMNS = ("label", "class", "target")
"""What the column of classes is called; capitals do not matter."""

SPLIT_COLUMN = "split"

_LINE = 2**24
"""Longest line that is read, in characters; a row of 1024x1024 RGB pixels has fewer."""


@dataclass(frozen=True)
class CsvHeader:
    """The first line of a file."""

    path: Path
    columns: tuple[str, ...]  # as they are written
    separator: str

    @property
    def is_numbers(self) -> bool:
        """Whether it is a row of whole numbers: a file without a header."""
        return all(column.isdecimal() for column in self.columns)

    def find(self, names: Sequence[str]) -> int | None:
        """Return the place of the column that is called by one of these names, the first of them first."""
        lower = [column.lower() for column in self.columns]
        return next((lower.index(name) for name in names if name in lower), None)

    def group_column(self, name: str | None) -> int | None:
        """Return the place of the column that is called exactly so."""
        return self.columns.index(name) if name in self.columns else None


def is_csv(source: str) -> bool:
    """Whether a source is a file that is called so."""
    return source.lower().endswith(".csv") and Path(source).expanduser().is_file()


def read_header(path: Path) -> CsvHeader:
    """Return the first line of a CSV file; nothing else of it is read.

    Raises
    ------
    DataError
        If the file cannot be read or is empty, is no text in UTF-8, or two columns have one name.
    """
    with _opened(path) as (file, _):
        line = _read_line(file, path, 1)
        if not line.strip():
            raise DataError(f"{path}: expected a CSV file with a header, found an empty first line")
        separator = max(",;\t", key=line.count)
        columns = tuple(column.strip() for column in next(csv.reader([line], delimiter=separator, strict=True)))
    header = CsvHeader(path, columns, separator)
    lower = [column.lower() for column in columns if column]
    twice = next((name for name in lower if lower.count(name) > 1), None) if len(set(lower)) < len(lower) else None
    if twice is not None and not header.is_numbers:
        raise DataError(f"{path}: expected columns of different names, found '{twice}' twice: rename one of them")
    return header


def read_rows(header: CsvHeader, observer: LoadObserver | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row below the header, and of the first where it is a row itself.

    Empty lines are passed over. Memory is needed for one row.

    Raises
    ------
    DataError
        If a row has another number of cells than the header, there is none, or the file cannot be read.
    """
    path, n = header.path, len(header.columns)
    total = path.stat().st_size
    progress = stage(observer, f"reading {path.name}", "bytes")
    with _opened(path) as (file, raw):
        rows = csv.reader(_lines(file, path), delimiter=header.separator, strict=True)
        if not header.is_numbers:
            next(rows)
        empty = True
        for row in rows:
            if len(row) == n:
                yield rows.line_num, row
            elif row:
                raise DataError(
                    f"{path}, line {rows.line_num}: expected {n:,} cells, as the first line has, found {len(row):,}: "
                    "complete the row or remove it"
                )
            empty = False
            progress(raw.tell(), total)
        progress(total, total)
        if empty:
            raise DataError(f"{path}: expected a row for every image, found a header only")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[io.TextIOBase, io.BufferedReader]]:
    """Open a file as text and as bytes; what goes wrong with it, also while it is read, is a DataError."""
    try:
        with open(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            yield file, raw
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a CSV file in UTF-8, found other bytes: save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except csv.Error as error:
        raise DataError(f"{path}: expected a CSV file, found something else ({error}): save it as CSV again") from None


def _lines(file: io.TextIOBase, path: Path) -> Iterator[str]:
    number = 1
    while line := _read_line(file, path, number):
        yield line
        number += 1


def _read_line(file: io.TextIOBase, path: Path, number: int) -> str:
    line = file.readline(_LINE)
    if len(line) == _LINE:
        raise DataError(f"{path}, line {number}: expected a row, found a line of {_LINE:,} characters or more")
    return line
