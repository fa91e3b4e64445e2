"""Reader of a CSV file that lists picture files, each with its label, and perhaps with its split and group.

path,label,split
cat/1.png,cat,train
dog/7.png,dog,test
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from inkling.errors import DataError
from inkling.images.classes import number_labels
from inkling.images.dataset import Splits
from inkling.images.decoding import PictureFile, Pictures, file_key, load_pictures
from inkling.images.naming import some
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.pictures import open_file
from inkling.images.sources.csv_rows import LABEL_COLUMNS, SPLIT_COLUMN, is_csv, read_header, read_rows
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.split_names import check_splits

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path")
"""What the column of picture files is called; capitals do not matter."""


class PictureList:
    """A CSV file with the columns path and label."""

    names = ()
    description = "a .csv file of paths and labels"
    takes = ("image_size", "fit", "skip_unreadable", "groups", "bits_used")

    def matches(self, source: str) -> bool:
        """Whether it is a CSV file with a column of paths."""
        if not is_csv(source):
            return False
        try:
            header = read_header(Path(source).expanduser())
        except DataError:  # what is wrong with it is said when it is loaded
            return False
        return header.find(PATH_COLUMNS) is not None

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pictures` makes of what `read_picture_list` finds."""
        pictures = read_picture_list(Path(source).expanduser(), options, observer)
        return load_pictures(pictures, options, observer)


def read_picture_list(
    path: Path, options: LoadOptions = AS_THE_SOURCE_HAS_IT, observer: LoadObserver | None = None
) -> Pictures:
    """Return the pictures that a CSV file lists; none of them is opened.

    Parameters
    ----------
    path : Path
        Has a column of PATH_COLUMNS, relative to the folder of the file, and label, class or target; perhaps split
        (train, validation or test), and the column that `options.groups` names. Others are passed over.
    options : LoadOptions
        With `skip_unreadable`, missing files are left to be skipped.
    observer : callable, optional
        Told how many bytes are read.

    Raises
    ------
    DataError
        If a row is wrong, a picture is listed twice, or there are files that are missing: all of them are counted.
    """
    header = read_header(path)
    column, label = header.find(PATH_COLUMNS), header.find(LABEL_COLUMNS)
    split, group = header.find((SPLIT_COLUMN,)), header.group_column(options.groups)
    if column is None or label is None:
        raise DataError(
            f"{path}: expected the columns path and label, found {', '.join(header.columns)[:200]}: name them so"
        )
    lines: dict[str, int] = {}
    rows = []
    for line, row in read_rows(header, observer):
        name = row[column].strip()
        if not name:
            raise DataError(f"{path}, line {line}: expected the path of a picture, found none: remove the row")
        if lines.setdefault(name, line) != line:
            raise DataError(f"{path}, line {line}: {name} is in line {lines[name]} as well: leave one row of it")
        rows.append(row)
    labels, class_names = number_labels([row[label] for row in rows], what=str(path))
    return Pictures(
        name=path.stem,
        where=str(path),
        class_names=class_names,
        files=picture_files(list(lines), path.parent, str(path), options.skip_unreadable),
        labels=labels,
        splits=None if split is None else check_splits([row[split] for row in rows], str(path)),
        groups=None if group is None else [row[group] for row in rows],
    )


def picture_files(
    names: Sequence[str], folder: Path, where: str, skip_missing: bool = False, by_command: bool = True
) -> list[PictureFile]:
    """Return picture files by their paths; none of them is opened.

    Parameters
    ----------
    names : sequence of str
        Their paths, relative to `folder` or absolute.
    folder : Path
    where : str
        What lists them, for messages.
    skip_missing : bool
        Leave it to whoever opens them to find that one is missing.
    by_command : bool
        Whether a command line lists them, which has an option to go on without those that are missing.

    Raises
    ------
    DataError
        If files are missing: all of them are counted.
    """
    files, missing = [], []
    for name in names:
        path, key = folder / name, tuple[int, ...]()
        try:
            key = file_key(path.stat())
        except (OSError, ValueError):  # ValueError: a name that no file can have
            missing.append(name)
        files.append(PictureFile(Path(name).as_posix(), key, partial(open_file, path)))
    if missing and not skip_missing:
        go_on = ", or go on without these by --skip-unreadable" if by_command else " or leave them out"
        raise DataError(
            f"{where}: {len(missing):,} of {len(names):,} pictures are missing: {some(missing)}. Paths start in "
            f"{folder.resolve()}, unless they are absolute: correct them{go_on}"
        )
    return files
