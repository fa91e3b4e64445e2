"""Reader of IDX files, the format of MNIST: strict about every byte of header and length.

Format (LeCun, Cortes, Burges): two zero bytes, a type byte (0x08 is uint8), the number of dimensions, each
dimension as a big-endian uint32, then the values. Files may be gzip-compressed.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits, split_stratified
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.progress import Progress
from inkling.images.sources.protocol import LoadObserver, stage

MAX_BYTES = 4 * 1024**3
"""Largest uncompressed file that is read, in bytes: a header that promises more is refused before any allocation."""
_BLOCK = 1 << 20

_FILE = re.compile(
    r"(?:^|[-_.])(?P<split>train|t10k|test|validation|val)[-_.](?P<part>images|labels)[-_.]idx\d-ubyte(?:\.gz)?$"
)
_SPLITS = {"train": "train", "t10k": "test", "test": "test", "validation": "validation", "val": "validation"}


def read_idx(path: Path, dimensions: int | tuple[int, ...], observer: LoadObserver | None = None) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    Parameters
    ----------
    path : Path
        Raw or gzip-compressed, which its first two bytes say, never its name.
    dimensions : int or tuple of int
        The number (or numbers) of dimensions that are accepted.
    observer : callable, optional
        Told how many of the uncompressed bytes are read.

    Returns
    -------
    ndarray of uint8
        Read-only, in the shape that the header gives.

    Raises
    ------
    DataError
        If the file is missing, is not IDX, has another number of dimensions, or holds fewer or more bytes than
        its header says.
    """
    accepted = (dimensions,) if isinstance(dimensions, int) else dimensions
    try:
        with open(path, "rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if compressed else open(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:3] != b"\x00\x00\x08" or start[3] not in accepted:
                wanted = " or ".join(f"0000080{d}" for d in accepted)
                hint = "" if compressed or path.suffix != ".gz" else " (the name ends in .gz but it is not gzip)"
                raise DataError(
                    f"{path}: expected the IDX magic number {wanted}, found {start.hex() or 'an empty file'}{hint}: "
                    "replace the file with the original"
                )
            header = file.read(4 * start[3])
            if len(header) < 4 * start[3]:
                raise DataError(f"{path}: truncated inside its header: replace the file with the original")
            shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(0, len(header), 4))
            size = 1
            for length in shape:
                size *= length
            if size > MAX_BYTES:
                raise DataError(f"{path}: its header promises {size:,} bytes, more than the {MAX_BYTES:,} allowed")
            values = _read_values(file, size, stage(observer, f"reading {path.name}", "bytes"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"{path}: truncated or damaged gzip data ({error}): replace the file with the original"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(values) != size:
        count = f"only {len(values):,}" if len(values) < size else "more"
        raise DataError(
            f"{path}: its header promises {size:,} values (shape {shape}), found {count}: "
            "replace the file with the original"
        )
    array = np.frombuffer(values, dtype=np.uint8)
    array.flags.writeable = False
    return array.reshape(shape)


def _read_values(file: io.BufferedIOBase, size: int, progress: Progress) -> bytearray:
    """Return the next `size` bytes: fewer where the file ends before, one more where it goes on."""
    values = bytearray()
    while block := file.read(min(_BLOCK, size + 1 - len(values))):
        values += block
        progress(min(len(values), size), size)
    return values


def read_pair(
    images: Path, labels: Path, class_names: tuple[str, ...] | None = None, observer: LoadObserver | None = None
) -> ImageDataset:
    """Read an image file and its label file; without `class_names`, classes are called by their numbers.

    Raises
    ------
    DataError
        If either file is damaged, their counts differ, or a label is not below the number of classes.
    """
    pixels, values = read_idx(images, (3, 4), observer), read_idx(labels, 1)
    if len(pixels) != len(values):
        raise DataError(
            f"{images} holds {len(pixels):,} images but {labels.name} holds {len(values):,} labels: they are not a pair"
        )
    names = class_names or tuple(str(k) for k in range(int(values.max(initial=0)) + 1))
    if len(values) and values.max() >= len(names):
        raise DataError(
            f"{labels}: labels must be 0..{len(names) - 1} for {len(names)} classes, found {values.max()}: "
            "the file is damaged or belongs to another data set"
        )
    return ImageDataset(pixels, values.astype(np.int64), names)


class IdxFolder:
    """A folder of IDX files named as MNIST's are."""

    names = ()
    description = "a folder of IDX files (train-images-idx3-ubyte and train-labels-idx1-ubyte, raw or .gz)"
    takes = ()

    def matches(self, source: str) -> bool:
        """Whether the folder holds pairs of such files."""
        folder = Path(source).expanduser()
        return folder.is_dir() and bool(find_pairs(folder))

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,  # noqa: ARG002 - the protocol's
    ) -> Splits:
        """Return what `load_idx_folder` does; the name is the folder's."""
        folder = Path(source).expanduser().resolve()
        return load_idx_folder(folder, folder.name, observer=observer)


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Map train, validation and test to the (image file, label file) found in a folder by MNIST's names."""
    paths: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):  # Windows would sort without case
        match = _FILE.search(path.name)
        if match:
            paths.setdefault((_SPLITS[match["split"]], match["part"]), path)
    pairs = {}
    for split in ("train", "validation", "test"):
        images, labels = paths.get((split, "images")), paths.get((split, "labels"))
        if images and labels:
            pairs[split] = (images, labels)
        elif images or labels:
            missing = "label" if images else "image"
            raise DataError(f"{folder}: there is {(images or labels).name} but no {missing} file beside it")  # type: ignore[union-attr]
    return pairs


def load_idx_folder(
    folder: Path, name: str, class_names: tuple[str, ...] | None = None, observer: LoadObserver | None = None
) -> Splits:
    """Load a folder of IDX files named as MNIST's are.

    Where no validation files exist, the last sixth of the training file is validation, as MNIST's users do
    (50,000 and 10,000), unless a class would be missing on either side: then a stratified sixth is. Where no
    test files exist, a stratified sixth of the training file is held out first.

    Raises
    ------
    DataError
        If there is no training pair, or any file is not right.
    """
    return load_idx_pairs(find_pairs(folder), folder, name, class_names, observer)


def load_idx_pairs(
    pairs: dict[str, tuple[Path, Path]],
    folder: Path,
    name: str,
    class_names: tuple[str, ...] | None = None,
    observer: LoadObserver | None = None,
) -> Splits:
    """Load the (image file, label file) of each split; what `load_idx_folder` says of missing splits holds."""
    if "train" not in pairs:
        raise DataError(
            f"{folder}: no IDX training files: expected train-images-idx3-ubyte and train-labels-idx1-ubyte "
            "(raw or .gz)"
        )
    train = read_pair(*pairs["train"], class_names, observer)
    names = train.class_names
    if "test" in pairs:
        test = read_pair(*pairs["test"], names, observer)
    else:
        train, test = split_stratified(train, [len(train) - len(train) // 6, len(train) // 6])
    if "validation" in pairs:
        validation = read_pair(*pairs["validation"], names, observer)
    else:
        train, validation = _last_sixth(train)
    return Splits(train, validation, test, name)


def _last_sixth(dataset: ImageDataset) -> tuple[ImageDataset, ImageDataset]:
    held_out = len(dataset) // 6
    cut = len(dataset) - held_out
    if np.array_equal(np.unique(dataset.labels[:cut]), np.unique(dataset.labels[cut:])):
        return dataset.subset(slice(None, cut)), dataset.subset(slice(cut, None))
    train, validation = split_stratified(dataset, [cut, held_out])
    return train, validation
