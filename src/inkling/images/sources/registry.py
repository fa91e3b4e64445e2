"""From what a user types to images: a name, or a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from inkling.errors import UnknownSourceError, did_you_mean
from inkling.images.corrections import correct
from inkling.images.dataset import Splits
from inkling.images.sources.downloads import NAMED_SETS, Progress, data_folder, fetch
from inkling.images.sources.folder import find_pictures, has_class_folders, load_class_folders
from inkling.images.sources.idx import find_pairs, load_idx_folder, load_idx_pairs

BUNDLED = "digits"


def source_names() -> list[str]:
    """Return every name that `load_images` knows."""
    return [BUNDLED, *NAMED_SETS]


def canonical(source: str | Path) -> str:
    """Return a source as it is written down: names as they are, paths absolute, to be found from any folder."""
    name = str(source)
    return name if name in source_names() else str(Path(source).expanduser().resolve())


def load_images(source: str | Path, progress: Progress | None = None, corrections: Path | None = None) -> Splits:
    """Load labelled images, already split into training, validation and test images.

    Parameters
    ----------
    source : str or Path
        "digits" (bundled, 8x8); "mnist", "fashion-mnist" or "kmnist" (from `INKLING_DATA` or the cache, else
        downloaded and verified); a folder of class folders of pictures, with or without train, validation and test
        folders above them (`FOLDER@64` fits every picture into 64x64 pixels); or a folder of IDX files.
    progress : callable, optional
        Called during a download with (file name, bytes so far, bytes in all).
    corrections : Path, optional
        A CSV file such as `inkling labels` writes: where it has a correct label, that one replaces the source's.

    Returns
    -------
    Splits

    Raises
    ------
    UnknownSourceError
        If there is no such name, folder or file.
    DataError
        If files are damaged, do not fit together, or cannot be downloaded; or the corrections are of other images.
    """
    splits = _load(source, progress)
    return splits if corrections is None else correct(splits, corrections)


def file_names(source: str | Path) -> Mapping[str, tuple[str, ...]]:
    """Return, by split, the picture file of each image of a folder of class folders; nothing for other sources."""
    if str(source) in source_names():
        return {}
    folder, _ = _folder_and_size(source)
    if not folder.is_dir() or find_pairs(folder) or not has_class_folders(folder):
        return {}
    _, found = find_pictures(folder)
    return {split: tuple(str(path.relative_to(folder)) for path in of.paths) for split, of in found.items()}


def _load(source: str | Path, progress: Progress | None) -> Splits:
    name = str(source)
    if name == BUNDLED:
        # Imported here because scikit-learn costs a second that no other source needs.
        from inkling.images.sources.digits import load_digits

        return load_digits()
    if name in NAMED_SETS:
        entry = NAMED_SETS[name]
        folder = data_folder() / name
        # The very files that were verified, whatever else lies beside them.
        files = fetch(entry, folder, progress)
        train_images, train_labels, test_images, test_labels = (files[file] for file in entry.file_names)
        pairs = {"train": (train_images, train_labels), "test": (test_images, test_labels)}
        return load_idx_pairs(pairs, folder, name, entry.class_names)
    path, size = _folder_and_size(source)
    if path.is_dir() and size is None and find_pairs(path):
        return load_idx_folder(path, path.resolve().name)
    if path.is_dir() and has_class_folders(path):
        return load_class_folders(path, Path(source).expanduser().resolve().name, size)
    if path.exists():
        raise UnknownSourceError(
            f"{path}: no images that can be read: expected a folder of class folders with pictures in them, or of IDX "
            "files (train-images-idx3-ubyte and train-labels-idx1-ubyte, raw or .gz)"
        )
    names = source_names()
    raise UnknownSourceError(
        f"no data set, folder or file is called '{name}'{did_you_mean(name, names)}: "
        f"use {', '.join(names)}, or the path of a folder of class folders or of IDX files"
    )


def _folder_and_size(source: str | Path) -> tuple[Path, int | None]:
    """Take FOLDER@64 apart, unless a folder is called that."""
    path = Path(source).expanduser()
    sized = re.fullmatch(r"(.+)@([1-9]\d{0,3})", str(path))
    return (Path(sized[1]), int(sized[2])) if sized and not path.exists() else (path, None)
