"""What run.json, a line of the history and a checkpoint's metadata hold, and the check that a file holds it.

The types say it; msgspec compares. Keys that are not named here are passed over: a later version may have added them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from inkling.errors import RunError, SettingsError
from inkling.images.appearance import Appearance
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.registry import canonical
from inkling.networks.checks import MOST_PIXELS
from inkling.training.settings import TrainingSettings

FORMAT = 1

Count = Annotated[int, Meta(ge=1)]
Length = Annotated[int, Meta(ge=1, le=MOST_PIXELS)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

T = TypeVar("T")


@dataclass(frozen=True)
class DataInfo:
    """The data of a run, enough to recognise it and to label its results."""

    source: str  # what `load_images` was given
    name: str
    fingerprint: Sha256  # of the three splits as trained on
    image_shape: tuple[Length, Length, Length]
    class_names: tuple[str, ...]
    train: Count  # images in each split
    validation: Count
    test: Count
    test_fingerprint: Sha256  # of the test split
    options: LoadOptions = AS_THE_SOURCE_HAS_IT  # how pictures became images
    skipped: tuple[str, ...] = ()  # files that could not be read and were left out
    bits_used: int | None = None  # of pictures of 16 bits a pixel
    appearance: Appearance | None = None  # of the training images; a run made before it was recorded has none

    @classmethod
    def from_splits(cls, source: str, splits: Splits) -> DataInfo:
        """Describe splits."""
        return cls(
            canonical(source), splits.name, splits.fingerprint, splits.train.image_shape, splits.train.class_names,
            len(splits.train), len(splits.validation), len(splits.test), splits.test.fingerprint,
            splits.options, splits.skipped, splits.bits_used,
            Appearance.of(splits.train.images, splits.sides),
        )  # fmt: skip


class NetworkInfo(msgspec.Struct, frozen=True):
    """What every network's description holds beside its own options."""

    network: str
    image_shape: tuple[Length, Length, Length]
    n_classes: Count


class TeacherInfo(msgspec.Struct, frozen=True):
    """The run that a run learnt from."""

    run: str
    network: str
    weights_sha256: Sha256


class CorrectionsInfo(msgspec.Struct, frozen=True):
    """The corrections of labels that a run was trained with."""

    file: str
    sha256: Sha256
    labels: int


class Machine(msgspec.Struct, frozen=True):
    """What a run was computed on, as `runs.environment.machine` says it."""

    system: str
    processor: str
    cores: int | None
    threads: list[dict[str, Any]]


class Results(msgspec.Struct, frozen=True):
    """What a finished run reached."""

    epochs: Count
    best_epoch: Count
    train_seconds: NotNegative
    seconds: NotNegative
    train_accuracy: Fraction
    train_loss: NotNegative
    validation_accuracy: Fraction
    validation_loss: NotNegative
    temperature: Positive
    train_measured: Count | None = None  # training images behind loss and accuracy; of runs that do not say, all
    weights_sha256: Sha256 | None = None  # of weights.safetensors; a run made before it was recorded has none


class RunInfo(msgspec.Struct, frozen=True):
    """run.json."""

    format: int
    data: DataInfo
    network: NetworkInfo
    settings: dict[str, Any]
    command: str
    versions: dict[str, str]
    machine: Machine
    started: str
    finished: str | None
    results: Results | None
    device: str
    teacher: TeacherInfo | None = None
    corrections: CorrectionsInfo | None = None
    resumed: list[dict[str, Any]] = []  # where it went on, if not where it began: `Run.note_resumption`
    dynamics: bool = False  # whether training dynamics are recorded: `runs.dynamics`
    variant: dict[str, str] = {}  # what a study varied in it: setting -> value

    def __post_init__(self) -> None:
        taken, there = (
            (self.network.image_shape, self.network.n_classes),
            (self.data.image_shape, len(self.data.class_names)),
        )
        if taken != there:
            raise ValueError(f"the network takes images and classes {taken}, the data have {there}")
        if prod(self.data.image_shape) > MOST_PIXELS:
            raise ValueError(f"images of {self.data.image_shape} are larger than any network takes")


class Epoch(msgspec.Struct, frozen=True):
    """A line of the history."""

    epoch: Count
    learning_rate: NotNegative
    running_loss: NotNegative
    train_loss: NotNegative
    train_accuracy: Fraction
    validation_loss: NotNegative
    validation_accuracy: Fraction
    train_seconds: NotNegative
    evaluation_seconds: NotNegative
    best: bool
    last: bool
    train_measured: Count | None = None  # training images behind loss and accuracy; of runs that do not say, all


class CheckpointInfo(msgspec.Struct, frozen=True):
    """The numbers of a training state, beside its arrays."""

    epoch: Count
    best_epoch: Count
    best_accuracy: Fraction
    best_loss: NotNegative

    def __post_init__(self) -> None:
        if self.best_epoch > self.epoch:
            raise ValueError(f"the best epoch is {self.best_epoch}, but only {self.epoch} are done")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises
    ------
    RunError
        If it cannot be read, or is no JSON object.
    """
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: damaged ({error}): train again into another folder") from None


def parse(text: bytes | str) -> dict[str, Any]:
    """Return a JSON object; raises ValueError for anything else, infinite numbers and too deep nesting included."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError(_in_words(error)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check(values: Any, kind: type[T]) -> T:
    """Return values of a JSON file as the type they must be of.

    Raises
    ------
    ValueError
        With the place of the first value that is not, what belongs there and what was found.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_in_words(error)) from None


def check_settings(values: dict[str, Any]) -> TrainingSettings:
    """Return the settings of a run.

    Raises
    ------
    ValueError
        If a value is of another type than a setting's.
    SettingsError
        If a setting is unknown or out of range.
    """
    try:
        check(values, TrainingSettings)
    except ValueError as error:
        raise ValueError(f"settings: {error}") from None
    try:
        return TrainingSettings.from_dict(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingsError([str(error)]) from None


def _in_words(error: msgspec.MsgspecError) -> str:
    """``Expected `int`, got `str` - at `$.data.train` `` -> "data.train: expected int, got str"."""
    what, _, where = str(error).replace("`", "").partition(" - at $")
    if not what[1:2].isupper():  # not of an abbreviation: "JSON is malformed"
        what = what[:1].lower() + what[1:]
    return f"{where.lstrip('.')}: {what}" if where else what
