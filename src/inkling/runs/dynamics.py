"""The training dynamics of a run: recorded epoch by epoch, cut back where it resumes, kept as one file at its end.

dynamics.f16            probabilities of the training images, float16 (N, K) an epoch; gone once the run is finished
dynamics.safetensors    labels (N,), probability of the label and predicted class (E, N), mean probabilities (N, K)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import RunError
from inkling.runs.arrays import load_arrays, save_arrays
from inkling.runs.run import Run
from inkling.storage.atomic import cannot_write
from inkling.training.dynamics import TrainingDynamics

_PROBABILITY = np.dtype("<f2")


class DynamicsRecorder:
    """Writes down the probabilities of the training images as `training.loop.train` observes them.

    Parameters
    ----------
    run : Run
    epochs : int
        Those of the checkpoint that training goes on from; later ones are forgotten and will be trained again.

    Raises
    ------
    RunError
        If fewer epochs are there than the checkpoint has, or the folder cannot be written.
    """

    def __init__(self, run: Run, epochs: int) -> None:
        self._run, self._path = run, run.folder / "dynamics.f16"
        self._shape = (run.data.train, len(run.data.class_names))
        self._bytes = int(np.prod(self._shape)) * _PROBABILITY.itemsize
        try:
            self._path.touch()
            if self._path.stat().st_size < epochs * self._bytes:
                raise RunError(f"{self._path}: holds fewer epochs than the checkpoint: train again into another folder")
            os.truncate(self._path, epochs * self._bytes)
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def __call__(self, _epoch: int, probabilities: NDArray[np.float32]) -> None:
        """Add an epoch; it is on disk before the checkpoint that counts on it."""
        try:
            with open(self._path, "ab") as file:
                file.write(np.ascontiguousarray(probabilities, _PROBABILITY).data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def keep(self, labels: NDArray[np.int64]) -> None:
        """Write what is needed of all epochs into one file."""
        found = TrainingDynamics.from_probabilities(labels, self._epochs())
        arrays: dict[str, NDArray[Any]] = {
            "labels": found.labels,
            "of_label": found.of_label.astype(np.float16),
            "predicted": found.predicted.astype(np.uint16),
            "mean": found.mean,
        }
        save_arrays(_file(self._run), arrays, {"fingerprint": self._run.data.fingerprint})

    def clear(self) -> None:
        """Remove what only resuming needs."""
        self._path.unlink(missing_ok=True)

    def _epochs(self) -> Iterator[NDArray[np.float16]]:
        with open(self._path, "rb") as file:
            while part := file.read(self._bytes):
                yield np.frombuffer(part, _PROBABILITY).reshape(self._shape)


def keeps_dynamics(run: Run) -> bool:
    """Whether a run is finished and kept its training dynamics."""
    return bool(run.finished and run.info.get("dynamics"))


def read_dynamics(run: Run) -> TrainingDynamics:
    """Return the training dynamics of a run.

    Raises
    ------
    RunError
        If it kept none, or the file is missing, damaged or of other data.
    """
    if not keeps_dynamics(run):
        raise RunError(f"{run.folder}: has kept no training dynamics: train with --dynamics to the end")
    arrays, metadata = load_arrays(_file(run))
    n, k = run.data.train, len(run.data.class_names)
    epochs = arrays["of_label"].shape[:1] if "of_label" in arrays else (0,)
    shapes = {"labels": (n,), "of_label": (*epochs, n), "predicted": (*epochs, n), "mean": (n, k)}
    found = {name: array.shape for name, array in arrays.items()}
    if found != shapes or not epochs[0] or metadata.get("fingerprint") != run.data.fingerprint:
        raise RunError(f"{_file(run)}: holds no training dynamics of this run: train again into another folder")
    return TrainingDynamics(
        arrays["labels"].astype(np.int64),
        arrays["of_label"].astype(np.float32),
        arrays["predicted"].astype(np.int64),
        arrays["mean"],
    )


def _file(run: Run) -> Path:
    return run.folder / "dynamics.safetensors"
