"""Carrying out a planned run: the training loop, with everything written down as it happens."""

from __future__ import annotations

import shlex
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from inkling.errors import DataError, RunError
from inkling.images.corrections import describe
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.registry import load_images
from inkling.metrics.temperature import fit_temperature
from inkling.networks.catalogue import build_network
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Network, Preparable
from inkling.runs.dynamics import DynamicsRecorder
from inkling.runs.environment import machine, versions
from inkling.runs.ledger import record_training
from inkling.runs.lock import folder_lock
from inkling.runs.run import Predictions, Run
from inkling.runs.schema import DataInfo
from inkling.runs.snapshots import SnapshotKeeper
from inkling.training.batches import check_teacher
from inkling.training.loop import EpochRecord, TrainingState, train
from inkling.training.progress import EpochProgressCallback, ProgressMeter
from inkling.training.settings import TrainingSettings
from inkling.training.threads import one_blas_thread

CHECKPOINT_SECONDS = 2.0
"""A checkpoint is written after the first epoch, then at most this often, and at the end whatever the end is."""

PREDICTING = "predicting"
"""Stage of an `EpochProgress` after the last epoch: the best weights predict the validation and test images."""


class Teacher:
    """The network of a finished run, to learn from.

    Parameters
    ----------
    folder : Path
        Its run folder.
    splits : Splits
        All images of the student's source.
    device : str

    Raises
    ------
    RunError
        If it is no finished run, knows other classes or images, or has seen images that the student is evaluated on.
    """

    def __init__(self, folder: Path, splits: Splits, device: str) -> None:
        run = Run(folder)
        if not run.finished:
            raise RunError(
                f"{folder}: a teacher must have finished training: go on with it by 'inkling train … --resume'"
            )
        if run.data.class_names != splits.train.class_names or run.data.image_shape != splits.train.image_shape:
            raise RunError(f"{folder}: a teacher must know the same classes and image size as its student")
        try:
            run.subset(splits)
        except DataError:
            raise RunError(
                f"{folder}: a teacher must have been trained on the same source as its student, "
                "or it may know the images that the student is evaluated on"
            ) from None
        self.network = run.network(device)
        self.info = {"run": str(folder), "network": run.network_name, "weights_sha256": run.weights_digest()}


@dataclass(frozen=True)
class RunPlan:
    """All that decides a run."""

    source: str
    network: str
    settings: TrainingSettings
    train_size: int | None = None  # None: every training image
    device: str = "auto"  # where a PyTorch network computes: auto, cpu or cuda
    teacher: Path | None = None  # run whose probabilities stand in for the labels
    corrections: Path | None = None  # CSV file that the labels were corrected by
    options: LoadOptions = AS_THE_SOURCE_HAS_IT  # how pictures become images
    network_options: Mapping[str, Any] = field(default_factory=dict)  # of the network's builder, such as `hidden`
    variant: Mapping[str, str] = field(default_factory=dict)  # what a study varied in it: setting -> value
    dynamics: bool = False  # whether the probabilities of the training images over the epochs are kept
    snapshots: bool = False  # whether the weights of every epoch are kept

    def load_images(self, progress: LoadObserver | None = None) -> Splits:
        """Return all images of the source, corrected."""
        return load_images(self.source, progress, self.corrections, self.options)

    def subset(self, splits: Splits) -> Splits:
        """Return the data of the run, from all images of its source: the seed chooses the training subset."""
        return splits if self.train_size is None else splits.with_train_size(self.train_size, self.settings.seed)


