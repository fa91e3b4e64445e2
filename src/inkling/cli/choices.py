"""Options that several commands share, and the settings they add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from inkling.training.recipes import RECIPES, find_recipe
from inkling.training.settings import TrainingSettings

Source = Annotated[str, typer.Argument(help="digits, mnist, fashion-mnist, kmnist, or a folder of IDX files.")]
Recipe = Annotated[str, typer.Option(help=f"Named settings: {', '.join(sorted(RECIPES))}.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images.  [default: the recipe's]")]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.  [default: the recipe's]")]
LearningRate = Annotated[float | None, typer.Option(help="Step per unit of gradient.  [default: the recipe's]")]
Momentum = Annotated[float | None, typer.Option(help="Fraction of the last step kept.  [default: the recipe's]")]
WeightDecay = Annotated[float | None, typer.Option(help="Pull of the weights to zero.  [default: the recipe's]")]
Patience = Annotated[int | None, typer.Option(help="Stop after so many epochs without a better validation accuracy.")]
BalanceClasses = Annotated[bool, typer.Option("--balance-classes", help="Let every class count the same.")]


def settings_from(recipe: str, seed: int, changes: dict[str, Any]) -> TrainingSettings:
    """Return a recipe's settings with the options that were given; SettingsError names everything out of range."""
    settings = replace(find_recipe(recipe), seed=seed)
    given = {name: value for name, value in changes.items() if value is not None}
    schedule, optimizer = settings.schedule, settings.optimizer
    if "learning_rate" in given:
        schedule = replace(schedule, learning_rate=given.pop("learning_rate"))
    optimizer = replace(optimizer, **{name: given.pop(name) for name in ("momentum", "weight_decay") if name in given})
    if optimizer.momentum == 0:
        optimizer = replace(optimizer, nesterov=False)
    return replace(settings, schedule=schedule, optimizer=optimizer, **given).check()


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Return the integers of a comma-separated option, or raise click's usage error."""
    try:
        return tuple(int(word.replace("_", "")) for word in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected whole numbers with commas between, found '{text}'", param_hint=option
        ) from None
