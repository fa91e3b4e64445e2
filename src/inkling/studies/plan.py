"""The grid of a study: networks x training sizes x varied settings x seeds, each a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from inkling.errors import SettingsError
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.networks.catalogue import build_network
from inkling.runs.execute import RunPlan, Teacher
from inkling.training.recipes.registry import find_recipe, recipe, recipes_of
from inkling.training.settings import TrainingSettings, seed_problems
from inkling.training.variation import RECIPE, apply_variant, find_setting, variants


@dataclass(frozen=True)
class PlannedCell:
    """One network at one training size with one combination of varied settings, over all seeds."""

    network: str
    train_size: int
    settings: TrainingSettings  # but for the seed
    variant: Mapping[str, str] = field(default_factory=dict)  # what is varied in it: setting -> value
    network_options: Mapping[str, Any] = field(default_factory=dict)  # of the network's builder, such as `hidden`


@dataclass(frozen=True)
class StudyPlan:
    """Runs on one source: every (network, training size) with its settings, each with every seed.

    Attributes
    ----------
    source : str
    settings : mapping of (str, int) to TrainingSettings
        By network and training size; the seed in them is replaced by each of `seeds`.
    seeds : tuple of int
    device : str
        Where PyTorch networks compute: "auto", "cpu", "cuda", …
    teacher : Path, optional
        Run to learn from, for the settings that ask for a teacher.
    corrections : Path, optional
        CSV file of corrected labels, as `load_images` takes it.
    options : LoadOptions
        How pictures become images.
    varied : tuple of PlannedCell
        Further cells, in which settings are varied.
    """

    source: str
    settings: Mapping[tuple[str, int], TrainingSettings]
    seeds: tuple[int, ...]
    device: str = "auto"
    teacher: Path | None = None
    corrections: Path | None = None
    options: LoadOptions = AS_THE_SOURCE_HAS_IT
    varied: tuple[PlannedCell, ...] = ()

    @classmethod
    def from_recipe(
        cls,
        source: str,
        networks: Sequence[str],
        train_sizes: Sequence[int],
        seeds: Sequence[int],
        recipe_name: str = "reference",
        device: str = "auto",
        teacher: Path | None = None,
        corrections: Path | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
        *,
        recipes: Sequence[str] | None = None,
        vary: Mapping[str, Sequence[object]] | None = None,
        **changes: Any,
    ) -> StudyPlan:
        """Make the grid networks x training sizes x recipes x varied settings x seeds.

        Parameters
        ----------
        source, device, teacher, corrections, options
            As the attributes.
        networks, train_sizes, seeds : sequence
            Different values each.
        recipe_name : str
            The recipe of all cells.
        recipes : sequence of str, optional
            Several recipes, in the place of `recipe_name`.
        vary : mapping of str to sequence, optional
            Setting -> values, such as ``{"weight_decay": [0, 1e-4], "hidden": [16, 64]}``; the grid has every
            combination. The first value of each is what the others are compared with.
            `training.variation.find_setting` says which settings there are.
        **changes
            Settings that are the same in all cells, as `training.recipes.registry.recipe` takes them.

        Raises
        ------
        SettingsError, NetworkError
            If a value is there twice, or a recipe or a network does not have the settings.
        """
        recipes, vary = tuple(recipes or (recipe_name,)), dict(vary or {})
        problems = []
        named = (("networks", networks), ("training sizes", train_sizes), ("seeds", seeds), ("recipes", recipes))
        for name, values in named:
            if not values or len(set(values)) != len(values):
                problems.append(f"{name} must be one or more different values, found {list(values)}")
        problems += [problem for seed in seeds for problem in seed_problems(seed)]
        if problems:
            raise SettingsError(problems)
        cells = [
            cell
            for network, size in product(networks, sorted(train_sizes))
            for cell in _cells(network, size, recipes, vary, changes)
        ]
        plain = {(cell.network, cell.train_size): cell.settings for cell in cells if not cell.variant}
        varied = tuple(cell for cell in cells if cell.variant)
        return cls(source, plain, tuple(seeds), device, teacher, corrections, options, varied)

    def grid(self) -> Iterator[PlannedCell]:
        """Yield every cell: those of `settings`, then those of `varied`."""
        for (network, size), settings in self.settings.items():
            yield PlannedCell(network, size, settings)
        yield from self.varied

    def cells(self) -> Iterator[RunPlan]:
        """Yield the plan of every run: network by network, small training sizes first."""
        for cell in self.grid():
            teacher = self.teacher if cell.settings.distillation.weight else None
            for seed in self.seeds:
                yield RunPlan(
                    self.source,
                    cell.network,
                    replace(cell.settings, seed=seed),
                    cell.train_size,
                    self.device,
                    teacher,
                    self.corrections,
                    self.options,
                    cell.network_options,
                    cell.variant,
                )

    def check(self, splits: Splits) -> None:
        """Raise an error for what cannot work, before anything is written."""
        shape, n_classes = splits.train.image_shape, splits.train.n_classes
        for cell in self.grid():
            splits.train.check_size(cell.train_size)
            cell.settings.check()
            fresh = build_network(cell.network, shape, n_classes, device=self.device, **cell.network_options)
            fresh.configure(cell.settings.optimizer, cell.settings.precision)
        taught = [cell.settings.recipe for cell in self.grid() if cell.settings.distillation.weight]
        if self.teacher and not taught:
            raise SettingsError(["a teacher needs a distillation weight above 0, found 0: use the recipe distil"])
        if taught and not self.teacher:
            raise SettingsError([f"the recipe {taught[0]} needs a teacher, found none: add --teacher RUN"])
        if self.teacher:
            Teacher(self.teacher, splits, self.device)


def _cells(
    network: str, size: int, recipes: Sequence[str], vary: Mapping[str, Sequence[object]], changes: Mapping[str, Any]
) -> Iterator[PlannedCell]:
    """Yield the cells of one network and training size."""
    varied = {find_setting(name, network).name for name in vary}
    twice = [name for name, value in changes.items() if value is not None and name in varied]
    if twice:
        raise SettingsError([f"{twice[0]} is given and varied: leave one of them out"])
    for variant in variants(vary, network, recipes):
        name = variant.get(RECIPE, recipes[0])
        settings, options = apply_variant(recipe(name, network, size, **changes), variant, network)
        if find_recipe(name, network).whole_batches and settings.batch_size > size:
            found = f"found {settings.batch_size}"
            raise SettingsError([f"batch size must be {size} at most for the recipe {name} on {size} images, {found}"])
        yield PlannedCell(network, size, settings, variant, options)


def train_command(plan: RunPlan) -> list[str]:
    """The command that repeats one run by itself; empty where the settings are not a recipe with options changed."""
    settings = plan.settings
    recipes = recipes_of(plan.network)
    if settings.recipe not in recipes:
        return []
    base = recipes[settings.recipe].for_size(plan.train_size)
    options = {
        "epochs": (settings.epochs, base.epochs),
        "batch_size": (settings.batch_size, base.batch_size),
        "learning_rate": (settings.schedule.learning_rate, base.schedule.learning_rate),
        "precision": (settings.precision, base.precision),
    }
    varied = {name: value for name, value in plan.variant.items() if name != RECIPE}
    changed = {name: value for name, (value, usual) in options.items() if value != usual and name not in varied}
    plain = recipe(settings.recipe, plan.network, plan.train_size, seed=settings.seed, **changed)
    if apply_variant(plain, varied, plan.network) != (settings, plan.network_options):
        return []
    words = ["inkling", "train", plan.source, "--network", plan.network, "--train-size", str(plan.train_size)]
    words += ["--recipe", settings.recipe]
    for name, value in changed.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    for name, value in varied.items():
        words += ["--set", f"{name}={value}"]
    if plan.device != "auto":
        words += ["--device", plan.device]
    if plan.teacher:
        words += ["--teacher", str(plan.teacher)]
    if plan.corrections:
        words += ["--corrections", str(plan.corrections)]
    words += plan.options.words()
    return [*words, "--seed", str(settings.seed), "--out", "RUN"]
