"""One run folder: the only place that knows its files.

run.json                    source, data, network, settings, versions, machine, times, results and temperature
history.jsonl               a line an epoch
weights.safetensors         the best epoch; class names, image shape and network in its metadata
checkpoint.safetensors      the last epoch, to resume from; checkpoint.json says the same in words
predictions.safetensors     labels and probabilities on validation and test, of the best epoch
robustness.safetensors      what `inkling stress` measured, if it did
dynamics.safetensors        training dynamics, where they were asked for (runs/dynamics.py)
snapshots/                  the weights of every epoch, where they were asked for (runs/snapshots.py)
corrections.csv             the corrections of labels it was trained with, if any
data.npz                    the images, of a run that was made of an estimator (runs/trained_elsewhere.py)
test_ledger.jsonl           a line for each look at its test predictions (runs/ledger.py)
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, RunError, SettingsError, UnknownSourceError
from inkling.images.dataset import Splits
from inkling.images.options import LoadOptions
from inkling.images.sources.protocol import LoadObserver
from inkling.images.sources.registry import load_images, only_taken
from inkling.metrics.temperature import at_temperature
from inkling.networks.protocols import Network
from inkling.runs.arrays import file_sha256, load_arrays, save_arrays
from inkling.runs.network_file import save_weights, with_weights
from inkling.runs.prepared import listed, prepared_batches
from inkling.runs.schema import (
    FORMAT,
    CheckpointInfo,
    Epoch,
    RunInfo,
    check,
    check_settings,
    parse,
    read_json,
)
from inkling.storage.atomic import cannot_write, is_temporary, make_folder, write_atomically
from inkling.training.loop import EpochRecord, TrainingState
from inkling.training.settings import TrainingSettings

_BEST = "best."


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
        path = self.folder / "run.json"
        self.info = read_json(path)
        if self.info.get("format") != FORMAT:
            raise RunError(
                f"{path}: has format {str(self.info.get('format'))[:20]}, this version reads {FORMAT}: "
                "use the version that wrote it"
            )
        try:
            info = check(self.info, RunInfo)
            self.settings: TrainingSettings = check_settings(info.settings)
        except SettingsError as error:
            raise RunError(f"{path}: not understood ({error}): use the version of Inkling that wrote it") from None
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}): train again into another folder") from None
        self.data = info.data
        self.network_name = info.network.network
        self.variant: Mapping[str, str] = info.variant
        self.results: dict[str, Any] | None = self.info["results"]
        self._networks: dict[str, Network] = {}

    @classmethod
    def create(cls, folder: Path, info: Mapping[str, Any]) -> Run:
        """Make a new run folder.

        Raises
        ------
        RunError
            If the folder holds anything already, or cannot be written.
        """
        # What a kill can leave of a run that had just begun is no obstacle to beginning it again; nor is its lock.
        if folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir())):
            what = "holds a run already" if (folder / "run.json").exists() else "is not empty and not a run"
            raise RunError(f"{folder}: {what}: choose another --out, or add --resume to go on with a run of yours")
        make_folder(folder)
        source = info["network"].get("source")
        if source is not None:
            write_atomically(folder / "network.py", source)
        write_atomically(folder / "run.json", _json({"format": FORMAT, **info}))
        return cls(folder)

    @property
    def finished(self) -> bool:
        """Whether training ran to its end."""
        return self.results is not None

    @property
    def label(self) -> str:
        """What it is called among the runs of its study: the network, with what the study varied in it."""
        return variant_label(self.network_name, self.variant)

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

    def load_images(self, progress: LoadObserver | None = None, source: str | None = None) -> Splits:
        """Return all images of the run's source with its corrections; or those of another source, prepared likewise.

        Raises
        ------
        UnknownSourceError, DataError
            As `images.sources.registry.load_images`.
        """
        if source is None:
            try:
                return load_images(self.data.source, progress, self.corrections, self.data.options)
            except UnknownSourceError:
                raise UnknownSourceError(
                    f"{self.data.source}: the images that {self.folder} was trained on are no longer there: put them "
                    "back ('inkling evaluate' takes others by --data)"
                ) from None
        height, width, _ = self.data.image_shape
        side = height if height == width else None
        wanted = LoadOptions(side, self.data.options.fit, bits_used=self.data.bits_used)
        return load_images(source, progress, options=only_taken(wanted, source))

    def subset(self, splits: Splits) -> Splits:
        """Return what the run was trained on and is evaluated on, from all images of its source, corrected as it says.

        Raises
        ------
        DataError
            If the source holds other images now.
        """
        if self.train_size < len(splits.train):
            splits = splits.with_train_size(self.train_size, self.settings.seed)
        if splits.fingerprint != self.data.fingerprint:
            raise DataError(
                f"{self.data.source}: now holds other images than {self.folder} was trained on: "
                "bring them back ('inkling evaluate' takes others by --data)"
            )
        return splits

    def note_resumption(self, where: Mapping[str, Any], when: str) -> None:
        """Write down under "resumed" where a run goes on, if not where it began: equal bits are promised only there.

        Parameters
        ----------
        where : mapping
            The versions, machine and device, as run.json has them.
        when : str
            ISO 8601.
        """
        resumed = self.info.get("resumed", [])
        before = resumed[-1] if resumed else self.info
        changed = sorted(name for name, value in where.items() if _canonical(value) != _canonical(before.get(name)))
        if changed:
            self.info["resumed"] = [*resumed, {**where, "at": when, "changed": changed}]
            write_atomically(self.folder / "run.json", _json(self.info))

    def finish(self, results: Mapping[str, Any], finished: str) -> None:
        """Write down the results and the digest of the weights; the run is then finished."""
        self.results = {**results, "weights_sha256": self.weights_digest()}
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
                epoch = parse(line)
                if check(epoch, Epoch).epoch != number:
                    raise ValueError(f"epoch {epoch['epoch']} where {number} belongs")
                epochs.append(epoch)
            except ValueError as error:
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
        self.write_history(kept)

    def write_history(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Write the lines of all epochs, in the place of those that are there."""
        write_atomically(self.folder / "history.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in epochs))

    # --- weights -----------------------------------------------------------------------------------------------

    def save_weights(self, state: TrainingState) -> None:
        """Write the weights of the best epoch."""
        epoch = {"epoch": str(state.best_epoch)}
        save_weights(self._weights, state.best, self.info["network"], self.data.class_names, epoch)

    def weights_digest(self) -> str:
        """Return the SHA-256 of the weights file, which equal runs share."""
        return file_sha256(self._weights)

    def network(self, device: str = "auto") -> Network:
        """Return the network with the weights of its best epoch.

        Parameters
        ----------
        device : str
            Where a PyTorch network shall compute: "auto", "cpu", "cuda", …

        Raises
        ------
        RunError
            If the file is missing or damaged, is not the one that training wrote, or its weights do not fit the
            network of run.json.
        """
        arrays, _ = load_arrays(self._weights)
        network = with_weights(self.info["network"], arrays, self._weights, device)
        expected = (self.results or {}).get("weights_sha256")
        if expected is not None and self.weights_digest() != expected:
            raise RunError(
                f"{self._weights}: is not the file that training wrote (its SHA-256 is not the one in run.json): "
                "bring it back, or train again into another folder"
            )
        return network

    def predict(
        self,
        images: NDArray[np.uint8] | str | Path | Sequence[str | Path],
        calibrated: bool = False,
        device: str = "auto",
    ) -> NDArray[np.float32]:
        """Return the probability of each class for images. The network is loaded once, at the first call.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C), or paths
            Pixels 0..255, of the image shape of the run; or the path of a picture file, or a sequence of N of them,
            which are read a batch at a time and made as the run's images were.
        calibrated : bool
            At the temperature that was fitted on the validation images.
        device : str
            Where a PyTorch network shall compute: "auto", "cpu", "cuda", …

        Returns
        -------
        ndarray of float32, shape (N, K)
            In the order of `data.class_names`.

        Raises
        ------
        NetworkError
            If the images are of another shape or type.
        DataError
            If files cannot be read as pictures: all of them are counted, the first ones named.
        RunError
            As `network` and, with `calibrated`, as `temperature`.
        """
        if device not in self._networks:
            self._networks[device] = self.network(device)
        network, files = self._networks[device], _paths(images)
        if files is None:
            probabilities = network.predict_proba(cast(NDArray[np.uint8], images))
        else:
            parts, unreadable = [], list[str]()
            for batch in prepared_batches(self.data, files):
                unreadable += batch.unreadable
                parts.append(network.predict_proba(batch.images))
            if unreadable:
                raise DataError(listed(unreadable, len(files)))
            probabilities = np.concatenate(parts)
        return at_temperature(probabilities, self.temperature()) if calibrated else probabilities

    @property
    def _weights(self) -> Path:
        return self.folder / "weights.safetensors"

    # --- checkpoint --------------------------------------------------------------------------------------------

    def save_checkpoint(self, state: TrainingState) -> None:
        """Write all that resuming needs. The one file is complete by itself; the JSON beside it is for people."""
        values = {name: getattr(state, name) for name in CheckpointInfo.__struct_fields__}
        arrays = {**state.network, **{_BEST + name: array for name, array in state.best.items()}}
        save_arrays(self.folder / "checkpoint.safetensors", arrays, {"training": json.dumps(values)})
        write_atomically(self.folder / "checkpoint.json", _json(values))

    def checkpoint(self) -> TrainingState | None:
        """Return the state to resume from, or None where no epoch was finished."""
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return None
        arrays, metadata = load_arrays(path)
        try:
            info = check(parse(metadata["training"]), CheckpointInfo)
        except (KeyError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error}): train again into another folder") from None
        best = {name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)}
        network = {name: array for name, array in arrays.items() if not name.startswith(_BEST)}
        return TrainingState(
            info.epoch, network, best, info.best_epoch, info.best_accuracy, info.best_loss
        )  # fmt: skip

    # --- predictions -------------------------------------------------------------------------------------------

    def save_predictions(self, predictions: Mapping[str, Predictions]) -> None:
        """Write labels and probabilities, by split."""
        arrays: dict[str, NDArray[Any]] = {}
        for split, of_split in predictions.items():
            arrays[f"{split}.labels"] = of_split.labels
            arrays[f"{split}.probabilities"] = of_split.probabilities
        save_arrays(self.folder / "predictions.safetensors", arrays, {"fingerprint": self.data.fingerprint})

    def predictions(self, split: str) -> Predictions:
        """Return the labels and probabilities of "validation" or "test".

        Raises
        ------
        RunError
            If the run is not finished, or the file is missing, damaged, or of other data.
        """
        path = self.folder / "predictions.safetensors"
        if not self.finished and not path.exists():
            raise self._not_finished()
        arrays, metadata = load_arrays(path)
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
        """Return the temperature that was fitted on the validation images.

        Raises
        ------
        RunError
            If the run is not finished.
        """
        if self.results is None:
            raise self._not_finished()
        return float(self.results["temperature"])

    def _not_finished(self) -> RunError:
        return RunError(f"{self.folder}: the run is not finished: go on with it by 'inkling train … --resume'")


def _paths(images: object) -> list[str | Path] | None:
    """Return the paths that somebody gives instead of images; None of anything else."""
    if isinstance(images, str | Path):
        return [images]
    if isinstance(images, Sequence) and images and all(isinstance(image, str | Path) for image in images):
        return list(images)
    return None


def variant_label(network: str, variant: Mapping[str, str]) -> str:
    """Return what a network with some settings varied is called: "perceptron (weight decay 0.001, hidden 16)"."""
    varied = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in variant.items())
    return f"{network} ({varied})" if varied else network


def _canonical(value: Any) -> Any:
    """Return JSON values with lists in one order: libraries are listed in the order that they were loaded in."""
    if isinstance(value, Mapping):
        return {name: _canonical(part) for name, part in value.items()}
    return sorted(json.dumps(part, sort_keys=True) for part in value) if isinstance(value, list) else value


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
