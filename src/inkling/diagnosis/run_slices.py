"""Accuracy of a run in slices that a CSV file makes of its images, and whether groups of them were trained on too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.group_leak import GroupLeak, measure_group_leak
from inkling.diagnosis.slices import Slices, is_missing, measure_slices
from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.metadata import FILE_COLUMN, INDEX_COLUMN, Metadata
from inkling.images.naming import some
from inkling.images.sources.protocol import LoadObserver
from inkling.runs.run import Run

GROUP_COLUMN = "group"
"""It says which images belong together, as in the file of --groups, and makes no slices."""


@dataclass(frozen=True)
class RunSlices:
    """What attributes of the images say of a run."""

    slices: Slices | None  # None where the file has groups alone
    leak: GroupLeak | None  # None where it has no groups, or they say nothing of training images
    leak_unknown: str = ""  # why there is no leak though there are groups, a sentence

    @property
    def leak_verdict(self) -> str:
        """One sentence about groups; empty where there are none."""
        return self.leak.verdict if self.leak else self.leak_unknown

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "slices": self.slices and self.slices.to_dict(),
            "group_leak": self.leak.to_dict() if self.leak else None,
        }


def slice_run(
    run: Run,
    metadata: Metadata,
    correct: NDArray[np.bool_],
    split: str,
    data: str | None = None,
    load_progress: LoadObserver | None = None,
) -> RunSlices:
    """Measure accuracy by the attributes of images, and on groups that training images belong to.

    Parameters
    ----------
    run : Run
        Its source must be there still: it says how pictures are called.
    metadata : Metadata
        A row for each image of the split, and of no image that the source has not. For groups, for each training image
        as well.
    correct : ndarray of bool, shape (N,)
        Whether each image of the split is classified correctly.
    split : str
        "train", "validation" or "test".
    data : str, optional
        The source of the images, where it is not the run's own.
    load_progress : callable, optional
        Called with a `LoadProgress`.

    Raises
    ------
    DataError
        If images have no row, or rows are of no image.
    """
    splits, where = run.load_images(load_progress, data), data or run.data.source
    if not metadata.by_index and not any(dataset.files for _, dataset in splits.items()):
        raise DataError(
            f"{metadata.path}: its column {FILE_COLUMN} names pictures, but {where} holds no picture files: write a "
            f"column {INDEX_COLUMN} instead, the place of each image in its split, from 0"
        )
    names = {of: _names(splits, of, metadata.by_index) for of, _ in splits.items()}
    metadata.check_known([*(name for of_split in names.values() for name in of_split), *splits.skipped], where)
    if data is None:
        run.subset(splits)  # refuses a source that holds other images now
        if run.train_size < len(splits.train):
            places = splits.train.stratified_indices(run.train_size, run.settings.seed)
            names["train"] = [names["train"][place] for place in places]
    columns = metadata.attributes(names[split], f"{split} images of {where}")
    groups = columns.pop(GROUP_COLUMN, None)
    slices = measure_slices(correct, columns, split) if columns else None
    if groups is None or split == "train":
        return RunSlices(slices, None)
    if data is not None:
        return RunSlices(slices, None, f"Whether groups of {data} were trained on is not known: its names are its own.")
    trained = metadata.column(GROUP_COLUMN, names["train"])
    lacking = [name for name, group in zip(names["train"], trained, strict=True) if is_missing(group)]
    if lacking:
        return RunSlices(
            slices,
            None,
            f"Whether groups were trained on is not known: {len(lacking):,} of {len(trained):,} training images have "
            f"no group in {metadata.path}: {some(lacking)}.",
        )
    return RunSlices(slices, measure_group_leak(correct, groups, trained, split))


def _names(splits: Splits, split: str, by_index: bool) -> list[str]:
    """Return the name of each image of a split, as a file of attributes has it."""
    dataset = dict(splits.items())[split]
    return [f"{split} image {k}" if by_index else dataset.image_name(k, split) for k in range(len(dataset))]
