"""Reader of a folder of class folders: every folder is a class, every picture in it one of its images.

Files are found here, without opening any; what their folders mean, `layout` knows.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.decoding import PictureFile, Pictures, file_key, load_pictures
from inkling.images.naming import some
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.pictures import open_file, readable_suffixes, why_no_file
from inkling.images.sources.layout import arrange
from inkling.images.sources.passed_over import PICTURE_SUFFIXES, PassedOver, is_hidden, suffix
from inkling.images.sources.protocol import LoadObserver


class ClassFolders:
    """A folder of class folders; `FOLDER@64` makes every picture 64x64 pixels."""

    names = ()
    description = "a folder of class folders with pictures in them"
    takes = ("image_size", "fit", "skip_unreadable", "groups", "bits_used")

    def matches(self, source: str) -> bool:
        """Whether the folder holds a folder with a picture in it, at any depth."""
        folder, _ = folder_and_size(source)
        wanted = {*readable_suffixes(), *PICTURE_SUFFIXES}  # that some cannot be read here is said by `load`
        return folder.is_dir() and any(
            "/" in name and suffix(name) in wanted for name, _ in walk(folder, [], PassedOver())
        )

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pictures` makes of `find_pictures`; the name is the folder's, with the size asked for.

        Raises
        ------
        DataError
            If the size behind the folder is not the one in the options; or as `find_pictures` and `load_pictures`.
        """
        folder, size = folder_and_size(source)
        if size and options.image_size not in (None, size):
            raise DataError(f"{source}: expected one size, found @{size} and --image-size {options.image_size}")
        options = replace(options, image_size=size or options.image_size)
        return load_pictures(find_pictures(folder, Path(source).expanduser().resolve().name), options, observer)


def folder_and_size(source: str) -> tuple[Path, int | None]:
    """Take FOLDER@64 apart, unless a folder is called that."""
    path = Path(source).expanduser()
    sized = re.fullmatch(r"(.+)@([1-9]\d{0,3})", str(path))
    return (Path(sized[1]), int(sized[2])) if sized and not path.exists() else (path, None)


def loose_pictures(folder: Path) -> int:
    """Return how many pictures lie directly in a folder, and not in a folder below it."""
    wanted = {*readable_suffixes(), *PICTURE_SUFFIXES}
    return sum(
        suffix(entry.name) in wanted and not is_hidden(entry.name) and not _is_folder(entry)
        for entry in _entries(str(folder))
    )


def refuse_beside_classes(folder: Path, found: str) -> None:
    """Refuse a folder of which a table of pictures would be read, where it holds class folders of pictures as well.

    A folder without pictures, or one that holds all of them, may belong to the table.

    Raises
    ------
    DataError
    """
    wanted = readable_suffixes()
    classes = {
        name.partition("/")[0] for name, _ in walk(folder, [], PassedOver()) if suffix(name) in wanted and "/" in name
    }
    if len(classes) > 1:
        raise DataError(
            f"{folder}: holds {found}, and folders of pictures ({some(sorted(classes))}): only one of the two can be "
            "meant: move the other away"
        )


def find_pictures(folder: Path, name: str) -> Pictures:
    """Return the pictures in a folder of class folders, with or without train, validation and test folders above them.

    Classes are named by their folders, in sorted order. Hidden files, and files that are no pictures by their ending,
    are passed over. Links to files are followed; links to folders where these lie outside.

    Parameters
    ----------
    folder : Path
    name : str
        What the data is called.

    Raises
    ------
    DataError
        If a folder cannot be read, a name is not UTF-8, or the layout is not understood (`layout.arrange`).
    """
    return arrange_listing(_list(folder), name, str(folder))


@dataclass(frozen=True)
class Listing:
    """What lies in a folder or in an archive of one; names are relative to it."""

    files: list[PictureFile]  # sorted by `layout.walk_order`
    folders: list[str]
    passed: PassedOver


def arrange_listing(listing: Listing, name: str, where: str) -> Pictures:
    """Return the pictures of a listing that belong to a class.

    Raises
    ------
    DataError
        If a name is not UTF-8, or the layout is not understood (`layout.arrange`).
    """
    _check_names(where, listing)
    try:
        arranged = arrange([file.name for file in listing.files], where, listing.folders)
    except DataError as error:
        raise DataError(". ".join([str(error), *listing.passed.notes()])) from None
    return Pictures(
        name=name,
        where=where,
        class_names=arranged.class_names,
        files=[listing.files[place] for place in arranged.places],
        labels=arranged.labels,
        splits=arranged.splits,
        notes=(*arranged.notes, *listing.passed.notes()),
    )


def _list(root: Path) -> Listing:
    """Find every picture in a folder and below it."""
    listing, suffixes = Listing([], [], PassedOver()), frozenset(readable_suffixes())
    for name, entry in walk(root, listing.folders, listing.passed):
        ending = suffix(entry.name)
        if ending in suffixes:
            listing.files.append(_picture_file(name, entry))
        elif "/" in name:
            listing.passed.suffixes[ending] += 1
    return listing


def _picture_file(name: str, entry: os.DirEntry[str]) -> PictureFile:
    """Return a picture by its name: one that cannot be read, where there is no file behind it."""
    with suppress(OSError):
        about = entry.stat()
        if stat.S_ISREG(about.st_mode):
            return PictureFile(name, file_key(about), partial(open_file, entry.path))
    reason = why_no_file(entry.path)
    return PictureFile(name, (reason,), partial(_refuse, reason))


def _refuse(reason: str) -> NoReturn:
    raise DataError(reason)


def walk(root: Path, folders: list[str], passed: PassedOver) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (relative name, entry) of every file, in one order on every machine: of a folder, its files come first.

    The names of folders are added to `folders`, links that are not followed to `passed`.

    Raises
    ------
    DataError
        If a folder cannot be read.
    """
    waiting, read = [("", str(root))], [os.path.join(os.path.realpath(root), "")]
    while waiting:
        name, path = waiting.pop()
        if name:
            folders.append(name)
        prefix, below = f"{name}/" if name else "", []
        for entry in _entries(path):
            if is_hidden(entry.name):
                continue
            if not _is_folder(entry):
                yield prefix + entry.name, entry
            elif entry.is_symlink() and not _leads_outside(entry.path, read):
                passed.links.append(prefix + entry.name)
            else:
                below.append((prefix + entry.name, entry.path))
        waiting += reversed(below)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        # Without it, the pictures of a folder that may not be read would be left out without a word.
        raise DataError(f"{path}: cannot be read ({error.strerror}): allow it to be read, or move it away") from None


def _leads_outside(link: str, read: list[str]) -> bool:
    """Whether a link leads to a folder that is neither in nor above one that is read, which it then joins."""
    target = os.path.join(os.path.realpath(link), "")
    if any(target.startswith(folder) or folder.startswith(target) for folder in read):
        return False
    read.append(target)
    return True


def _check_names(where: str, listing: Listing) -> None:
    names = [*listing.folders, *(file.name for file in listing.files)]
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        wrong = [name for name in names if any("\ud800" <= letter <= "\udfff" for letter in name)]
        raise DataError(f"{where}: expected names in UTF-8, found {some(wrong)}: rename what is called so") from None
