"""From the encoded pictures of a source to images in three splits: measured, fitted, decoded on all cores, cached.

A source says what pictures it holds (`Pictures`); everything after that is the same for folders, tables, archives and
rows of encoded bytes, and is done by `load_pictures`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.protocol import LoadObserver


class PictureFile(NamedTuple):
    """One encoded picture of a source.

    Attributes
    ----------
    name : str
        Relative to the source, with `/` between folders ("cat/1.png"); or what else tells a person which one it is
        ("row 17"). It becomes the image's name (`ImageDataset.files`) and stands in messages.
    key : tuple of int and str
        Changes when its bytes change: (size, modification time) of a file; (offset, size, CRC) of an archive's member
        together with the archive's own; a digest of bytes. Cheap: it is asked for before every load.
    open : callable
        Returns its bytes as a binary file, at their beginning, that is closed after use: `partial(open, path, "rb")`,
        `partial(io.BytesIO, content)`. Called at least twice (once for the header), from several threads at a time.
        May raise OSError or DataError: the picture then counts as unreadable.
    """

    name: str
    key: tuple[int | str, ...]
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, eq=False)
class Pictures:
    """All pictures of a source, labelled, none of them opened yet.

    Attributes
    ----------
    name : str
        What the data is called (`Splits.name`).
    where : str
        The source as messages name it, usually its path.
    class_names : tuple of str, length K
        At least two.
    files : sequence of PictureFile, length N
        In an order that is the same on every machine: images of a split keep it.
    labels : ndarray of int64, shape (N,)
        0..K-1.
    splits : sequence of str, length N, optional
        "train", "validation" or "test" of each picture, where the source gives them. Validation or test may be
        missing; it is then cut from the training pictures. None: all three are made.
    groups : sequence of str, length N, optional
        The group of each picture, where the source itself has a column of them. Otherwise `options.groups` (a CSV file
        or a regular expression on names) is read by `load_pictures`.
    notes : tuple of str
        What the source has to say aloud; comes first in `Splits.notes`.
    """

    name: str
    where: str
    class_names: tuple[str, ...]
    files: Sequence[PictureFile]
    labels: NDArray[np.int64]
    splits: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = ()


def load_pictures(
    pictures: Pictures, options: LoadOptions = AS_THE_SOURCE_HAS_IT, observer: LoadObserver | None = None
) -> Splits:
    """Return the pictures as images in three splits.

    Splits are made where they are not given (`images.splitting`): 70% training, 15% validation and 15% test pictures,
    or a sixth of the training pictures for the one that is missing; stratified by class, no group in two of them, and
    always the same. The headers of all pictures are read before any is decoded. Pictures of one size of at most 256
    pixels keep it; otherwise each is made a square, whose side is the median of the shorter sides, 224 at most, unless
    `options` says another. Images are grey where all pictures are, else RGB. They are decoded once and then read from
    the cache, memory-mapped, with their fingerprints.

    Parameters
    ----------
    pictures : Pictures
    options : LoadOptions
        All four are heeded: a source that calls this has them all in its `takes`.
    observer : callable, optional
        Told how many pictures are measured and read.

    Returns
    -------
    Splits
        With the resolved options, notes, and the names of skipped files.

    Raises
    ------
    DataError
        If pictures cannot be read (all are named, unless `options.skip_unreadable`), a split or a class has no training
        picture, groups do not fit, or images would be too many for the memory where the cache cannot be written.
    """
    raise NotImplementedError
