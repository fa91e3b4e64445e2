"""One run folder: the only place that knows its files.

run.json                    source, data, network, settings, versions, machine, times, results and temperature
history.jsonl               a line an epoch
weights.safetensors         the best epoch; class names, image shape and network in its metadata
checkpoint.safetensors      the last epoch, to resume from; checkpoint.json says the same in words
predictions.safetensors     labels and probabilities on validation and test, of the best epoch
corrections.csv             the corrections of labels it was trained with, if any
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from inkling.errors import DataError, NetworkError, RunError, SettingsError
from inkling.images.dataset import Splits
from inkling.images.sources.registry import canonical
from inkling.metrics.temperature import fit_temperature
from inkling.networks.catalogue import rebuild
from inkling.networks.protocols import Network
from inkling.runs.files import cannot_write, is_temporary, write_atomically
from inkling.training.loop import EpochRecord, TrainingState
from inkling.training.settings import TrainingSettings

FORMAT = 1
_BEST = "best."


@dataclass(frozen=True)
class DataInfo:
    """The data of a run, enough to recognise it and to label its results."""

    source: str  # what `load_images` was given
    name: str
    fingerprint: str  # SHA-256 of the three splits as trained on
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train: int  # images in each split
    validation: int
    test: int
    test_fingerprint: str = ""  # SHA-256 of the test split; runs of early versions lack it

    @classmethod
    def of(cls, source: str, splits: Splits) -> DataInfo:
        """Describe splits."""
        return cls(
            canonical(source), splits.name, splits.fingerprint, splits.train.image_shape, splits.train.class_names,
            len(splits.train), len(splits.validation), len(splits.test), splits.test.fingerprint,
        )  # fmt: skip


@dataclass(frozen=True)
class Predictions:
    """Labels (N,) and probabilities (N, K) of one split."""

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]


class Run:
    """A run folder that exists.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RunError
        If the folder is not a run, or its run.json is damaged.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        if not (self.folder / "run.json").is_file():
            found = "no run.json in it" if self.folder.is_dir() else "no such folder"
            raise RunError(f"{self.folder}: not a run folder ({found}): give the folder that 'inkling train' wrote")
        self.info = self._read_json("run.json")
        try:
            if self.info["format"] != FORMAT:
                raise RunError(
                    f"{self.folder}: run.json has format {self.info['format']}, this version reads {FORMAT}: "
                    "use the version that wrote it"
                )
            values = dict(self.info["data"])
            values["image_shape"] = tuple(int(length) for length in values["image_shape"])
            values["class_names"] = tuple(str(name) for name in values["class_names"])
            self.data = DataInfo(**values)
            self.settings = TrainingSettings.from_dict(self.info["settings"])
            self.network_name = str(self.info["network"]["network"])
            self.results: dict[str, Any] | None = self.info["results"]
            _check_types(self)
        except SettingsError as error:
            raise RunError(
                f"{self.folder / 'run.json'}: not understood ({error}): use the version of Inkling that wrote it"
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.folder / 'run.json'}: damaged ({error}): train again into another folder") from None

    @classmethod
    def create(cls, folder: Path, info: Mapping[str, Any]) -> Run:
        """Make a new run folder.

        Raises
        ------
        RunError
            If the folder holds anything already, or cannot be written.
        """
        # What a kill can leave of a run that had just begun is no obstacle to beginning it again.
        if folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir())):
            what = "holds a run already" if (folder / "run.json").exists() else "is not empty and not a run"
            raise RunError(f"{folder}: {what}: choose another --out, or add --resume to go on with a run of yours")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from None
        write_atomically(folder / "run.json", _json({"format": FORMAT, **info}))
        return cls(folder)

    @property
    def finished(self) -> bool:
        """Whether training ran to its end."""
        return self.results is not None

    @property
    def train_size(self) -> int:
        """Number of training images."""
        return self.data.train

    @property
    def corrections(self) -> Path | None:
        """The run's own copy of the corrections that its labels have; to be given to `load_images` with its source."""
        return self.folder / "corrections.csv" if self.info.get("corrections") else None

    def keep_corrections(self, path: Path) -> None:
        """Copy the corrections into the run, so that it is found again whatever becomes of the file."""
        write_atomically(self.folder / "corrections.csv", path.read_bytes())

    def splits(self, whole: Splits) -> Splits:
        """Return what the run was trained on and is judged by, from all images of its source, corrected as it says.

        Raises
        ------
        DataError
            If the source holds other images now.
        """
        size = self.train_size if self.train_size < len(whole.train) else None
        splits = whole if size is None else whole.with_train_size(size, self.settings.seed)
        if splits.fingerprint != self.data.fingerprint:
            raise DataError(
                f"{self.data.source}: now holds other images than {self.folder} was trained on: "
                "bring them back ('inkling evaluate' takes others by --data)"
            )
        return splits

    def finish(self, results: Mapping[str, Any], finished: str) -> None:
        """Write down the results; the run is then finished."""
        self.results = dict(results)
        self.info.update(results=self.results, finished=finished)
        write_atomically(self.folder / "run.json", _json(self.info))

    # --- history -----------------------------------------------------------------------------------------------

    def append_history(self, record: EpochRecord) -> None:
        """Add an epoch's line."""
        path = self.folder / "history.jsonl"
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record.to_dict()) + "\n")
        except OSError as error:
            raise cannot_write(path, error) from None

    def history(self) -> list[dict[str, Any]]:
        """Return one mapping an epoch. A torn last line, which a kill can leave, is passed over."""
        path = self.folder / "history.jsonl"
        if not path.is_file():
            raise RunError(f"{path}: missing: the run has not finished an epoch, or the file was removed")
        lines = path.read_bytes().splitlines()
        epochs = []
        for number, line in enumerate(lines, 1):
            try:
                epoch = json.loads(line)
                _check_epoch(epoch, number)
                epochs.append(epoch)
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines) > 1:
                    break
                raise RunError(f"{path}: line {number} is damaged ({error}): train again into another folder") from None
        if not epochs:
            raise RunError(f"{path}: empty: train again into another folder")
        return epochs

    def sync_history(self) -> None:
        """Have the history on disk before a checkpoint that counts on it."""
        path = self.folder / "history.jsonl"
        try:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(path, error) from None

    def cut_history(self, epochs: int) -> None:
        """Forget the epochs after a checkpoint; they will be trained again."""
        kept = self.history()[:epochs]
        if len(kept) < epochs:
            raise RunError(
                f"{self.folder / 'history.jsonl'}: holds {len(kept)} epochs, the checkpoint {epochs}: "
                "train again into another folder"
            )
        write_atomically(self.folder / "history.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in kept))

    # --- weights -----------------------------------------------------------------------------------------------

    def save_weights(self, state: TrainingState) -> None:
        """Write the weights of the best epoch."""
        metadata = {
            "class_names": json.dumps(self.data.class_names),
            "image_shape": json.dumps(self.data.image_shape),
            "network": json.dumps(self.info["network"]),
            "epoch": str(state.best_epoch),
        }
        _save_arrays(self.folder / "weights.safetensors", state.best, metadata)

    def weights_digest(self) -> str:
        """Return the SHA-256 of the weights file, which equal runs share."""
        path = self.folder / "weights.safetensors"
        if not path.is_file():
            raise RunError(f"{path}: missing: the run is damaged or not finished")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def network(self, device: str = "auto") -> Network:
        """Return the network with the weights of its best epoch.

        Parameters
        ----------
        device : str
            Where a PyTorch network shall compute: "auto", "cpu" or "cuda".

        Raises
        ------
        RunError
            If the file is missing or damaged, or its weights do not fit the network of run.json.
        """
        arrays, _ = _load_arrays(self.folder / "weights.safetensors")
        network = self._rebuilt(device)
        try:
            network.load_state(arrays)
        except (NetworkError, MemoryError) as error:
            raise RunError(f"{self.folder / 'weights.safetensors'}: {error}") from None
        return network

    def _rebuilt(self, device: str) -> Network:
        try:
            return rebuild(self.info["network"], device)
        except MemoryError as error:
            raise RunError(f"{self.folder / 'run.json'}: {error}") from None

    # --- checkpoint --------------------------------------------------------------------------------------------

    def save_checkpoint(self, state: TrainingState) -> None:
        """Write all that resuming needs. The one file is whole by itself; the JSON beside it is for people."""
        values = {name: value for name, value in asdict(state).items() if name not in ("network", "best")}
        arrays = {**state.network, **{_BEST + name: array for name, array in state.best.items()}}
        _save_arrays(self.folder / "checkpoint.safetensors", arrays, {"training": json.dumps(values)})
        write_atomically(self.folder / "checkpoint.json", _json(values))

    def checkpoint(self) -> TrainingState | None:
        """Return the state to resume from, or None where no epoch was finished."""
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return None
        arrays, metadata = _load_arrays(path)
        try:
            values = json.loads(metadata["training"])
            best = {name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)}
            network = {name: array for name, array in arrays.items() if not name.startswith(_BEST)}
            return TrainingState(network=network, best=best, **values)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error}): train again into another folder") from None

    # --- predictions -------------------------------------------------------------------------------------------

    def save_predictions(self, predictions: Mapping[str, Predictions]) -> None:
        """Write labels and probabilities, by split."""
        arrays: dict[str, NDArray[Any]] = {}
        for split, of_split in predictions.items():
            arrays[f"{split}.labels"] = of_split.labels
            arrays[f"{split}.probabilities"] = of_split.probabilities
        _save_arrays(self.folder / "predictions.safetensors", arrays, {"fingerprint": self.data.fingerprint})

    def predictions(self, split: str) -> Predictions:
        """Return the labels and probabilities of "validation" or "test".

        Raises
        ------
        RunError
            If the run is not finished, or the file is missing, damaged, or of other data.
        """
        path = self.folder / "predictions.safetensors"
        if not self.finished and not path.exists():
            raise RunError(f"{self.folder}: the run is not finished: go on with it by 'inkling train … --resume'")
        arrays, metadata = _load_arrays(path)
        labels, probabilities = arrays.get(f"{split}.labels"), arrays.get(f"{split}.probabilities")
        expected = (getattr(self.data, split), len(self.data.class_names))
        if labels is None or probabilities is None or metadata.get("fingerprint") != self.data.fingerprint:
            raise RunError(f"{path}: holds no {split} predictions of this run: train again into another folder")
        if probabilities.shape != expected or labels.shape != expected[:1]:
            raise RunError(f"{path}: expected {split} probabilities of shape {expected}, found {probabilities.shape}")
        if not (np.isfinite(probabilities).all() and (probabilities >= 0).all()):
            raise RunError(f"{path}: holds {split} probabilities that are none: train again into another folder")
        if labels.dtype != np.int64 or (len(labels) and not 0 <= labels.min() <= labels.max() < expected[1]):
            raise RunError(f"{path}: holds {split} labels of other classes: train again into another folder")
        return Predictions(labels, probabilities)

    def temperature(self) -> float:
        """Return the temperature that was fitted on validation; runs of early versions, which lack it, fit it now.

        Raises
        ------
        RunError
            As `predictions`, where it has to be fitted.
        """
        if self.results and "temperature" in self.results:
            return float(self.results["temperature"])
        validation = self.predictions("validation")
        return fit_temperature(validation.labels, validation.probabilities)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error}): train again into another folder") from None
        if not isinstance(values, dict):
            raise RunError(f"{path}: damaged (expected an object): train again into another folder")
        return values


