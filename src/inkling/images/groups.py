"""Which pictures belong together (one patient, one afternoon, one burst): from a CSV file, or out of their names."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from inkling.errors import DataError
from inkling.images.naming import some
from inkling.images.sources.csv_rows import read_header

_COLUMNS = ("file", "group")


def is_file_of_groups(groups: str) -> bool:
    """Whether `LoadOptions.groups` is the path of a CSV file, and not a regular expression."""
    return groups.lower().endswith(".csv")


def read_groups(groups: str, names: Sequence[str], where: str) -> list[str]:
    r"""Return the group of each picture.

    Parameters
    ----------
    groups : str
        A CSV file (UTF-8) with the columns file and group; or a regular expression with one pair of parentheses, which
        is looked for anywhere in each name: ``patient(\d+)`` makes "cat/patient12_3.png" one of group 12.
    names : sequence of str
        Of the pictures, relative to the source, with `/` between folders.
    where : str
        The source, for messages.

    Raises
    ------
    DataError
        If the file or the expression is wrong, or a picture has no group.
    """
    of_file: dict[str, str] = {}
    if is_file_of_groups(groups):
        path = Path(groups).expanduser()
        of_file = _read_csv(path)
        found = [of_file.get(as_listed(name)) for name in names]
        reason = f"are not in {path}: add a row for each, named as here"
    else:
        pattern = _compiled(groups)
        matches = [pattern.search(name) for name in names]
        found = [match and match[1] for match in matches]
        reason = f"do not match '{groups}': write one that matches every name"
    without = [name for name in names if of_file.get(as_listed(name)) == ""]
    if without:
        raise DataError(
            f"{where}: {len(without):,} of {len(names):,} pictures have no group in {groups}: {some(without)}: fill in "
            "their cells"
        )
    missing = [name for name, group in zip(names, found, strict=True) if not group]
    if missing:
        raise DataError(f"{where}: {len(missing):,} of {len(names):,} pictures {reason}: {some(missing)}")
    return [group for group in found if group]


def _compiled(groups: str) -> re.Pattern[str]:
    what = "expected a CSV file (.csv) of groups, or a regular expression with one pair of parentheses"
    try:
        pattern = re.compile(groups)
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(f"--groups '{groups}': {what}, found one that cannot be read ({error})") from None
    if pattern.groups != 1:
        raise DataError(f"--groups '{groups}': {what}, found {pattern.groups} pairs")
    return pattern


def _read_csv(path: Path) -> dict[str, str]:
    """Return the group of each file that a CSV file names."""
    # A spreadsheet program may put a byte order mark in front, and semicolons between cells.
    separator = read_header(path).separator
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="", delimiter=separator)
            if not set(_COLUMNS) <= set(reader.fieldnames or ()):
                columns = ", ".join(reader.fieldnames or ()) or "an empty file"
                raise DataError(f"{path}: expected a CSV file with the columns file and group, found {columns[:200]}")
            of_file: dict[str, str] = {}
            for row in reader:
                name, group = as_listed(row["file"]), row["group"].strip()
                if of_file.setdefault(name, group) != group:
                    raise DataError(
                        f"{path}, line {reader.line_num}: {row['file']} is in group {of_file[name]} already: "
                        "leave one row of it"
                    )
            return of_file
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a CSV file in UTF-8, found other bytes: save it as CSV in UTF-8") from None
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: groups cannot be read ({reason}): expected a CSV file in UTF-8") from None


def as_listed(name: str) -> str:
    """Return one form of a picture's name in files that list pictures.

    Windows writes backslashes between folders, and macOS é as two characters.
    """
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))
