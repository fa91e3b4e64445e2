"""Reader of parquet files of encoded pictures and labels, as on the Hugging Face Hub: one, or a folder of them.

data/train-00000-of-00002.parquet
data/train-00001-of-00002.parquet
data/test-00000-of-00001.parquet
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.decoding import Pictures, load_pictures
from inkling.images.naming import some
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.arrow_tables import (
    Shard,
    check_pyarrow,
    find_columns,
    key_of,
    read_labels,
    read_words,
    reading,
    to_pictures,
)
from inkling.images.sources.folder import refuse_beside_classes
from inkling.images.sources.idx import MAX_BYTES
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.split_names import SPLIT_WORDS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAX_ROWS = 20_000_000
"""A few bytes can announce any number of equal rows."""

_GROUPS_KEPT = 2
"""Row groups in memory: threads that decode are at the end of one and at the beginning of the next."""


class ParquetFiles:
    """A parquet file, or a folder of them."""

    names = ()
    description = "a .parquet file of pictures and labels or a folder of them"
    takes = ("image_size", "fit", "skip_unreadable", "groups", "bits_used")

    def matches(self, source: str) -> bool:
        """Whether it is a file that is called so, or a folder with one in it."""
        path = Path(source).expanduser()
        return bool(find_files(path)) if path.is_dir() else path.is_file() and path.suffix.lower() == ".parquet"

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pictures` makes of what `read_parquet` finds."""
        return load_pictures(read_parquet(Path(source).expanduser(), options), options, observer)


def find_files(folder: Path) -> list[Path]:
    """Return the parquet files in a folder or in the folder `data` in it, in sorted order."""
    return next(
        (files for files in (sorted(folder.glob("*.parquet")), sorted(folder.glob("data/*.parquet"))) if files), []
    )


def read_parquet(path: Path, options: LoadOptions = AS_THE_SOURCE_HAS_IT) -> Pictures:
    """Return the pictures of a parquet file or of a folder of them; none of them is read yet.

    The image column is a struct of bytes and path, or bytes alone; the label column holds integers, with the names of
    the classes in the schema where Hugging Face's `datasets` wrote it, or words. Files of a folder belong to the split
    that their names say ("train-00000-of-00002.parquet"); where none says one, all are one set that is yet to be split.

    Parameters
    ----------
    path : Path
    options : LoadOptions
        `groups` may name a column.

    Raises
    ------
    DataError
        If a file is truncated or no parquet file, or has no pictures or no labels.
    MissingLibraryError
        If pyarrow is not installed.
    """
    check_pyarrow("parquet files")
    if path.is_dir():
        files = find_files(path)
        refuse_beside_classes(path, f"parquet files ({some([file.name for file in files])})")
        splits = [_split(file) for file in files]
        if any(splits) and not all(splits):
            raise DataError(
                f"{files[splits.index(None)]}: expected a name that says its split, as those of other files beside it "
                "(train-…, validation-…, test-…): rename it or move it away"
            )
    else:
        files, splits = [path], [None]
    shards = [_shard(file, split, options.groups) for file, split in zip(files, splits, strict=True)]
    return to_pictures(path.resolve().stem if path.is_file() else path.resolve().name, path, shards)


def _split(path: Path) -> str | None:
    """Return the split that a file's name says."""
    named = [SPLIT_WORDS[word] for word in re.split(r"[-_.]", path.stem.lower()) if word in SPLIT_WORDS]
    return named[0] if named else None


def _shard(path: Path, split: str | None, groups: str | None) -> Shard:
    import pyarrow.parquet as pq

    with reading(path, "a parquet file"), pq.ParquetFile(path) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise DataError(f"{path}: has {file.metadata.num_rows:,} rows, more than the {MAX_ROWS:,} allowed")
        columns = find_columns(file.schema_arrow, path)
        wanted = [columns.label, *([f"{columns.image}.path"] if columns.has_path else [])]
        has_groups = groups in file.schema_arrow.names
        table = file.read(columns=[*wanted, *([groups] if has_groups else [])])
        rows = RowGroups(path, columns.image, file.metadata)
    struct = table.column(columns.image) if columns.image in table.column_names else None
    paths = [value and value.get("path") for value in struct.to_pylist()] if struct is not None else []
    return Shard(
        str(path),
        path.name,
        key_of(path),
        split,
        columns,
        read_labels(table.column(columns.label), path),
        read_words(table.column(groups)) if has_groups else None,
        paths,
        rows.value,
    )


class RowGroups:
    """Pictures of a parquet file by row: the row groups that were asked for last are kept, the others read again.

    Parameters
    ----------
    path : Path
    column : str
    metadata : pyarrow.parquet.FileMetaData

    Raises
    ------
    DataError
        If one of its row groups says that it takes more than `MAX_BYTES`.
    """

    def __init__(self, path: Path, column: str, metadata: pq.FileMetaData) -> None:
        self.path, self.column, self.metadata = path, column, metadata
        self.ends: list[int] = []
        for group in range(metadata.num_row_groups):
            about = metadata.row_group(group)
            if about.total_byte_size > MAX_BYTES:
                raise DataError(
                    f"{path}: a row group has {about.total_byte_size:,} bytes, more than the {MAX_BYTES:,} allowed: "
                    "write it with smaller row groups"
                )
            self.ends.append((self.ends[-1] if self.ends else 0) + about.num_rows)
        self.kept: OrderedDict[int, Any] = OrderedDict()
        self.lock = Lock()

    def value(self, row: int) -> Any:
        """Return the scalar of a row."""
        group = bisect_right(self.ends, row)
        with self.lock:
            if group not in self.kept:
                self.kept[group] = self._read(group)
                while len(self.kept) > _GROUPS_KEPT:
                    self.kept.popitem(last=False)
            self.kept.move_to_end(group)
            return self.kept[group][row - (self.ends[group - 1] if group else 0)]

    def _read(self, group: int) -> Any:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path, metadata=self.metadata) as file:
            return file.read_row_group(group, columns=[self.column]).column(0)
