"""From the arrays that a file holds to three splits, as all sources without encoded pictures make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError
from inkling.images.classes import alike_note, check_two, number_labels
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.naming import some
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions


def split_arrays(
    images: NDArray[np.uint8],
    labels: Any,
    path: Path,
    *,
    class_names: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    notes: Sequence[str] = (),
) -> Splits:
    """Return images of a file as splits.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W) or (N, H, W, C)
    labels : array-like of integers or str, shape (N,)
        As `number_labels` takes them.
    path : Path
        The file. Its name without the ending is the name of the splits.
    class_names : sequence of str, optional
    splits : sequence of str, length N, optional
        "train", "validation" or "test" of each image; what is missing is cut from the training images.
    groups : sequence of str, length N, optional
    options : LoadOptions
    notes : sequence of str

    Raises
    ------
    DataError
        If labels do not fit, there are fewer than two classes, or one has no training image.
    """
    places, names = number_labels(labels, class_names, str(path))
    check_two(names, str(path))
    made = Splits.from_dataset(ImageDataset(images, places, names), str(path), splits, groups)
    untrained = [name for name, count in made.train.class_counts.items() if not count]
    if untrained:
        add = "add some" if groups is None else "its groups are in other splits, so that it needs more of them"
        raise DataError(f"{path}: expected training images of every class, found none of {some(untrained)}: {add}")
    said = tuple(note for note in (*notes, alike_note(names)) if note)
    return replace(made, name=path.stem, options=options, notes=said)
