"""Reader of a folder of class folders: every folder is a class, every picture in it one of its images.

photos/cat/1.png                photos/train/cat/1.png
photos/dog/2.png       or       photos/test/cat/7.png
                                photos/train/dog/2.png …
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.pictures import open_picture, read_picture
from inkling.images.sampling import stratified_order
from inkling.images.sources.idx import MAX_BYTES

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


def has_class_folders(folder: Path) -> bool:
    """Whether a folder holds a folder with a picture in it, at any depth."""
    return any(True for name in _folders(folder) for _ in _pictures(folder / name))


def load_class_folders(folder: Path, name: str, size: int | None = None) -> Splits:
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
        size.

    Raises
    ------
    DataError
        If a picture cannot be read, sizes differ, a class has no picture, or there are fewer than two classes.
    """
    class_names, found = find_pictures(folder)
    shape = _image_shape(folder, found, size)
    like = found["train"].paths[0] if size is None else None
    pixels = {split: _read(pictures, shape, like) for split, pictures in found.items()}
    # Three equal channels carry no colour: many a grey picture is saved as RGB.
    if all(_is_grey(images) for images in pixels.values()):
        pixels = {split: images[..., :1] for split, images in pixels.items()}
    made = {split: ImageDataset(pixels[split], of.labels, class_names) for split, of in found.items()}
    return Splits(made["train"], made["validation"], made["test"], name)


def find_pictures(folder: Path) -> tuple[tuple[str, ...], Mapping[str, Pictures]]:
    """Return the class names, and for train, validation and test the picture files in the order of their images."""
    folders = _folders(folder)
    above = {name: _SPLITS[name.lower()] for name in folders if name.lower() in _SPLITS}
    if "train" in above.values() and len(above) == len(folders):
        return _given_splits(folder, above)
    class_names = tuple(folders)
    _check_names(folder, class_names)
    whole = _list(folder, class_names, class_names)
    held_out = max(1, round(0.15 * len(whole.paths)))
    train, validation, test = _cut(whole, [held_out, held_out])
    return class_names, {"train": train, "validation": validation, "test": test}


def _given_splits(folder: Path, above: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, Pictures]]:
    if len(set(above.values())) < len(above):
        raise DataError(
            f"{folder}: expected one folder a split, found {', '.join(above)}: join those that are the same"
        )
    names = {split: name for name, split in above.items()}
    class_names = tuple(_folders(folder / names["train"]))
    _check_names(folder / names["train"], class_names)
    found = {}
    for split, name in names.items():
        present = _folders(folder / name)
        unknown = [of for of in present if of not in class_names]
        if unknown:
            raise DataError(
                f"{folder / name}: expected the classes of the training folder, found '{unknown[0]}': "
                "add training pictures of it, or remove it"
            )
        found[split] = _list(folder / name, tuple(present), class_names)
    for split in ("test", "validation"):
        if split not in found:
            found["train"], found[split] = _cut(found["train"], [max(1, len(found["train"].paths) // 6)])
    return class_names, {split: found[split] for split in ("train", "validation", "test")}


def _cut(whole: Pictures, held_out: list[int]) -> list[Pictures]:
    """Return what is left, and stratified parts of the given sizes."""
    sizes = [max(0, len(whole.paths) - sum(held_out)), *held_out]
    order = stratified_order(whole.labels, seed=0)
    return [whole.subset(np.sort(part)) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are passed over."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from None


def _pictures(folder: Path) -> Iterator[Path]:
    """Every picture file in a folder and below it, in one order on every machine."""
    for where, below, files in os.walk(folder):
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


def _image_shape(folder: Path, found: Mapping[str, Pictures], size: int | None) -> tuple[int, int, int]:
    """(H, W, 3) of every picture, as the first one or `size` has it."""
    train = found["train"].paths
    if not train:
        raise DataError(f"{folder}: too few pictures to split: each of train, validation and test needs one at least")
    width, height = (size, size) if size else open_picture(train[0], "RGB").size
    n = sum(len(pictures.paths) for pictures in found.values())
    if n * height * width * 3 > MAX_BYTES:
        raise DataError(
            f"{folder}: {n:,} pictures of {height}x{width} pixels are more than the {MAX_BYTES:,} bytes allowed: "
            f"make them smaller, for example by {folder}@64"
        )
    return height, width, 3


def _read(pictures: Pictures, shape: tuple[int, int, int], like: Path | None) -> NDArray[np.uint8]:
    """Read pictures that must have the size of the picture `like`, or fit them all where it is None."""
    images = np.empty((len(pictures.paths), *shape), np.uint8)
    for place, path in enumerate(pictures.paths):
        if like is None:
            images[place] = read_picture(path, shape)
            continue
        picture = open_picture(path, "RGB")
        if picture.size != (shape[1], shape[0]):
            raise DataError(
                f"{path}: expected {shape[0]}x{shape[1]} pixels, the size of {like}, found "
                f"{picture.height}x{picture.width}: make them one size, or put @ and a size behind the source, as in "
                "photos@64, to have every picture fitted into 64x64 pixels"
            )
        images[place] = np.asarray(picture)
    return images


def _is_grey(images: NDArray[np.uint8]) -> bool:
    return all(
        bool((block[..., :1] == block[..., 1:]).all())
        for block in (images[start : start + 1024] for start in range(0, len(images), 1024))
    )
