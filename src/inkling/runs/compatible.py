"""Runs that can be compared image by image: evaluated on the same test images in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkling.errors import RunError
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
