"""From what a user types to images: a name, or a path, asked of each kind of source in turn."""

from __future__ import annotations

from pathlib import Path

from inkling.errors import UnknownSourceError, did_you_mean
from inkling.images.corrections import correct
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions, check_takes
from inkling.images.sources.archive import Archive
from inkling.images.sources.digits import Digits
from inkling.images.sources.downloads import NamedDownloads
from inkling.images.sources.folder import ClassFolders, folder_and_size, loose_pictures
from inkling.images.sources.idx import IdxFolder
from inkling.images.sources.npz import NpzFile
from inkling.images.sources.parquet import ParquetFiles
from inkling.images.sources.picture_list import PictureList
from inkling.images.sources.pixel_table import PixelTable
from inkling.images.sources.protocol import LoadObserver, Source
from inkling.images.sources.saved_dataset import SavedDataset

SOURCES: tuple[Source, ...] = (
    Digits(),
    NamedDownloads(),
    IdxFolder(),
    SavedDataset(),
    ParquetFiles(),
    ClassFolders(),
    Archive(),
    NpzFile(),
    PictureList(),
    PixelTable(),
)
"""Every kind of source; the first that matches loads."""


def source_names() -> list[str]:
    """Return every name that `load_images` knows."""
    return [name for kind in SOURCES for name in kind.names]


def canonical(source: str | Path) -> str:
    """Return a source as it is written down: names as they are, paths absolute, to be found from any folder."""
    name = str(source)
    return name if name in source_names() else str(Path(source).expanduser().resolve())


def load_images(
    source: str | Path,
    progress: LoadObserver | None = None,
    corrections: Path | None = None,
    options: LoadOptions = AS_THE_SOURCE_HAS_IT,
) -> Splits:
    """Load labelled images, already split into training, validation and test images.

    Parameters
    ----------
    source : str or Path
        "digits" (bundled, 8x8); "mnist", "fashion-mnist" or "kmnist" (from `INKLING_DATA` or the cache, else
        downloaded and verified); a folder of class folders of pictures, with or without train, validation and test
        folders above them (`FOLDER@64` fits every picture into 64x64 pixels), or a .zip, .tar or .tar.gz of one; a
        folder of IDX files; an .npz file; a .csv file of pixels, or of the paths of pictures; a .parquet file of
        pictures, a folder of them, or one that `save_to_disk` of Hugging Face's `datasets` wrote.
    progress : callable, optional
        Called a few times a second at most with a `LoadProgress`: the stage, and how much of it is done.
    corrections : Path, optional
        A CSV file such as `inkling labels` writes: where it has a correct label, that one replaces the source's.
    options : LoadOptions
        How pictures become images.

    Returns
    -------
    Splits
        Images that come from picture files name them: `splits.test.files`.

    Raises
    ------
    UnknownSourceError
        If there is no such name, folder or file.
    DataError
        If files are damaged, do not fit together, or cannot be downloaded; or the corrections are of other images.
    """
    kind = _kind_of(str(source))
    check_takes(options, kind.takes, str(source))
    splits = kind.load(str(source), progress, options)
    return splits if corrections is None else correct(splits, corrections)


def only_taken(options: LoadOptions, source: str | Path) -> LoadOptions:
    """Return the options that a source takes, the others as they are by default.

    Raises
    ------
    UnknownSourceError
        If there is no such name, folder or file.
    """
    takes = _kind_of(str(source)).takes
    return LoadOptions(**{name: getattr(options, name) for name in takes})


def _kind_of(source: str) -> Source:
    for kind in SOURCES:
        if kind.matches(source):
            return kind
    *folders, last = [kind.description for kind in SOURCES if kind.description]
    expected = f"{', '.join(folders)} or {last}"
    path, _ = folder_and_size(source)
    if path.is_dir() and (loose := loose_pictures(path)):
        raise UnknownSourceError(
            f"{path}: {loose:,} picture{'s lie' if loose != 1 else ' lies'} directly in it: put those of each class "
            "into a folder of its own, whose name is the class"
        )
    if path.exists():
        raise UnknownSourceError(f"{path}: no images that can be read: expected {expected}")
    names = source_names()
    raise UnknownSourceError(
        f"no data set, folder or file is called '{source}'{did_you_mean(source, names)}: "
        f"use {', '.join(names)}, or the path of {expected}"
    )
