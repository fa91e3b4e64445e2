"""Reader of a folder of class folders: every folder is a class, every picture in it one of its images.

photos/cat/1.png                photos/train/cat/1.png
photos/dog/2.png       or       photos/test/cat/7.png
                                photos/train/dog/2.png …
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.pictures import header_size, open_picture, read_picture
from inkling.images.progress import Progress
from inkling.images.sampling import stratified_order
from inkling.images.sources.idx import MAX_BYTES
from inkling.images.sources.protocol import LoadObserver, stage

MAX_PIXELS = 1024 * 1024
"""Largest picture that is taken in its own size, in pixels: a network would have gigabytes of weights for more."""

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Files with another ending are passed over: folders of pictures hold thumbnails' indices and notes as well."""

_SPLITS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """Picture files of one split, with the class of each."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]

    def subset(self, indices: NDArray[np.intp]) -> Pictures:
        """Return the pictures at `indices`, in that order."""
        return Pictures(tuple(self.paths[i] for i in indices), self.labels[indices])

    def files(self, folder: Path) -> tuple[str, ...]:
        """Return their paths relative to a folder above them, with `/` between folders on every system."""
        return tuple(path.relative_to(folder).as_posix() for path in self.paths)


class ClassFolders:
    """A folder of class folders; `FOLDER@64` fits every picture into 64x64 pixels."""

    names = ()
    description = "a folder of class folders with pictures in them"
    takes = ()

    def matches(self, source: str) -> bool:
        """Whether the folder holds a folder with a picture in it, at any depth."""
        folder, _ = folder_and_size(source)
        return folder.is_dir() and any(True for name in _folders(folder) for _ in _pictures(folder / name))

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,  # noqa: ARG002 - the protocol's
    ) -> Splits:
        """Return what `load_class_folders` does; the name is the folder's, with the size asked for."""
        folder, size = folder_and_size(source)
        return load_class_folders(folder, Path(source).expanduser().resolve().name, size, observer)


def folder_and_size(source: str) -> tuple[Path, int | None]:
    """Take FOLDER@64 apart, unless a folder is called that."""
    path = Path(source).expanduser()
    sized = re.fullmatch(r"(.+)@([1-9]\d{0,3})", str(path))
    return (Path(sized[1]), int(sized[2])) if sized and not path.exists() else (path, None)


def load_class_folders(
    folder: Path, name: str, size: int | None = None, observer: LoadObserver | None = None
) -> Splits:
    """Load a folder of class folders, with or without train, validation and test folders above them.

    Without those, a stratified draw, always the same, makes 70% of the pictures training images, 15% validation and
    15% test images. Where only validation or test is missing, a stratified sixth of the training pictures stands in,
    test first. Classes are named by their folders, in sorted order. Hidden files and files that are no pictures by
    their ending are passed over. Images are grey where all pictures are, whatever their files say, else RGB.

    Parameters
    ----------
    folder : Path
    name : str
        What the data is called.
    size : int, optional
        Pixels: every picture is made a square of so many, as `read_picture` does it. Without it, all must be of one
        size, and of `MAX_PIXELS` at most; their headers are read before any picture is.
    observer : callable, optional
        Told how many pictures are measured and read.

    Raises
    ------
    DataError
        If a picture cannot be read, sizes differ, pictures are too large or too many, a class has no picture, or there
        are fewer than two classes.
    """
    class_names, pictures = find_pictures(folder)
    shape = _image_shape(folder, pictures, size, observer)
    total = sum(len(of_split.paths) for of_split in pictures.values())
    advance = _counter(stage(observer, "reading pictures", "pictures"), total)
    like = pictures["train"].paths[0] if size is None else None
    pixels = {split: _read(of_split.paths, shape, like, advance) for split, of_split in pictures.items()}
    # Three equal channels carry no colour: many a grey picture is saved as RGB.
    if all(_is_grey(images) for images in pixels.values()):
        pixels = {split: np.ascontiguousarray(images[..., :1]) for split, images in pixels.items()}
    for images in pixels.values():
        images.flags.writeable = False  # nobody else has them: the data sets need no copies of their own
    datasets = {
        split: ImageDataset(pixels[split], of_split.labels, class_names, of_split.files(folder))
        for split, of_split in pictures.items()
    }
    return Splits(datasets["train"], datasets["validation"], datasets["test"], name)


def find_pictures(folder: Path) -> tuple[tuple[str, ...], Mapping[str, Pictures]]:
    """Return the class names, and for train, validation and test the picture files in the order of their images."""
    folders = _folders(folder)
    above = {name: _SPLITS[name.lower()] for name in folders if name.lower() in _SPLITS}
    if "train" in above.values() and len(above) == len(folders):
        return _given_splits(folder, above)
    class_names = tuple(folders)
    _check_names(folder, class_names)
    pictures = _list(folder, class_names, class_names)
    held_out = max(1, round(0.15 * len(pictures.paths)))
    train, validation, test = _cut(pictures, [held_out, held_out])
    return class_names, {"train": train, "validation": validation, "test": test}