def train_run(
    plan: RunPlan,
    splits: Splits,
    folder: Path,
    resume: bool = False,
    command: Sequence[str] = (),
    progress: EpochProgressCallback | None = None,
) -> Generator[EpochRecord, None, None]:
    """Train into a run folder, yielding a record after every epoch.

    Whatever ends the loop (Ctrl-C included), every finished epoch is in the folder.

    Parameters
    ----------
    plan : RunPlan
    splits : Splits
        All images of the source, with the plan's corrections; the plan takes its training subset.
    folder : Path
    resume : bool
        Go on with the run in the folder, if there is one. It must be of the same plan.
    command : sequence of str
        The command line to repeat it, for the record.
    progress : callable, optional
        Called with an `EpochProgress` a few times a second at most: within epochs, and while the trained network
        predicts the validation and test images.

    Raises
    ------
    DataError, NetworkError, SettingsError
        If the plan does not fit the images; nothing is written then.
    RunError
        If the folder holds another run, is in use by another process, or cannot be written.
    """
    plan.settings.check()
    teacher = Teacher(plan.teacher, splits, plan.device) if plan.teacher else None
    splits = plan.subset(splits)
    network = build_network(
        plan.network,
        splits.train.image_shape,
        splits.train.n_classes,
        plan.settings.seed,
        plan.device,
        **plan.network_options,
    )
    check_teacher(plan.settings, teacher.network if teacher else None)
    network.configure(plan.settings.optimizer, plan.settings.precision)
    data = DataInfo.from_splits(plan.source, splits)
    info = run_info(data, network, plan.settings, command)
    info["teacher"] = teacher.info if teacher else None
    info["corrections"] = describe(plan.corrections) if plan.corrections else None
    if plan.variant:
        info["variant"] = dict(plan.variant)
    if plan.dynamics:
        info["dynamics"] = True
    with folder_lock(folder, f"the training of {plan.network}"):
        run, start = _open_run(folder, resume, data, info)
        if run.finished:
            return
        if plan.corrections:
            run.keep_corrections(plan.corrections)
        teaching = teacher.network if teacher else None
        recorder = DynamicsRecorder(run, start.epoch if start else 0) if plan.dynamics else None
        snapshots = SnapshotKeeper(run, start.epoch if start else 0) if plan.snapshots else None
        if snapshots and not start and not isinstance(network, Preparable):  # which only training makes ready
            snapshots.keep(0, network.state())
        records = train(network, splits, plan.settings, start, teacher=teaching, progress=progress, observe=recorder)
        with closing(records):
            state = yield from _recorded(records, run, start, snapshots)
        if recorder:
            recorder.keep(splits.train.labels)
        finish_run(run, state, network, splits, ProgressMeter(progress, plan.settings.epochs))
        if recorder:
            recorder.clear()


