"""Accuracy of a run in slices that a CSV file makes of its images, and whether groups of them were trained on too."""

from __future__ import annotations

from collections.abc import Sequence
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


def slice_runs(
    runs: Sequence[Run],
    metadata: Metadata,
    correct: NDArray[np.bool_],
    split: str,
    data: str | None = None,
    load_progress: LoadObserver | None = None,
) -> RunSlices:
    """Measure accuracy by the attributes of images, and on groups that training images belong to.

    Parameters
    ----------
    runs : sequence of Run
        One or more. The source of the first must be there still: it says how pictures are called.
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
    run = runs[0]
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
        if split == "train":
            names["train"] = _trained_on(run, splits, names["train"])
    columns = metadata.attributes(names[split], f"{split} images of {where}")
    group = next((name for name in columns if name.lower() == GROUP_COLUMN), None)
    groups = None if group is None else columns.pop(group)
    slices = measure_slices(correct, columns, split) if columns else None
    if group is None or groups is None or split == "train":
        return RunSlices(slices, None)
    if data is not None:
        return RunSlices(slices, None, f"Whether groups of {data} were trained on is not known: its names are its own.")
    if any(other.data.source != run.data.source for other in runs):
        return RunSlices(slices, None, "Whether groups were trained on is not known: the runs are of several sources.")
    images = list(dict.fromkeys(name for each in runs for name in _trained_on(each, splits, names["train"])))
    trained = metadata.column(group, images)
    lacking = [name for name, of_image in zip(images, trained, strict=True) if is_missing(of_image)]
    if lacking:
        return RunSlices(
            slices,
            None,
            f"Whether groups were trained on is not known: {len(lacking):,} of {len(trained):,} training images have "
            f"no group in {metadata.path}: {some(lacking)}.",
        )
    return RunSlices(slices, measure_group_leak(correct, groups, trained, split))


def _trained_on(run: Run, splits: Splits, names: list[str]) -> list[str]:
    """Return, of the names of a source's training images, those that a run was trained on."""
    if run.train_size >= len(splits.train):
        return names
    return [names[place] for place in splits.train.stratified_indices(run.train_size, run.settings.seed)]


def _names(splits: Splits, split: str, by_index: bool) -> list[str]:
    """Return the name of each image of a split, as a file of attributes has it."""
    dataset = dict(splits.items())[split]
    return [f"{split} image {k}" if by_index else dataset.image_name(k, split) for k in range(len(dataset))]
