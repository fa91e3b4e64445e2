"""A network that was trained outside a run folder becomes one, with its images in it, so that every diagnosis works."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inkling.images.dataset import Splits
from inkling.networks.protocols import Network, weights_only
from inkling.runs.execute import finish_run, run_info
from inkling.runs.lock import folder_lock
from inkling.runs.run import Run
from inkling.runs.schema import DataInfo
from inkling.storage.atomic import write_atomically
from inkling.training.loop import TrainingState
from inkling.training.progress import ProgressMeter
from inkling.training.settings import TrainingSettings

IMAGES = "data.npz"
"""The file of the images in such a run."""


def record_run(
    folder: Path, splits: Splits, network: Network, settings: TrainingSettings, history: Sequence[Mapping[str, Any]]
) -> Run:
    """Write a finished run of a network that was trained already, with its images beside it as data.npz.

    Parameters
    ----------
    folder : Path
        New or empty.
    splits : Splits
        What it was trained on, what chose its epoch, and images to evaluate it on, which it now predicts.
    network : Network
        Holds the weights of the best epoch; one that the catalogue can build again.
    settings : TrainingSettings
    history : sequence of mapping
        An epoch each, as `EpochRecord.to_dict` has it, with figures of the validation images.

    Raises
    ------
    RunError
        If the folder holds something, or cannot be written.
    """
    folder = folder.resolve()
    info = run_info(DataInfo.from_splits(str(folder / IMAGES), splits), network, settings)
    best = next(epoch for epoch in reversed(history) if epoch["best"])
    arrays = network.state()
    state = TrainingState(
        len(history),
        arrays,
        weights_only(arrays),
        best["epoch"],
        best["validation_accuracy"],
        best["validation_loss"],
    )
    with folder_lock(folder, "the saving of a trained network"):
        run = Run.create(folder, info)
        write_atomically(folder / IMAGES, _npz(splits))
        run.write_history(history)
        run.save_weights(state)
        finish_run(run, state, network, splits, ProgressMeter(None, settings.epochs))
    return run


def _npz(splits: Splits) -> bytes:
    arrays: dict[str, Any] = {
        f"{what}_{split}": array
        for split, dataset in splits.items()
        for what, array in (("images", dataset.images), ("labels", dataset.labels))
    }
    content = io.BytesIO()
    np.savez_compressed(content, class_names=np.array(splits.train.class_names), **arrays)
    return content.getvalue()
