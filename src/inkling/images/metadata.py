"""What else is known of each image (camera, light, patient): a CSV file with a row an image and a column an attribute.

file,camera,light
cat/1.png,phone,day
cat/2.png,,night
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkling.errors import DataError
from inkling.images.groups import as_listed
from inkling.images.naming import some
from inkling.images.sources.csv_rows import SPLIT_COLUMN, read_header, read_rows
from inkling.images.sources.split_names import check_splits

FILE_COLUMN, INDEX_COLUMN = "file", "index"


@dataclass(frozen=True)
class Metadata:
    """Attributes of images, by their names."""

    path: Path
    columns: tuple[str, ...]
    cells: Mapping[str, Sequence[str]]  # of each image, one a column, '' where nothing is known
    by_index: bool  # names are "test image 3", and not of files

    def column(self, name: str, images: Sequence[str]) -> list[str | None]:
        """Return one attribute of images by their names; None of an image that has no row."""
        place = self.columns.index(name)
        rows = (self.cells.get(as_listed(image)) for image in images)
        return [None if row is None else row[place] for row in rows]

    def attributes(self, images: Sequence[str], where: str) -> dict[str, list[str]]:
        """Return every attribute of images.

        Parameters
        ----------
        images : sequence of str
            Their names: of files as `ImageDataset.files` has them, else "test image 3".
        where : str
            What they are, for messages.

        Raises
        ------
        DataError
            If an image has no row.
        """
        missing = [image for image in images if as_listed(image) not in self.cells]
        if missing:
            raise DataError(
                f"{self.path}: {len(missing):,} of {len(images):,} {where} have no row: {some(missing)}: add one for "
                "each, its cells empty where nothing is known"
            )
        rows = [self.cells[as_listed(image)] for image in images]
        return {name: [row[place] for row in rows] for place, name in enumerate(self.columns)}

    def check_known(self, images: Sequence[str], where: str) -> None:
        """Raise DataError if a row is of none of these images."""
        known = {as_listed(image) for image in images}
        unknown = [name for name in self.cells if name not in known]
        if unknown:
            raise DataError(
                f"{self.path}: {len(unknown):,} of {len(self.cells):,} rows are of no image of {where}: "
                f"{some(unknown)}: name files as the source has them, or remove the rows"
            )


def read_metadata(path: Path, split: str = "test") -> Metadata:
    """Read a CSV file (UTF-8) of attributes.

    Parameters
    ----------
    path : Path
        Its column `file` names pictures relative to their source, with `/` between folders; or its column `index` is
        the place of an image in its split, counted from 0. Every other column is an attribute, but for `split`, which
        says what split an index counts in.
    split : str
        That an index without a column `split` counts in.

    Raises
    ------
    DataError
        If the file cannot be read, a row has too many or too few cells, an index is none, an image has two rows, or
        there is no column of images or of attributes.
    """
    header = read_header(path)
    file, index, of_split = (header.find((name,)) for name in (FILE_COLUMN, INDEX_COLUMN, SPLIT_COLUMN))
    if header.is_numbers or (file is None) == (index is None):
        raise DataError(
            f"{path}: expected the column {FILE_COLUMN} or {INDEX_COLUMN}, one of the two, and columns of attributes, "
            f"found {', '.join(header.columns)[:200]}: name them so"
        )
    others = [k for k, name in enumerate(header.columns) if name and k not in (file, index, of_split)]
    if not others:
        raise DataError(f"{path}: expected columns of attributes beside {header.columns[file or index or 0]}: add some")
    rows = [[cell.strip() for cell in row] for _, row in read_rows(header)]
    if index is None:
        names = [as_listed(row[file or 0]) for row in rows]
    else:
        places = [row[index] for row in rows]
        wrong = [place or "an empty cell" for place in places if not (place.isascii() and place.isdecimal())]
        if wrong:
            raise DataError(f"{path}: expected whole numbers from 0 in the column index, found {some(wrong)}")
        splits = (
            check_splits([row[of_split] for row in rows], str(path)) if of_split is not None else [split] * len(rows)
        )
        names = [f"{of} image {int(place)}" for of, place in zip(splits, places, strict=True)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: {len(twice):,} images have more than one row: {some(twice)}: leave one row of each")
    cells = {name: [row[k] for k in others] for name, row in zip(names, rows, strict=True)}
    return Metadata(path, tuple(header.columns[k] for k in others), cells, index is not None)
