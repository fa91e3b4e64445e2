"""Training settings in words: what is switched off is left out, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from inkling.images.augment import Augmentation
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings

_UNITS = {"shift": " px", "rotation": "°", "shear": "°"}


def settings_by_size(runs: Sequence[tuple[int, TrainingSettings]]) -> str:
    """Return the settings of one network in a line.

    What differs between training sizes is given for each, what does not is said once. Seeds are left to the caller.

    Parameters
    ----------
    runs : sequence of (int, TrainingSettings)
        Training size and settings of every run.
    """
    parts = [(size, settings_parts(settings)) for size, settings in runs]
    said = []
    for name in parts[0][1]:
        sizes: dict[str, dict[int, None]] = {}
        for size, of_run in parts:
            sizes.setdefault(of_run[name], {})[size] = None
        if len(sizes) == 1:
            said.append(next(iter(sizes)))
        else:
            said += [f"{text} at {' and '.join(f'{n:,}' for n in at)} images" for text, at in sizes.items() if text]
    return "; ".join(text for text in said if text)


def settings_parts(settings: TrainingSettings) -> dict[str, str]:
    """Return each part of the settings in words, empty where it is switched off."""
    plural = "s" * (settings.epochs > 1)
    distillation = asdict(settings.distillation)
    return {
        "recipe": f"recipe {settings.recipe}",
        "epochs": f"{settings.epochs:,} epoch{plural}",
        "batch_size": f"batches of {settings.batch_size:,}",
        "schedule": _schedule(settings.schedule),
        "optimizer": _optimizer(settings.optimizer),
        "augmentation": _augmentation(settings.augmentation),
        "label_smoothing": f"label smoothing {settings.label_smoothing:g}" if settings.label_smoothing else "",
        "distillation": "distillation " + ", ".join(f"{name} {value:g}" for name, value in distillation.items())
        if settings.distillation.weight
        else "",
        "balance_classes": "every class weighted the same" if settings.balance_classes else "",
        "patience": f"stops after {settings.patience} epochs without a better validation accuracy"
        if settings.patience is not None
        else "",
        "precision": f"{settings.precision} arithmetic",
    }


def _schedule(schedule: ScheduleSettings) -> str:
    if schedule.name == "constant":
        return f"constant learning rate {schedule.learning_rate:g}"
    warmup = f", warm-up over {100 * schedule.warmup:g}% of the steps" if schedule.warmup else ""
    return f"learning rate {schedule.learning_rate:g}, {schedule.name} schedule{warmup}"


def _optimizer(optimizer: OptimizerSettings) -> str:
    decay = f", weight decay {optimizer.weight_decay:g}" if optimizer.weight_decay else ""
    if optimizer.name == "adam":
        return f"Adam, betas {optimizer.momentum:g} and {optimizer.beta2:g}{decay}"
    nesterov = "Nesterov " * optimizer.nesterov
    momentum = f", {nesterov}momentum {optimizer.momentum:g}" if optimizer.momentum else ""
    return f"stochastic gradient descent{momentum}{decay}"


def _augmentation(amounts: Augmentation) -> str:
    if not amounts:
        return ""
    said = {name: f"{name} {value:g}{_UNITS.get(name, '')}" for name, value in asdict(amounts).items() if value}
    mirrored = ["mirror images"] if said.pop("flip", "") else []
    return "augmented by " + ", ".join([*mirrored, *(["up to " + ", ".join(said.values())] if said else [])])
