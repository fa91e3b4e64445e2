"""Runs that can be compared image by image: evaluated on the same test images in the same order.

The labels of two of them may have been corrected differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, RunError, UnknownSourceError
from inkling.images.corrections import correct, read_corrections
from inkling.images.sources.registry import load_images
from inkling.runs.run import Run


def common_test_predictions(runs: Sequence[Run]) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Return the labels (N,) of the test images that runs share, and the probabilities (N, K) of each run.

    Raises
    ------
    RunError
        If the classes or the test images differ, or a run is not finished or damaged.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.data.class_names != first.data.class_names:
            raise RunError(
                f"{run.folder}: knows other classes ({list(run.data.class_names)[:12]}) than {first.folder} "
                f"({list(first.data.class_names)[:12]}): compare runs on the same images"
            )
    predictions = [run.predictions("test") for run in runs]
    for run, of_run in zip(runs[1:], predictions[1:], strict=True):
        if not (
            run.data.test_fingerprint == first.data.test_fingerprint
            and np.array_equal(of_run.labels, predictions[0].labels)
        ):
            raise RunError(
                f"{run.folder}: was evaluated on other test images ({run.data.test:,} of {run.data.source}) than "
                f"{first.folder} ({first.data.test:,} of {first.data.source}): compare runs on the same images"
            )
    return predictions[0].labels, [of_run.probabilities for of_run in predictions]


@dataclass(frozen=True, eq=False)
class SharedTest:
    """The test images of two runs, by the labels that corrections of either gave them."""

    labels: NDArray[np.int64]  # (N,)
    source_labels: NDArray[np.int64] | None  # (N,); None where the two runs have the same labels
    probabilities: tuple[NDArray[np.float32], NDArray[np.float32]]  # (N, K) each
    differ: int  # labels that differ between the two
    left_out: int  # images left out, since the two corrections disagree about them


def shared_test(a: Run, b: Run) -> SharedTest:
    """Return the test images that two runs share, whose labels may have been corrected differently.

    A label is what the corrections of either run say it is, also where they only confirm it. Where labels differ, the
    source is loaded to make sure that the images are the same.

    Raises
    ------
    RunError
        As `common_test_predictions`, and if the source of corrected runs cannot be loaded.
    """
    names = b.data.class_names
    try:
        labels, (of_a, of_b) = common_test_predictions([a, b])
        return SharedTest(labels, None, (of_a, of_b), 0, 0)
    except RunError:
        if a.data.class_names != b.data.class_names or a.data.test != b.data.test:
            raise
        rows = [read_corrections(run.corrections, names) if run.corrections else () for run in (a, b)]
        if not any(row.split == "test" for of_run in rows for row in of_run):
            raise
        predictions = [run.predictions("test") for run in (a, b)]
        try:
            source = load_images(b.data.source, options=b.data.options)
            for run in (a, b):
                own = source if run.corrections is None else correct(source, run.corrections)
                if own.test.fingerprint != run.data.test_fingerprint:
                    raise
        except (DataError, UnknownSourceError) as error:
            raise RunError(
                f"{b.folder}: has other test labels than {a.folder}, and its images are needed to see whether they are "
                f"the same: {error}"
            ) from None
    said = [{row.index: names.index(row.correct_label) for row in of_run if row.split == "test"} for of_run in rows]
    labels, kept = source.test.labels.copy(), np.ones(len(source.test), bool)
    for index in {*said[0], *said[1]}:
        given = {of_run[index] for of_run in said if index in of_run}
        kept[index] = len(given) == 1
        labels[index] = min(given)
    differ = int(np.count_nonzero(predictions[0].labels != predictions[1].labels))
    of_a, of_b = (of_run.probabilities[kept] for of_run in predictions)
    return SharedTest(labels[kept], source.test.labels[kept], (of_a, of_b), differ, int(np.count_nonzero(~kept)))
