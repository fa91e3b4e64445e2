"""Reader of a folder that `save_to_disk` of Hugging Face's `datasets` wrote: arrow files, described in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.decoding import Pictures, load_pictures
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
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.split_names import SPLIT_WORDS

_SPLITS_FILE, _STATE_FILE = "dataset_dict.json", "state.json"


class SavedDataset:
    """A folder that `save_to_disk` wrote."""

    names = ()
    description = "a folder saved by Hugging Face's datasets"
    takes = ("image_size", "fit", "skip_unreadable", "groups", "bits_used")

    def matches(self, source: str) -> bool:
        """Whether the files that say what is in it are there."""
        folder = Path(source).expanduser()
        return (folder / _SPLITS_FILE).is_file() or (folder / _STATE_FILE).is_file()

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pictures` makes of what `read_saved_dataset` finds."""
        return load_pictures(read_saved_dataset(Path(source).expanduser(), options), options, observer)


def read_saved_dataset(folder: Path, options: LoadOptions = AS_THE_SOURCE_HAS_IT) -> Pictures:
    """Return the pictures of a saved `Dataset`, or of a saved `DatasetDict` with its splits; none is decoded.

    Parameters
    ----------
    folder : Path
    options : LoadOptions
        `groups` may name a column.

    Raises
    ------
    DataError
        If a file is missing or damaged, has no pictures or no labels, or a split is called by no usual name.
    MissingLibraryError
        If pyarrow is not installed.
    """
    described = _SPLITS_FILE if (folder / _SPLITS_FILE).is_file() else _STATE_FILE
    refuse_beside_classes(folder, f"{described}, as data sets have that were saved to disk")
    check_pyarrow("saved data sets")
    if described == _SPLITS_FILE:
        names = _json(folder / _SPLITS_FILE, "splits")
        unknown = [name for name in names if str(name).lower() not in SPLIT_WORDS]
        if unknown:
            raise DataError(
                f"{folder / _SPLITS_FILE}: expected the splits train, validation and test, found {unknown[0]!r}: save "
                "the data set without it, or call it otherwise"
            )
        parts: list[tuple[Path, str | None]] = [(folder / name, SPLIT_WORDS[name.lower()]) for name in names]
    else:
        parts = [(folder, None)]
    shards = [_shard(file, split, options.groups) for part, split in parts for file in _arrow_files(part)]
    return to_pictures(folder.resolve().name, folder, shards)


def _arrow_files(folder: Path) -> list[Path]:
    """Return the arrow files of one data set; all lie in its folder."""
    files = _json(folder / _STATE_FILE, "_data_files")
    names = [file.get("filename") if isinstance(file, dict) else None for file in files]
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{folder / _STATE_FILE}: expected the names of arrow files: save the data set again")
    return [folder / Path(str(name)).name for name in names]


def _json(path: Path, key: str) -> list[Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))[key]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): save the data set again") from None
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, list):
        raise DataError(f"{path}: expected JSON with a list '{key}', found something else: save the data set again")
    return value


def _shard(path: Path, split: str | None, groups: str | None) -> Shard:
    import pyarrow as pa

    with reading(path, "an arrow file"):
        # Mapped: the pictures are not read before they are decoded.
        table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        columns = find_columns(table.schema, path)
        images = table.column(columns.image)
        paths = [value.as_py() for chunk in images.chunks for value in chunk.field("path")] if columns.has_path else []
        return Shard(
            str(path),
            path.name,
            key_of(path),
            split,
            columns,
            read_labels(table.column(columns.label), path),
            read_words(table.column(groups)) if groups in table.column_names else None,
            paths,
            images.__getitem__,
        )