def _given_splits(folder: Path, above: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, Pictures]]:
    if len(set(above.values())) < len(above):
        raise DataError(
            f"{folder}: expected one folder per split, found {', '.join(above)}: join those that are the same"
        )
    names = {split: name for name, split in above.items()}
    class_names = tuple(_folders(folder / names["train"]))
    _check_names(folder / names["train"], class_names)
    pictures = {}
    for split, name in names.items():
        present = _folders(folder / name)
        unknown = [class_name for class_name in present if class_name not in class_names]
        if unknown:
            raise DataError(
                f"{folder / name}: expected the classes of the training folder, found '{unknown[0]}': "
                "add training pictures of it, or remove it"
            )
        pictures[split] = _list(folder / name, tuple(present), class_names)
    for split in ("test", "validation"):
        if split not in pictures:
            train = pictures["train"]
            pictures["train"], pictures[split] = _cut(train, [max(1, len(train.paths) // 6)])
    return class_names, {split: pictures[split] for split in ("train", "validation", "test")}


def _cut(pictures: Pictures, held_out: list[int]) -> list[Pictures]:
    """Return what is left, and stratified parts of the given sizes."""
    sizes = [max(0, len(pictures.paths) - sum(held_out)), *held_out]
    order = stratified_order(pictures.labels, seed=0)
    return [pictures.subset(np.sort(part)) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are passed over."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from None


def _pictures(folder: Path) -> Iterator[Path]:
    """Every picture file in a folder and below it, in one order on every machine."""

    def cannot_be_read(error: OSError) -> NoReturn:
        # Without it, the pictures of a folder that may not be read would be left out without a word.
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})")

    for where, below, files in os.walk(folder, onerror=cannot_be_read):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(where, name)


def _check_names(folder: Path, class_names: tuple[str, ...]) -> None:
    if len(class_names) < 2:
        raise DataError(f"{folder}: expected two class folders or more, found {len(class_names)}")
    for name in class_names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(f"{folder}: the folder {name!r} has a name that is not UTF-8: rename it") from None


def _list(folder: Path, present: tuple[str, ...], class_names: tuple[str, ...]) -> Pictures:
    """Return the pictures of the class folders that are present, class by class."""
    paths: list[Path] = []
    labels: list[int] = []
    for name in present:
        of_class = list(_pictures(folder / name))
        if not of_class:
            raise DataError(
                f"{folder / name}: no pictures in this class folder (files that end in {', '.join(SUFFIXES)}): "
                "put some in, or remove it"
            )
        paths += of_class
        labels += [class_names.index(name)] * len(of_class)
    return Pictures(tuple(paths), np.array(labels, np.int64))


def _image_shape(
    folder: Path, pictures: Mapping[str, Pictures], size: int | None, observer: LoadObserver | None
) -> tuple[int, int, int]:
    """(H, W, 3) of every picture, as `size` or all their headers have it."""
    paths = [path for of_split in pictures.values() for path in of_split.paths]
    if not pictures["train"].paths:
        raise DataError(f"{folder}: too few pictures to split: each of train, validation and test needs one at least")
    width, height = (size, size) if size else open_picture(paths[0], "RGB").size
    n = len(paths)
    if n * height * width * 3 > MAX_BYTES:
        raise DataError(
            f"{folder}: {n:,} pictures of {height}x{width} pixels are more than the {MAX_BYTES:,} bytes allowed: "
            f"make them smaller, for example by {folder}@64"
        )
    if size is None:
        if height * width > MAX_PIXELS:
            raise DataError(
                f"{paths[0]}: expected {MAX_PIXELS:,} pixels at most, found {height}x{width}: write {folder}@64 to "
                "have every picture fitted into 64x64 pixels"
            )
        progress = stage(observer, "measuring pictures", "pictures")
        for place, path in enumerate(paths, 1):
            if header_size(path) != (width, height):
                _open_in_size(path, (width, height), paths[0])
            progress(place, n)
    return height, width, 3


def _read(
    paths: tuple[Path, ...], shape: tuple[int, int, int], like: Path | None, advance: Callable[[], None]
) -> NDArray[np.uint8]:
    """Read pictures into (N, H, W, 3): in their own size, which must be that of `like`, or fitted without `like`."""
    images = np.empty((len(paths), *shape), np.uint8)
    for place, path in enumerate(paths):
        if like:
            images[place] = np.asarray(_open_in_size(path, (shape[1], shape[0]), like))
        else:
            images[place] = read_picture(path, shape)
        advance()
    return images


def _open_in_size(path: Path, size: tuple[int, int], like: Path) -> Image.Image:
    """Open a picture that must be of this (width, height), which the picture `like` has."""
    picture = open_picture(path, "RGB")
    if picture.size != size:
        raise DataError(
            f"{path}: expected {size[1]}x{size[0]} pixels, the size of {like}, found "
            f"{picture.height}x{picture.width}: make them one size, or put @ and a size behind the source, as in "
            "photos@64, to have every picture fitted into 64x64 pixels"
        )
    return picture


def _counter(progress: Progress, total: int) -> Callable[[], None]:
    """Return what to call after each of `total` pictures."""
    done = count(1)
    return lambda: progress(next(done), total)


def _is_grey(images: NDArray[np.uint8]) -> bool:
    return all(bool((image[..., :1] == image[..., 1:]).all()) for image in images)
