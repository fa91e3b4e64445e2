"""Options that several commands share, and the settings they add up to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.errors import SettingsError
from inkling.images.options import FITS, PAD
from inkling.networks.catalogue import NETWORKS, finetuned
from inkling.networks.protocols import PRECISIONS
from inkling.training.recipes.choice import AUTO, choose_network_for, networks_of
from inkling.training.recipes.registry import RECIPE_NAMES, find_recipe
from inkling.training.variation import variants

if TYPE_CHECKING:
    from inkling.images.dataset import Splits
    from inkling.images.options import LoadOptions
    from inkling.training.recipes.recipe import Recipe as TrainingRecipe

Source = Annotated[
    str,
    typer.Argument(
        help="digits, mnist, fashion-mnist, kmnist, or a path: a folder of class folders, of IDX or parquet files, "
        "or a .csv, .npz, .parquet, .zip or .tar file."
    ),
]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the images in pixels.  [default: chosen from the pictures, and said]")
]
Fit = Annotated[
    str | None,
    typer.Option(help=f"How pictures of another shape are fitted: {', '.join(FITS)}.  [default: {PAD}]"),
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out pictures that cannot be read, and record which.")
]
Groups = Annotated[
    str | None,
    typer.Option(
        help="Keep images of a group in one split: a CSV file with the columns file and group, a regular expression "
        "with one pair of parentheses for the file names, a column of a table, or an array of an .npz file."
    ),
]
Flip = Annotated[
    bool | None,
    typer.Option("--flip/--no-flip", help="Mirror images in training.  [default: the recipe's, for colour images]"),
]
Finetune = Annotated[
    bool, typer.Option("--finetune", help="Train the backbone of a pretrained network on: better, and slower.")
]
Recipe = Annotated[str, typer.Option(help=f"Named hyperparameters: {', '.join(RECIPE_NAMES)}.")]
Network = Annotated[
    str,
    typer.Option(
        help=f"Network: {', '.join(NETWORKS)}, or a class of your own as FILE.py:CLASS; auto chooses one for the "
        "images and says why."
    ),
]
TrainSize = Annotated[int | None, typer.Option(help="Number of training images, stratified by class.  [default: all]")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images.  [default: the recipe's]")]
BatchSize = Annotated[int | None, typer.Option(help="Images per step (mini-batch size).  [default: the recipe's]")]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate.  [default: the recipe's]")]
Momentum = Annotated[
    float | None, typer.Option(help="Momentum coefficient (Adam: the first beta).  [default: the recipe's]")
]
WeightDecay = Annotated[float | None, typer.Option(help="Weight decay coefficient.  [default: the recipe's]")]
Patience = Annotated[int | None, typer.Option(help="Stop after this many epochs without a better validation accuracy.")]
BalanceClasses = Annotated[
    bool, typer.Option("--balance-classes", help="Weight images so that all classes count equally.")
]
Precision = Annotated[
    str | None, typer.Option(help=f"Precision of training: {', '.join(PRECISIONS)}.  [default: the recipe's]")
]
Device = Annotated[
    str, typer.Option(help="Device for PyTorch networks: auto, cpu, cuda, cuda:1 (the second GPU) or mps.")
]
Corrections = Annotated[Path | None, typer.Option(help="Corrected labels: the CSV file of 'inkling labels'.")]
Teacher = Annotated[
    Path | None, typer.Option(help="Run to distil from: its probabilities replace the labels (recipe distil).")
]
Tta = Annotated[
    bool,
    typer.Option(
        "--tta", help="Test-time augmentation: average over copies augmented half as strongly as in training."
    ),
]

Invert = Annotated[
    bool,
    typer.Option("--invert", help="Invert brightness: for dark ink on paper, where training images are light on dark."),
]
Track = Annotated[str | None, typer.Option(help="Also log the history to tensorboard or mlflow.")]


@dataclass(frozen=True)
class ChosenNetwork:
    """The network that a command uses."""

    name: str
    reason: str | None  # why --network auto chose it; None where the user did

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say on stderr. After all checks: a mistake is one line there."""
        return (f"--network auto: {self.reason}",) if self.reason else ()

    def to_dict(self) -> dict[str, str | None]:
        """Return what is added to the JSON of a command."""
        return {"network_choice": self.reason}

    def record(self, words: list[str], option: str = "--network") -> list[str]:
        """Return the words of a command that chooses this network whatever is installed."""
        return [*words, option, self.name] if self.reason and option not in words else words


def load_options(image_size: int | None, fit: str | None, skip_unreadable: bool, groups: str | None) -> LoadOptions:
    """Return the options of loading, with what the user left out as it is by default."""
    from inkling.images.options import LoadOptions

    return LoadOptions(image_size, (fit or PAD).lower(), skip_unreadable, groups)


def varied(options: list[str]) -> dict[str, list[str]]:
    """Return the settings of options such as "weight_decay=0,1e-4", each with its values, or raise SettingsError."""
    found: dict[str, list[str]] = {}
    for option in options:
        name, equals, values = option.partition("=")
        name = name.strip().replace("-", "_")
        if not (name and equals and values):
            raise SettingsError([f"expected a setting and its values, as weight_decay=0,1e-4, found '{option}'"])
        if name in found:
            raise SettingsError([f"{name} is varied twice: give all of its values at once"])
        found[name] = [value.strip() for value in values.split(",")]
    return found


def one_value_each(given: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the settings of options that have one value each, or raise SettingsError."""
    several = [name for name, values in given.items() if len(values) > 1]
    if several:
        raise SettingsError([f"{several[0]} has several values: give one, or vary it by 'inkling study --vary'"])
    return {name: values[0] for name, values in given.items()}


def check_varied(varied: Mapping[str, Sequence[str]], network: str) -> None:
    """Raise an error for settings or values that a network does not have; under auto, that the perceptron has not."""
    variants(varied, NETWORKS[0] if network == AUTO else network)


def check_recipe(recipe: str, network: str) -> TrainingRecipe:
    """Return a recipe, for the first network that has it under auto; called before a download, to find mistakes."""
    return find_recipe(recipe, networks_of(recipe)[0] if network == AUTO else network)


def chosen_network(
    network: str,
    recipe: str,
    splits: Splits,
    train_size: int | None = None,
    preferred: str = "cnn",
    finetune: bool = False,
) -> ChosenNetwork:
    """Return the network that the user named, or the one to choose for the images, to be fine-tuned if asked."""
    if network != AUTO:
        return ChosenNetwork(finetuned(network) if finetune else network, None)
    n_train = train_size or len(splits.train)
    if finetune:
        return ChosenNetwork("finetuned", "finetuned, the pretrained network whose backbone is trained on")
    return ChosenNetwork(*choose_network_for(recipe, splits.train.image_shape, n_train, preferred))


def file_name(network: str) -> str:
    """Return the name of a network as a part of a folder's name: "timm:resnet18" as "timm-resnet18"."""
    return re.sub(r"[:/\\]", "-", network).strip("-.")


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
            f"expected whole numbers separated by commas, found '{text}'", param_hint=option
        ) from None
