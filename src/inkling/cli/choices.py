"""Options that several commands share, and the settings they add up to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inkling.errors import SettingsError
from inkling.networks.catalogue import NETWORKS
from inkling.networks.protocols import PRECISIONS
from inkling.training.recipes.registry import RECIPE_NAMES

Source = Annotated[
    str, typer.Argument(help="digits, mnist, fashion-mnist, kmnist, or a folder of class folders or IDX files.")
]
Recipe = Annotated[str, typer.Option(help=f"Named settings: {', '.join(RECIPE_NAMES)}.")]
Network = Annotated[str, typer.Option(help=f"Which network: {', '.join(NETWORKS)}.")]
TrainSize = Annotated[int | None, typer.Option(help="Training images, drawn by class.  [default: all]")]
Seed = Annotated[int, typer.Option(help="Fixes every random choice.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images.  [default: the recipe's]")]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.  [default: the recipe's]")]
LearningRate = Annotated[float | None, typer.Option(help="Step per unit of gradient.  [default: the recipe's]")]
Momentum = Annotated[
    float | None, typer.Option(help="Fraction of the last step kept (Adam: its first beta).  [default: the recipe's]")
]
WeightDecay = Annotated[float | None, typer.Option(help="Pull of the weights to zero.  [default: the recipe's]")]
Patience = Annotated[int | None, typer.Option(help="Stop after so many epochs without a better validation accuracy.")]
BalanceClasses = Annotated[bool, typer.Option("--balance-classes", help="Let every class count the same.")]
Precision = Annotated[
    str | None, typer.Option(help=f"Arithmetic of training steps: {', '.join(PRECISIONS)}.  [default: the recipe's]")
]
Device = Annotated[str, typer.Option(help="Where PyTorch networks compute: auto, cpu or cuda.")]
Corrections = Annotated[Path | None, typer.Option(help="Labels corrected by hand: a CSV file from 'inkling labels'.")]
Teacher = Annotated[Path | None, typer.Option(help="Run whose probabilities stand in for the labels (recipe distil).")]
Tta = Annotated[
    bool,
    typer.Option("--tta", help="Average over copies, changed by half of what training did (test-time augmentation)."),
]

Invert = Annotated[
    bool, typer.Option("--invert", help="Turn dark into light: for ink on paper, learned as light on dark.")
]
Track = Annotated[str | None, typer.Option(help="Send the history there too: tensorboard or mlflow.")]


def figure_file(out: Path) -> Path:
    """Return where a figure goes, or raise SettingsError before any work is done for it."""
    if out.suffix.lower() != ".png" or not out.parent.is_dir():
        raise SettingsError([f"the figure must be a .png file in a folder that exists, found {out}"])
    return out


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Return the integers of a comma-separated option, or raise click's usage error."""
    try:
        return tuple(int(word.replace("_", "")) for word in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected whole numbers with commas between, found '{text}'", param_hint=option
        ) from None
