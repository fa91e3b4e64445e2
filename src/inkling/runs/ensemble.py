"""The classifier of one run or of several as an ensemble, and its temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inkling.errors import RunError
from inkling.metrics.temperature import fit_temperature
from inkling.networks.ensemble import Ensemble
from inkling.networks.protocols import Classifier
from inkling.networks.test_time_augmentation import TestTimeAugmentation
from inkling.runs.run import Run


def classifier_of(runs: Sequence[Run], device: str = "auto", tta: bool = False) -> Classifier:
    """Return the network of a run, or the ensemble of several.

    Parameters
    ----------
    runs : sequence of Run
        One or more.
    device : str
        Where PyTorch networks shall compute: "auto", "cpu" or "cuda".
    tta : bool
        Test-time augmentation: each network answers by its mean over slightly changed copies of an image.

    Raises
    ------
    RunError
        If a run is given twice, the runs know different classes or images, a run is damaged, or, with `tta`, was
        trained without shifts, rotations, scales, shears, crops and mirror images.
    """
    first = runs[0]
    seen: set[Path] = set()
    for run in runs:
        if run.folder.resolve() in seen:
            raise RunError(f"{run.folder}: is given twice: an ensemble needs different runs")
        seen.add(run.folder.resolve())
    for other in runs[1:]:
        if other.data.class_names != first.data.class_names or other.data.image_shape != first.data.image_shape:
            raise RunError(
                f"{other.folder}: an ensemble needs runs with the same classes and image size; "
                f"{first.folder} has {len(first.data.class_names)} classes of {first.data.image_shape}, "
                f"this one {len(other.data.class_names)} of {other.data.image_shape}"
            )
    networks = [_network_of(run, device, tta) for run in runs]
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def _network_of(run: Run, device: str, tta: bool) -> Classifier:
    if not tta:
        return run.network(device)
    amounts = replace(run.settings.augmentation, elastic=0.0)
    if not amounts:
        raise RunError(
            f"{run.folder}: test-time augmentation repeats the augmentation of training at half its strength, but this "
            "run was trained without shifts, rotations, scales, shears, crops and mirror images: leave out --tta"
        )
    return TestTimeAugmentation(run.network(device), amounts)


def temperature_of(runs: Sequence[Run]) -> float:
    """Return the temperature of a run, or of the mean of the probabilities of several, fitted on validation images.

    Raises
    ------
    RunError
        If a run is not finished or damaged, or the runs have other validation images than the first.
    """
    first = runs[0]
    if len(runs) == 1:
        return first.temperature()
    predictions = [run.predictions("validation") for run in runs]
    labels = predictions[0].labels
    for run, of_run in zip(runs, predictions, strict=True):
        if run.data.source != first.data.source or not np.array_equal(of_run.labels, labels):
            raise RunError(
                f"{run.folder}: has other validation images than {first.folder}: "
                "a temperature for both needs runs on the same source"
            )
    return fit_temperature(labels, np.mean([of_run.probabilities for of_run in predictions], axis=0))
