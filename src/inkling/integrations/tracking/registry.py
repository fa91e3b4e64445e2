"""The trackers there are, by name."""

from __future__ import annotations

from collections.abc import Callable

from inkling.errors import MissingLibraryError, TrackingError, did_you_mean
from inkling.integrations.tracking.mlflow import MlflowTracker
from inkling.integrations.tracking.protocol import Tracker
from inkling.integrations.tracking.tensorboard import TensorBoardTracker

_MAKERS: dict[str, Callable[[], Tracker]] = {"tensorboard": TensorBoardTracker, "mlflow": MlflowTracker}

TRACKERS = tuple(_MAKERS)
"""Their names, which are those of the packages that they need."""


def open_tracker(name: str) -> Tracker:
    """Return a tracker.

    Parameters
    ----------
    name : str
        One of `TRACKERS`.

    Raises
    ------
    TrackingError
        If there is none of that name.
    MissingLibraryError
        If its package is not installed.
    """
    if name not in TRACKERS:
        raise TrackingError(f"no tracker is called '{name}'{did_you_mean(name, TRACKERS)}: use {' or '.join(TRACKERS)}")
    try:
        return _MAKERS[name]()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise MissingLibraryError(
            f"tracking with {name} needs a package that is not installed: run pip install 'inkling-ml[track]'"
        ) from None
