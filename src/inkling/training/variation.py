"""Settings varied by name: what can be varied, its values read from words, and the settings that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from itertools import product
from typing import Any, NamedTuple

from inkling.errors import SettingsError, did_you_mean
from inkling.images.augment import Augmentation
from inkling.networks.catalogue import NETWORKS, find_network, options_of_network
from inkling.networks.custom import is_custom
from inkling.training.settings import TrainingSettings

AUGMENTATION = "augmentation"
RECIPE = "recipe"

AUGMENTATIONS: Mapping[str, Augmentation] = {
    "none": Augmentation(),
    "shift": Augmentation(shift=1.0),
    "affine": Augmentation(shift=1.2, rotation=10.0, scale=0.1, shear=10.0),
}
"""Values of `augmentation`: nothing; a pixel either way; the affine maps of the perceptron's recipe `strong`."""

_NOT_VARIED = ("seed", RECIPE)
"""A study has options of their own for these."""

_PARTS = tuple(
    field.name for field in fields(TrainingSettings) if is_dataclass(getattr(TrainingSettings(), field.name))
)
_LONGER = {
    "schedule.name": "schedule",
    "optimizer.name": "optimizer",
    "distillation.weight": "distillation_weight",
    "distillation.temperature": "distillation_temperature",
}
"""Settings whose own name would not say what they are of."""

NONE = "none"
Value = int | float | bool | str | None


@dataclass(frozen=True)
class Setting:
    """A setting that can be varied."""

    name: str  # as it is given, and as results have it: "weight_decay"
    path: tuple[
        str, ...
    ]  # where it stands in the settings: ("optimizer", "weight_decay"); of a network's own, its name
    kind: type  # of its values
    optional: bool = False  # whether "none" is one of them
    of_network: bool = False  # an option of the network's builder, such as `hidden`


class Varied(NamedTuple):
    """Settings after a variation."""

    settings: TrainingSettings
    network_options: Mapping[str, Any]


def _settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, value in TrainingSettings().to_dict().items():
        if name in _PARTS:
            for leaf, inner in value.items():
                short = _LONGER.get(f"{name}.{leaf}", leaf)
                found[short] = Setting(short, (name, leaf), type(inner))
        elif name not in _NOT_VARIED:
            found[name] = Setting(name, (name,), int if value is None else type(value), optional=value is None)
    found[AUGMENTATION] = Setting(AUGMENTATION, (AUGMENTATION,), str)
    return found


TRAINING: Mapping[str, Setting] = _settings()
"""What can be varied in how any network is trained, by name."""


def find_setting(name: str, network: str) -> Setting:
    """Return a setting by its plain name ("weight_decay") or its dotted one ("optimizer.weight_decay").

    Raises
    ------
    SettingsError
        If there is none of that name; it says the nearest that there is, or which networks have it.
    """
    plain = name.replace("-", "_")
    dotted = {".".join(setting.path): setting for setting in TRAINING.values()}
    if plain in TRAINING or plain in dotted:
        return TRAINING.get(plain) or dotted[plain]
    if plain in _NOT_VARIED:
        raise SettingsError([f"{plain} is not varied as a setting: give several {plain}s"])
    options = options_of_network(network)  # after the settings of training: it may execute a file
    if plain in options:
        return Setting(plain, (plain,), options[plain], of_network=True)
    owners = [other for other in NETWORKS if plain in find_network(other).options]
    if owners and not is_custom(network):
        raise SettingsError([f"{network} has no setting '{plain}', which {', '.join(owners)} has: leave it out"])
    own = f": of its own, {network} has {', '.join(options) or 'none'}" if is_custom(network) else ""
    raise SettingsError([f"unknown setting '{name}'{did_you_mean(plain, [*TRAINING, *options, *dotted])}{own}"])