_RESULTS = (
    "epochs", "best_epoch", "train_seconds", "seconds", "train_accuracy", "train_loss", "validation_accuracy",
    "validation_loss",
)  # fmt: skip
_EPOCH = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "train_seconds",
    "evaluation_seconds",
)


def _check_types(run: Run) -> None:
    """Raise ValueError where run.json holds values that no run writes."""
    sizes = (run.data.train, run.data.validation, run.data.test)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"expected numbers of images, found {sizes}")
    texts = (run.data.source, run.data.name, run.data.fingerprint, run.data.test_fingerprint, run.info["command"])
    described = run.info["network"]
    shape = (tuple(described["image_shape"]), described["n_classes"])
    if shape != (run.data.image_shape, len(run.data.class_names)):
        raise ValueError(f"the network takes {shape}, the data are {run.data.image_shape}")
    teacher = run.info.get("teacher")
    if teacher is not None and not all(isinstance(teacher[name], str) for name in ("run", "network", "weights_sha256")):
        raise ValueError("run, network and weights_sha256 of a teacher must be texts")
    corrections = run.info.get("corrections")
    kinds = {"file": str, "sha256": str, "labels": int}
    if corrections is not None and not all(isinstance(corrections[name], kind) for name, kind in kinds.items()):
        raise ValueError("file, sha256 and labels of corrections are not as a run writes them")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("source, name, fingerprints and command must be texts")
    threads = run.info["machine"]["threads"]
    if not (isinstance(run.info["versions"], dict) and all(isinstance(pool, dict) for pool in threads)):
        raise ValueError("versions and machine are not as a run writes them")
    if run.results is not None:
        _check_numbers(run.results, _RESULTS)
        if not 0 < run.results.get("temperature", 1.0) < math.inf:
            raise ValueError(f"temperature is {run.results['temperature']}")


def _check_epoch(epoch: Any, number: int) -> None:
    """Raise ValueError, KeyError or TypeError unless a line of the history is what training writes."""
    if epoch["epoch"] != number:
        raise ValueError(f"epoch {epoch['epoch']} where {number} belongs")
    _check_numbers(epoch, _EPOCH)


def _check_numbers(values: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        value = values[name]
        if not math.isfinite(value) or value < 0 or (name.endswith("accuracy") and value > 1):
            raise ValueError(f"{name} is {value}")


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = safetensors.numpy.save(contiguous, metadata)
    # safetensors writes metadata in an order that changes from process to process; equal runs shall be equal bytes.
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % 8)
    write_atomically(path, len(ordered).to_bytes(8, "little") + ordered + content[8 + length :])


def _load_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    if not path.is_file():
        raise RunError(f"{path}: missing: the run is damaged or not finished")
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path}: damaged ({error}): train again into another folder") from None
