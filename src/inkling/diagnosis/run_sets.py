"""Prediction sets of a run, or of an ensemble: calibrated on a half of its test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkling.diagnosis.prediction_sets import SetThreshold, calibrate_sets, calibration_half
from inkling.errors import RunError
from inkling.metrics.temperature import at_temperature
from inkling.runs.run import Run


def run_sets(runs: Sequence[Run], level: float, temperature: float = 1.0, tta: bool = False) -> SetThreshold:
    """Return the LAC threshold from the half of the test images that the report calibrates on too.

    Validation images chose the epoch, so a network looks surer on them than on new ones: the promise would not hold.

    Parameters
    ----------
    runs : sequence of Run
        One or more; the probabilities of several are averaged.
    level : float
        Between 0 and 1.
    temperature : float
        That new pictures are predicted at.
    tta : bool
        Test-time augmentation, which is refused: the stored test predictions are without it.

    Raises
    ------
    RunError
        With `tta`, or if a run is not finished, or the runs have other test images than the first.
    DataError
        As `calibrate_sets`.
    """
    if tta:
        raise RunError("--sets: they are calibrated on answers without --tta: choose one of the two")
    first, predictions = runs[0], [run.predictions("test") for run in runs]
    for run, of_run in zip(runs, predictions, strict=True):
        same_source = run.data.source == first.data.source
        if not same_source or not np.array_equal(of_run.labels, predictions[0].labels):
            raise RunError(
                f"{run.folder}: has other test images than {first.folder}: sets of both need runs on the same source"
            )
    labels = predictions[0].labels
    mean = np.mean([of_run.probabilities for of_run in predictions], axis=0)
    half = calibration_half(len(labels))
    return calibrate_sets(labels[half], at_temperature(mean[half], temperature), level)
