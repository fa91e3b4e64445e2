"""From probabilities to a review of labels: the CSV file that a person completes, and the gallery to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_errors import LabelDiagnosis, LabelError, diagnose_labels
from inkling.diagnosis.neighbours import labelled_neighbours
from inkling.errors import RunError
from inkling.images.corrections import Suspect, to_csv
from inkling.images.dataset import ImageDataset, Splits
from inkling.labels.gallery import LabelGallery, render_gallery
from inkling.pages.suspects import CORRECTIONS, PicturedSuspect, review_form
from inkling.storage.atomic import make_folder, write_atomically

GALLERY = "labels.html"
NEIGHBOURS = 5
"""Nearest training images shown beside each image."""


@dataclass(frozen=True, eq=False)
class RatedLabels:
    """Images of a split, and the probabilities of a network: one that was not trained on them, unless `learnt`."""

    split: str
    indices: NDArray[np.intp]  # (M,), in the split
    probabilities: NDArray[np.floating[Any]]  # (M, K)
    by: str  # which network, and how, in words
    networks: int = 1  # whose probabilities were averaged
    otherwise: NDArray[np.intp] | None = None  # (M,), of those networks, how many predict another class than the label
    over_epochs: NDArray[np.floating[Any]] | None = None  # (M, K), to rank by: mean of the networks over their epochs
    learnt: bool = False  # whether the network was trained on these images


@dataclass(frozen=True)
class Review:
    """What was found and written."""

    n: int  # images whose labels were checked
    diagnosis: LabelDiagnosis
    suspects: tuple[Suspect, ...]  # the rows of the CSV file
    corrections: Path
    gallery: Path
    otherwise: tuple[int, ...] = ()  # for each suspect, networks that predict another class; empty with one network

    @property
    def flagged(self) -> int:
        """Of those, how many look wrong beyond what the network flags by itself."""
        return self.diagnosis.flagged


def check_folder(folder: Path) -> None:
    """Raise RunError if a folder holds corrections, which somebody may have worked on."""
    if (folder / CORRECTIONS).exists():
        raise RunError(f"{folder / CORRECTIONS}: is there already, and may hold your corrections: choose another --out")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is no folder: choose another --out")


def write_review(
    splits: Splits, rated: RatedLabels, folder: Path, limit: int, files: Sequence[str] = (), command: str = ""
) -> Review:
    """Rank images by how suspect their labels are, and write the first ones down.

    Parameters
    ----------
    splits : Splits
    rated : RatedLabels
    folder : Path
        Gets corrections.csv, with an empty column for a person to fill in, and labels.html.
    limit : int
        Images in both, at most.
    files : sequence of str
        The picture file of each image of the split, where it has one.
    command : str
        The command line, for the record.

    Raises
    ------
    DataError, MissingLibraryError
        If labels cannot be checked.
    RunError
        If the folder holds corrections already or cannot be written.
    """
    check_folder(folder)
    dataset = dict(splits.items())[rated.split]
    names = dataset.class_names
    found = diagnose_labels(dataset.labels[rated.indices], rated.probabilities, rated.over_epochs)
    diagnosis = replace(found, learnt=rated.learnt)
    shown = diagnosis.errors[:limit]
    indices = [int(rated.indices[error.index]) for error in shown]
    suspects = tuple(
        Suspect(
            split=rated.split,
            index=index,
            file=files[index] if files else "",
            label=names[error.label],
            suggested=names[error.suggested],
            score=error.score,
        )
        for error, index in zip(shown, indices, strict=True)
    )
    otherwise = tuple(int(rated.otherwise[error.index]) for error in shown) if rated.otherwise is not None else ()
    corrections = folder / CORRECTIONS
    gallery = LabelGallery(
        data_name=splits.name,
        split=rated.split,
        class_names=names,
        diagnosis=diagnosis,
        suspects=_pictured(shown, indices, suspects, dataset, splits.train, _notes(rated, otherwise)),
        rated_by=rated.by,
        form=review_form(suspects, names, dataset.fingerprint),
        corrections_file=CORRECTIONS,
        command=command,
    )
    page = render_gallery(gallery)
    make_folder(folder)
    write_atomically(folder / GALLERY, page)
    write_atomically(corrections, to_csv(suspects))
    return Review(diagnosis.n, diagnosis, suspects, corrections, folder / GALLERY, otherwise)


def _notes(rated: RatedLabels, otherwise: Sequence[int]) -> list[str]:
    return [f"{count} of {rated.networks} networks predict another class" for count in otherwise]


def _pictured(
    shown: Sequence[LabelError],
    indices: Sequence[int],
    suspects: Sequence[Suspect],
    dataset: ImageDataset,
    train: ImageDataset,
    notes: Sequence[str],
) -> tuple[PicturedSuspect, ...]:
    pictures = dataset.images[indices]
    neighbours = labelled_neighbours(pictures, train, NEIGHBOURS, own=indices if dataset is train else None)
    return tuple(
        PicturedSuspect(replace(error, index=index), picture, near, suspect.file, note)
        for error, index, suspect, picture, near, note in zip(
            shown, indices, suspects, pictures, neighbours, notes or [""] * len(shown), strict=True
        )
    )
