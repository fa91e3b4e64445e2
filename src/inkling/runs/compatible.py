"""Runs that can be held against each other, image by image: judged on the same test images in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkling.errors import RunError
from inkling.runs.run import Run


def common_test_predictions(runs: Sequence[Run]) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Return the labels (N,) of the test images that runs share, and the probabilities (N, K) of each run.

    Runs of early versions have no fingerprint of their test images. They pass for the same where source, image size
    and every label are.

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
    found = [run.predictions("test") for run in runs]
    for run, predictions in zip(runs[1:], found[1:], strict=True):
        if not (_same_images(run, first) and np.array_equal(predictions.labels, found[0].labels)):
            raise RunError(
                f"{run.folder}: was judged on other test images ({run.data.test:,} of {run.data.source}) than "
                f"{first.folder} ({first.data.test:,} of {first.data.source}): compare runs on the same images"
            )
    return found[0].labels, [predictions.probabilities for predictions in found]


def _same_images(run: Run, other: Run) -> bool:
    if run.data.test_fingerprint and other.data.test_fingerprint:
        return run.data.test_fingerprint == other.data.test_fingerprint
    return (run.data.source, run.data.image_shape) == (other.data.source, other.data.image_shape)