def read_value(setting: Setting, given: object) -> Value:
    """Return a value of a setting from a word, or from a value in Python.

    Raises
    ------
    SettingsError
        If it is none.
    """
    word = given if isinstance(given, str) else NONE if given is None else str(given)
    word = word.strip()
    if setting.name == AUGMENTATION and word not in AUGMENTATIONS:
        near = did_you_mean(word, AUGMENTATIONS)
        raise SettingsError([f"augmentation must be one of {', '.join(AUGMENTATIONS)}, found '{word}'{near}"])
    if setting.optional and word.lower() == NONE:
        return None
    try:
        if setting.kind is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[word.lower()]
        if setting.kind is int:
            return int(word.replace("_", ""))
        return float(word) if setting.kind is float else word
    except (KeyError, ValueError):
        expected = {bool: "yes or no", int: "a whole number", float: "a number"}[setting.kind]
        raise SettingsError([f"{setting.name} must be {expected}, found '{word}'"]) from None


def value_word(value: Value) -> str:
    """Return a value as results have it, the same for all ways of writing it: "0.001", "yes", "none"."""
    if value is None or isinstance(value, bool):
        return NONE if value is None else "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def variants(vary: Mapping[str, Sequence[object]], network: str, recipes: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return every combination of values of the settings that are varied, as words; of two recipes or more, too.

    Parameters
    ----------
    vary : mapping of str to sequence
        Setting, by its plain or dotted name, -> its values.
    network : str
        Whose settings they are.
    recipes : sequence of str

    Returns
    -------
    list of dict
        Setting -> value, the last setting changing fastest; one empty mapping where nothing is varied.

    Raises
    ------
    SettingsError
        If a setting or value is none, or one is there twice.
    """
    axes: dict[str, list[str]] = {RECIPE: list(recipes)} if len(recipes) > 1 else {}
    found = {name: find_setting(name, network) for name in vary}
    problems = []
    for name, setting in found.items():
        words = [value_word(read_value(setting, value)) for value in vary[name]]
        if not words or len(set(words)) != len(words):
            problems.append(f"{name} must be varied over different values, found {', '.join(words) or 'none'}")
        if setting.name in axes:
            problems.append(f"{setting.name} is varied twice: give all of its values at once")
        axes[setting.name] = words
    parts = [name for name, setting in found.items() if setting.path[0] == AUGMENTATION and len(setting.path) > 1]
    if AUGMENTATION in axes and parts:
        problems.append(f"augmentation sets {parts[0]} too: vary one of them")
    if problems:
        raise SettingsError(problems)
    # Sorted by name: a variant is the same however the command orders its settings.
    return [dict(sorted(zip(axes, words, strict=True))) for words in product(*axes.values())]


def apply_variant(settings: TrainingSettings, variant: Mapping[str, str], network: str) -> Varied:
    """Return settings with the values of a variant in them, and the options of the network's builder.

    What another setting would make impossible follows it: Adam has its own first beta unless momentum is varied too,
    plain gradient descent no Nesterov momentum, a constant rate no warm-up.

    Raises
    ------
    SettingsError
        If a setting or a value is none, or out of range.
    """
    values, options = settings.to_dict(), {}
    for name, word in variant.items():
        if name == RECIPE:  # the settings are that recipe's
            continue
        setting = find_setting(name, network)
        value = read_value(setting, word)
        if setting.of_network:
            options[name] = value
        elif name == AUGMENTATION:
            values[AUGMENTATION] = asdict(AUGMENTATIONS[word])
        else:
            at = values
            for part in setting.path[:-1]:
                at = at[part]
            at[setting.path[-1]] = value
    optimizer, schedule = values["optimizer"], values["schedule"]
    if optimizer["name"] != settings.optimizer.name and "momentum" not in variant:
        del optimizer["momentum"]
    if optimizer["name"] == "adam" or (optimizer.get("momentum") == 0 and "nesterov" not in variant):
        optimizer["nesterov"] = False
    if schedule["name"] == "constant" and "warmup" not in variant:
        schedule["warmup"] = 0.0
    return Varied(TrainingSettings.from_dict(values), options)
