"""The check of a data set: every diagnosis that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.data_check.findings import DataCheck, Unreadable
from inkling.data_check.picture_files import PictureFiles, measure_files, why_unreadable
from inkling.diagnosis.altered_copies import why_not_sought
from inkling.diagnosis.class_balance import ClassBalance
from inkling.diagnosis.duplicates import MOST_COMPARED, NEAR, Duplicate, Duplicates, find_duplicates
from inkling.diagnosis.picture_measures import measure_pictures
from inkling.diagnosis.picture_quality import judge_quality
from inkling.diagnosis.picture_sizes import PictureSizes, judge_sizes
from inkling.diagnosis.shortcuts import Shortcuts, find_shortcuts
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.protocol import LoadObserver, stage
from inkling.images.splitting import TornGroups


def check_data(
    splits: Splits,
    folder: Path | str | None = None,
    near: bool = True,
    observer: LoadObserver | None = None,
    torn: TornGroups | None = None,
) -> DataCheck:
    """Look for what is wrong with a data set, before anything is trained on it.

    Unreadable files, copies within and across splits and in two classes, pictures that are blank, dark, bright or
    blurred, odd sizes, classes with few images or unequal ones, and shortcuts: quantities that predict the label
    without a look at what a picture shows. What was skipped as unreadable is known where the splits were loaded with
    `LoadOptions(skip_unreadable=True)`.

    Parameters
    ----------
    splits : Splits
    folder : Path or str, optional
        Where the picture files lie that the splits name (`ImageDataset.files`): the source, or the folder that a table
        is in. Without it, and where there are no such files, their sizes are not looked at, which the check says.
    near : bool
        Also look for near duplicates, among 100,000 images at most: 20 seconds for MNIST's 70,000; and for altered
        copies, among 10,000 images at most: a minute, or up to four where all show one scene.
    observer : callable, optional
        Told how far each stage is.
    torn : TornGroups, optional
        Groups that lie in two splits, from the `TornGroupsError` with which the splits could not be loaded.
    """
    folder = None if folder is None else Path(folder)
    near = near and sum(len(dataset) for _, dataset in splits.items()) <= MOST_COMPARED
    files = _files(splits, folder, observer)
    duplicates = find_duplicates(splits, NEAR if near else None, stage(observer, "looking for duplicates", "images"))
    measures = {
        split: measure_pictures(dataset.images, stage(observer, f"checking {split} pictures", "images"))
        for split, dataset in splits.items()
    }
    height, width, _ = splits.train.image_shape
    sizes = judge_sizes([(split, part.names, part.sizes) for split, part in files.items()], (width, height))
    quantities: dict[str, NDArray[np.floating[Any]]] = {
        "file size": files["train"].n_bytes,
        "aspect ratio": files["train"].aspect_ratios,
        "brightness": measures["train"].brightness,
        "border": measures["train"].border,
    }
    return DataCheck(
        name=splits.name,
        n={split: len(dataset) for split, dataset in splits.items()},
        from_files=any(dataset.files for _, dataset in splits.items()),
        unreadable=tuple(Unreadable(name, why_unreadable(folder, name)) for name in splits.skipped),
        duplicates=duplicates,
        conflicts=_conflicts(duplicates, dict(splits.items())),
        quality=judge_quality(measures, splits),
        sizes=sizes,
        balance=ClassBalance({split: dataset.class_counts for split, dataset in splits.items()}),
        shortcuts=_shortcuts(splits.train, quantities, duplicates, observer),
        not_checked=_not_checked(splits, sizes, near),
        grouped=torn is not None or splits.options.groups is not None,
        torn=torn,
        notes=splits.notes,
    )


def _files(splits: Splits, folder: Path | None, observer: LoadObserver | None) -> dict[str, PictureFiles]:
    return {
        split: measure_files(
            folder if dataset.files else None,
            dataset.files or ("",) * len(dataset),
            stage(observer, f"reading headers of {split} files", "files"),
        )
        for split, dataset in splits.items()
    }


def _conflicts(duplicates: Duplicates, datasets: Mapping[str, ImageDataset]) -> tuple[Duplicate, ...]:
    return tuple(
        pair
        for pair in duplicates.pairs
        if datasets[pair.split].labels[pair.index] != datasets[pair.of_split].labels[pair.of_index]
    )


def _shortcuts(
    train: ImageDataset,
    quantities: Mapping[str, NDArray[np.floating[Any]]],
    duplicates: Duplicates,
    observer: LoadObserver | None,
) -> Shortcuts:
    """Test the training images without copies: one picture that is there ten times is no evidence of ten."""
    first = np.ones(len(train), np.bool_)
    first[[pair.index for pair in duplicates.pairs if pair.split == pair.of_split == "train"]] = False
    return find_shortcuts(
        train.labels[first],
        {name: values[first] for name, values in quantities.items()},
        train.class_names,
        progress=stage(observer, "testing shortcuts", "permutations"),
    )


def _not_checked(splits: Splits, sizes: PictureSizes | None, near: bool) -> tuple[str, ...]:
    sentences = []
    n = sum(len(dataset) for _, dataset in splits.items())
    if sizes is None and splits.train.files:
        sentences.append("file sizes and aspect ratios (the pictures are in no folder that could be looked into).")
    elif sizes is None:
        sentences.append("unreadable files, file sizes and aspect ratios (the images are not made of picture files).")
    elif sizes.n < n:
        sentences.append(f"sizes of {n - sizes.n:,} pictures (their files could not be opened again).")
    if near and (why := why_not_sought(splits.train.image_shape, n)):
        sentences.append(f"shifted, rotated, cropped and mirrored copies ({why}).")
    if not near:
        sentences.append(
            f"near duplicates (of {n:,} images it would take long)." if n > MOST_COMPARED else "near duplicates."
        )
    return tuple(sentences)
