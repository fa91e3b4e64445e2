"""Everything that decides how a network is trained, as frozen values that travel through JSON unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

import msgspec

from inkling.errors import SettingsError, did_you_mean
from inkling.images.augment import Augmentation
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.protocols import FLOAT32, PRECISIONS
from inkling.training.schedules import ScheduleSettings
from inkling.training.targets import Distillation


@dataclass(frozen=True)
class TrainingSettings:
    """One training run, but for its data and its network.

    Attributes
    ----------
    recipe : str
        Name of the recipe these came from; says nothing to the loop.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step; the last batch of an epoch may be smaller.
    seed : int
        Initial weights, training subset, order and augmentation all follow from it.
    patience : int or None
        Epochs without a better validation accuracy before stopping; None: never stop.
    balance_classes : bool
        Weight images so that every class counts the same.
    label_smoothing : float
        Part of each label that is spread evenly over all classes, 0..1.
    precision : str
        Of the arithmetic of training steps, one of PRECISIONS.
    schedule : ScheduleSettings
    optimizer : OptimizerSettings
    augmentation : Augmentation
    distillation : Distillation
    """

    recipe: str = "custom"
    epochs: int = 30
    batch_size: int = 256
    seed: int = 0
    patience: int | None = None
    balance_classes: bool = False
    label_smoothing: float = 0.0
    precision: str = FLOAT32
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)
    distillation: Distillation = field(default_factory=Distillation)

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        problems = [
            f"{name.replace('_', ' ')} must be 1 or more, found {getattr(self, name)}"
            for name in ("epochs", "batch_size")
            if getattr(self, name) < 1
        ]
        integers = {
            "epochs": self.epochs,
            "batch size": self.batch_size,
            "seed": self.seed,
            "patience": self.patience or 1,
        }
        problems += [
            f"{name} must be a whole number, found {value}"
            for name, value in integers.items()
            if type(value) is not int
        ]
        problems += seed_problems(self.seed)
        if self.patience is not None and self.patience < 1:
            problems.append(f"patience must be 1 epoch or more, found {self.patience}")
        if not 0 <= self.label_smoothing < 1:
            problems.append(f"label smoothing must lie in 0..1 (1 excluded), found {self.label_smoothing}")
        if self.precision not in PRECISIONS:
            problems.append(f"precision must be one of {', '.join(PRECISIONS)}, found '{self.precision}'")
        for part in (self.schedule, self.optimizer, self.augmentation, self.distillation):
            problems += part.problems()
        return problems

    def check(self) -> TrainingSettings:
        """Return these settings, or raise SettingsError with every one that is out of range."""
        problems = self.problems()
        if problems:
            raise SettingsError(problems)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingSettings:
        """Return the settings that `to_dict` wrote.

        Raises
        ------
        SettingsError
            If a name is unknown, or a value is of another type or out of range.
        """
        _check_names(cls(), values, "")
        try:
            settings = msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            what, _, where = str(error).replace("`", "").partition(" - at $.")
            raise SettingsError([f"{where}: {what[:1].lower()}{what[1:]}"]) from None
        return settings.check()


def seed_problems(seed: int) -> list[str]:
    """Return a sentence if a seed is out of range."""
    return [] if 0 <= seed < 2**63 else [f"seed must be 0 or more and below 2^63, found {seed}"]


def _check_names(defaults: Any, values: Any, where: str) -> None:
    """Raise SettingsError where a name is no setting, with the nearest that is one."""
    if not isinstance(values, Mapping):
        raise SettingsError([f"{where or 'settings'} must be an object, found {type(values).__name__}"])
    known = {field.name: getattr(defaults, field.name) for field in fields(defaults)}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise SettingsError(f"unknown setting '{where}{name}'{did_you_mean(str(name), known)}" for name in unknown)
    for name, value in values.items():
        if is_dataclass(known[name]):
            _check_names(known[name], value, f"{where}{name}.")
