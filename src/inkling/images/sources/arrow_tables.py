"""Tables of encoded pictures and labels as Hugging Face's `datasets` writes them: which column is what, and who is who.

What is read of a file, and when, is left to the sources: parquet files and folders of `save_to_disk`. pyarrow is
imported where one of them is loaded.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inkling.errors import DataError, MissingLibraryError
from inkling.images.classes import number_labels
from inkling.images.decoding import PictureFile, Pictures, file_key
from inkling.images.pictures import open_file

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS, LABEL_COLUMNS = ("image", "img"), ("label", "labels", "class", "target")
"""What columns are called, where several could be meant."""

NOT_LABELLED = -1
"""What Hugging Face writes for the label of an image that has none, as of a test split kept secret."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are."""

    image: str
    label: str
    has_path: bool  # whether the image column is a struct of bytes and path, and not bytes alone
    class_names: tuple[str, ...] | None  # as the schema has them


@dataclass(frozen=True)
class Shard:
    """One file of a table, with all of it but the pictures."""

    where: str  # for messages
    name: str  # of the file
    key: tuple[int | str, ...]  # another when the file is another
    split: str | None
    columns: Columns
    labels: Sequence[Any]  # integers or words, N of them
    groups: Sequence[str] | None
    paths: Sequence[str | None]  # of the pictures when they were files, where the table has them
    value: Callable[[int], Any]  # the image column's scalar in a row; called from several threads
    follows_paths: bool = False  # whether a path without bytes is opened: one of this machine, given from Python


def check_pyarrow(what: str) -> None:
    """Raise MissingLibraryError if pyarrow is not installed."""
    if not find_spec("pyarrow"):
        raise MissingLibraryError(
            f"reading {what} needs pyarrow, which is not installed: run pip install 'inkling-ml[tables]'"
        )


@contextmanager
def reading(where: str | Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong with a file into a DataError that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise DataError(
            f"{where}: expected {kind}, truncated, damaged or something else ({reason}): replace it with the original"
        ) from None


def find_columns(schema: pa.Schema, where: str | Path) -> Columns:
    """Return which column holds pictures, and which labels.

    Raises
    ------
    DataError
        If there is none, or several could be meant.
    """
    import pyarrow as pa

    features = _features(schema)
    binary = (pa.types.is_binary, pa.types.is_large_binary)

    def holds_pictures(field: pa.Field) -> bool:
        kind = field.type
        if pa.types.is_struct(kind):
            place = kind.get_field_index("bytes")
            return place >= 0 and any(is_binary(kind.field(place).type) for is_binary in binary)
        return any(is_binary(kind) for is_binary in binary)

    def holds_labels(field: pa.Field) -> bool:
        return any(
            is_kind(field.type) for is_kind in (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
        )

    names = ", ".join(schema.names)[:200] or "none"

    def found(usual: Sequence[str]) -> str:
        wrong = [f"'{field.name}' of type {field.type}" for field in schema if field.name.lower() in usual]
        return wrong[0] if wrong else f"the columns {names}"

    image = _choose([field.name for field in schema if holds_pictures(field)], IMAGE_COLUMNS)
    if image is None:
        raise DataError(
            f"{where}: expected a column 'image' of encoded pictures (bytes, or a struct of bytes and path), found "
            f"{found(IMAGE_COLUMNS)}: write it with the pictures in it, as Hugging Face's datasets do"
        )
    possible = [field.name for field in schema if holds_labels(field)]
    named = [name for name in possible if features.get(name, {}).get("_type") == "ClassLabel"]
    label = _choose(possible, LABEL_COLUMNS, named)
    if label is None:
        raise DataError(
            f"{where}: expected a column 'label' of whole numbers or words, found {found(LABEL_COLUMNS)}: write the "
            "classes so, and call the column 'label'"
        )
    class_names = features.get(label, {}).get("names")
    return Columns(
        image,
        label,
        pa.types.is_struct(schema.field(image).type),
        tuple(map(str, class_names)) if isinstance(class_names, list) and class_names else None,
    )


def to_pictures(name: str, where: str | Path, shards: Sequence[Shard]) -> Pictures:
    """Return the pictures of all files of a table, in their order.

    Splits that are not labelled are left out, and the notes say so.

    Raises
    ------
    DataError
        If a label is missing, or the files do not have the same classes.
    """
    shards, notes = _labelled(shards)
    if not shards:
        raise DataError(f"{where}: expected labelled images, found none: give a file whose rows have labels")
    first = shards[0]
    for shard in shards:
        if shard.columns != first.columns:
            raise DataError(f"{shard.where}: expected the columns and classes of {first.where}, found others")
    labels, class_names = number_labels(
        [label for shard in shards for label in shard.labels], first.columns.class_names, str(where)
    )
    return Pictures(
        name=name,
        where=str(where),
        class_names=class_names,
        files=_picture_files(shards),
        labels=labels,
        splits=None if first.split is None else [str(shard.split) for shard in shards for _ in shard.labels],
        groups=None if first.groups is None else [group for shard in shards for group in shard.groups or ()],
        notes=notes,
    )


def key_of(path: Path) -> tuple[int | str, ...]:
    """Return what is another when a file is another."""
    return path.name, *file_key(path.stat())


def read_labels(column: pa.ChunkedArray, where: str | Path) -> list[Any]:
    """Return a column of labels, none of which may be missing."""
    labels: list[Any] = column.to_pylist()
    if column.null_count:
        row = labels.index(None)
        raise DataError(f"{where}, row {row}: expected a label, found none: give every image its class")
    return labels


def read_words(column: pa.ChunkedArray) -> list[str]:
    """Return a column of groups as words."""
    return [str(value) for value in column.to_pylist()]


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return what `datasets` wrote about each column; nothing where it wrote nothing."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _choose(possible: list[str], usual: Sequence[str], preferred: Sequence[str] = ()) -> str | None:
    """Return the column that is called as usual, the only one preferred, or the only one possible."""
    lower = {name.lower(): name for name in possible}
    for name in usual:
        if name in lower:
            return lower[name]
    for names in (preferred, possible):
        if len(names) == 1:
            return names[0]
    return None


def _labelled(shards: Sequence[Shard]) -> tuple[list[Shard], tuple[str, ...]]:
    kept, notes = [], []
    for shard in shards:
        if len(shard.labels) and all(label == NOT_LABELLED for label in shard.labels):
            notes.append(f"{shard.name} is left out: its {len(shard.labels):,} images are not labelled")
        else:
            kept.append(shard)
    return kept, tuple(notes)


def _picture_files(shards: Sequence[Shard]) -> list[PictureFile]:
    paths = [path for shard in shards for path in shard.paths]
    named = all(paths) and len(set(paths)) == len(paths) == sum(len(shard.labels) for shard in shards)
    files = []
    for shard in shards:
        for row in range(len(shard.labels)):
            where = f"row {row}" if len(shards) == 1 else f"{shard.name} row {row}"
            name = str(shard.paths[row]) if named else where
            files.append(PictureFile(name, (*shard.key, row), partial(_open_row, shard, row)))
    return files


def _open_row(shard: Shard, row: int) -> BinaryIO:
    with reading(shard.where, "a table of pictures"):
        value = shard.value(row).as_py()
    content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if content is not None:
        return io.BytesIO(content)
    if path and shard.follows_paths:
        return open_file(path)
    raise DataError(f"expected the bytes of a picture, found {f'the path {path} alone' if path else 'none'}")
