"""Labels and duplicates: test images whose labels look wrong, and images that occur more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inkling.diagnosis.duplicates import Duplicates, find_duplicates
from inkling.diagnosis.label_errors import LabelDiagnosis, diagnose_labels
from inkling.diagnosis.neighbours import labelled_neighbours
from inkling.errors import DataError, MissingLibraryError
from inkling.images.corrections import Suspect, read_corrections
from inkling.images.dataset import Splits
from inkling.pages.suspects import PicturedSuspect, review_form
from inkling.report.evidence import Evidence
from inkling.report.section import Section
from inkling.runs.run import Run

SUSPECTS = 20
"""Test images with labels in doubt that are shown, at most."""

NEIGHBOURS = 4
"""Training images shown beside each of them."""


@dataclass(frozen=True, eq=False)
class LabelSuspects:
    """The test images whose labels are in doubt, or why they were not looked for."""

    suspects: tuple[PicturedSuspect, ...]
    n: int  # images whose labels were checked
    diagnosis: LabelDiagnosis | None
    missing: str | None
    form: str = ""  # for the review of them, `pages.suspects.review_form`


@dataclass(frozen=True, eq=False)
class Labels:
    """What may be wrong with the images' labels and splits."""

    suspects: LabelSuspects
    title: str
    duplicates: Duplicates  # exact ones, in the splits of the largest training size


def suspects_title(suspects: LabelSuspects) -> str:
    """Return how many test labels look wrong."""
    if suspects.diagnosis is None:
        return "Test labels were not checked"
    if not suspects.diagnosis.flagged:
        return f"No wrong labels are shown among {suspects.n:,} test images"
    looks = "label looks" if suspects.diagnosis.flagged == 1 else "labels look"
    return f"{suspects.diagnosis.flagged:,} of {suspects.n:,} test {looks} wrong"


def _gather(evidence: Evidence) -> Labels | None:
    if evidence.splits is None:
        return None
    suspects = _label_suspects([run.run for run in evidence.chosen.runs], evidence.splits)
    largest = max(evidence.runs, key=lambda run: run.train_size)
    return Labels(suspects, suspects_title(suspects), find_duplicates(largest.subset(evidence.splits)))


def _label_suspects(runs: Sequence[Run], splits: Splits) -> LabelSuspects:
    """The test images whose labels are least probable to the mean of the runs, none of which was trained on them."""
    predictions = [run.predictions("test") for run in runs]
    labels, n = predictions[0].labels, len(predictions[0].labels)
    try:
        found = diagnose_labels(labels, np.mean([of_seed.probabilities for of_seed in predictions], axis=0))
    except (DataError, MissingLibraryError) as error:
        return LabelSuspects((), n, None, str(error))
    # Where another class is no more probable, there is nothing to look at.
    shown = [error for error in found.errors if error.flagged or error.suggested_probability > error.score][:SUSPECTS]
    indices = [error.index for error in shown]
    pictures = splits.test.images[indices]
    neighbours = labelled_neighbours(pictures, splits.train, NEIGHBOURS)
    files = [splits.test.files[index] if splits.test.files else "" for index in indices]
    suspects = tuple(PicturedSuspect(*parts) for parts in zip(shown, pictures, neighbours, files, strict=True))
    return LabelSuspects(suspects, n, found, None, _form(runs[0], suspects, splits.test.class_names))


def _form(run: Run, suspects: Sequence[PicturedSuspect], names: Sequence[str]) -> str:
    """What the review writes down: corrections of the source's labels, those that the run had included."""
    earlier = read_corrections(run.corrections, names) if run.corrections else ()
    of_test = {row.index: row for row in earlier if row.split == "test"}
    rows = []
    for suspect in suspects:
        error = suspect.error
        row = Suspect("test", error.index, suspect.file, names[error.label], names[error.suggested], error.score)
        if before := of_test.get(error.index):
            row = replace(row, label=before.label, correct_label=before.correct_label)
        rows.append(row)
    shown = {row.index for row in rows}
    kept = [row for row in earlier if row.split != "test" or row.index not in shown]
    return review_form(rows, names, run.data.test_fingerprint, kept)


SECTION = Section(
    id="labels",
    order=90,
    title="Labels and duplicates",
    template="labels.html.j2",
    gather=_gather,
)