def run_info(
    data: DataInfo, network: Network, settings: TrainingSettings, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what run.json says of a run that begins now, without teacher and corrections."""
    with one_blas_thread():
        machine_in_training = machine()  # with the threads that epochs have
    return {
        "data": asdict(data),
        "network": network.description(),
        "settings": settings.to_dict(),
        "teacher": None,
        "corrections": None,
        "device": network.device,
        "command": shlex.join(command),
        "versions": versions(),
        "machine": machine_in_training,
        "started": _now(),
        "finished": None,
        "results": None,
    }


def _open_run(folder: Path, resume: bool, data: DataInfo, info: dict[str, Any]) -> tuple[Run, TrainingState | None]:
    """Return a new run, or the one in the folder with its history cut to the state that it goes on from."""
    if not (resume and (folder / "run.json").exists()):
        return Run.create(folder, info), None
    run = Run(folder)
    _check_same(run, data, info)
    if run.finished:
        return run, None
    run.note_resumption({name: info[name] for name in ("versions", "machine", "device")}, _now())
    start = run.checkpoint()
    if start:
        run.cut_history(start.epoch)
    else:
        (folder / "history.jsonl").unlink(missing_ok=True)
    return run, start


def _recorded(
    records: Generator[EpochRecord, None, None],
    run: Run,
    start: TrainingState | None,
    snapshots: SnapshotKeeper | None = None,
) -> Generator[EpochRecord, None, TrainingState]:
    """Yield records of training, each written down first; return the state at their end."""
    state = start
    saved_epoch, saved_best, saved_at = start.epoch if start else 0, 0, -CHECKPOINT_SECONDS
    try:
        for record in records:
            run.append_history(record)
            # Now and not when it is saved: whatever ends the loop may come in the middle of the next epoch.
            state = record.state
            if snapshots:
                snapshots.keep(record.epoch, state.network)
            if time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                saved_best = _save(run, state, saved_best)
                saved_epoch, saved_at = state.epoch, time.monotonic()
            yield record
    finally:
        if state and state.epoch != saved_epoch:
            saved_best = _save(run, state, saved_best)
    if state is None:
        raise RunError(f"{run.folder}: no epoch was trained")
    if state.best_epoch != saved_best:
        # A run that was stopped after its last checkpoint and before its weights were written.
        run.save_weights(state)
    return state


def finish_run(run: Run, state: TrainingState, network: Network, splits: Splits, meter: ProgressMeter) -> None:
    """Write the predictions on validation and test, and the results."""
    predictions: dict[str, Predictions] = {}
    images, before = len(splits.validation) + len(splits.test), 0
    # Large weights overflow here as they did in training, where the loss said whether that matters.
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for split, dataset in (("validation", splits.validation), ("test", splits.test)):
            told = meter.stage(state.epoch, PREDICTING, images, before)
            predictions[split] = Predictions(dataset.labels, predict_in_parts(network, dataset.images, told))
            before += len(dataset)
    run.save_predictions(predictions)
    record_training(run)
    history = run.history()
    best = history[state.best_epoch - 1]
    run.finish(
        {
            "epochs": state.epoch,
            "best_epoch": state.best_epoch,
            "train_seconds": sum(epoch["train_seconds"] for epoch in history),
            "seconds": sum(epoch["train_seconds"] + epoch["evaluation_seconds"] for epoch in history),
            "train_accuracy": best["train_accuracy"],
            "train_measured": best.get("train_measured"),
            "train_loss": best["train_loss"],
            "validation_accuracy": best["validation_accuracy"],
            "validation_loss": best["validation_loss"],
            "temperature": fit_temperature(predictions["validation"].labels, predictions["validation"].probabilities),
        },
        _now(),
    )


def summary(run: Run) -> dict[str, Any]:
    """Return what `inkling train --json` prints of a finished run."""
    return {
        "run": str(run.folder),
        "network": run.network_name,
        "recipe": run.settings.recipe,
        "train_size": run.train_size,
        "seed": run.settings.seed,
        **(run.results or {}),
    }


def _save(run: Run, state: TrainingState, saved_best: int) -> int:
    """Write checkpoint and, if it changed, the best weights; return the epoch of the best weights on disk."""
    run.sync_history()
    run.save_checkpoint(state)
    if state.best_epoch != saved_best:
        run.save_weights(state)
    return state.best_epoch


def _check_same(run: Run, data: DataInfo, info: dict[str, Any]) -> None:
    differences = []
    if run.data.fingerprint != data.fingerprint:
        differences.append("data or training size")
    if run.info["network"] != info["network"]:
        differences.append("network")
    if _weights_of(run.info.get("teacher")) != _weights_of(info["teacher"]):
        differences.append("teacher")
    if run.info.get("dynamics", False) != info.get("dynamics", False):
        differences.append("whether training dynamics are recorded")
    theirs, ours = run.settings.to_dict(), info["settings"]
    differences += [f"{name} ({theirs[name]}, now {ours[name]})" for name in ours if theirs[name] != ours[name]]
    if differences:
        raise RunError(
            f"{run.folder}: holds another run, different in {', '.join(differences)}: "
            "resume with the command that started it, or choose another --out"
        )


def _weights_of(teacher: dict[str, Any] | None) -> str | None:
    return None if teacher is None else str(teacher.get("weights_sha256"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
