"""The classifier that one or several runs make together."""

from __future__ import annotations

from collections.abc import Sequence

from inkling.errors import RunError
from inkling.networks.base import Classifier
from inkling.networks.ensemble import Ensemble
from inkling.runs.run import Run


def classifier_of(runs: Sequence[Run], device: str = "auto") -> Classifier:
    """Return the network of a run, or the ensemble of several.

    Raises
    ------
    RunError
        If the runs know different classes or images, or a run is damaged.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.data.class_names != first.data.class_names or other.data.image_shape != first.data.image_shape:
            raise RunError(
                f"{other.folder}: an ensemble needs runs with the same classes and image size; "
                f"{first.folder} has {len(first.data.class_names)} classes of {first.data.image_shape}, "
                f"this one {len(other.data.class_names)} of {other.data.image_shape}"
            )
    networks = [run.network(device) for run in runs]
    return networks[0] if len(networks) == 1 else Ensemble(networks)
