"""The grid of a study: networks x training sizes x seeds, each a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from inkling.errors import SettingsError
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.networks.catalogue import build_network
from inkling.runs.execute import RunPlan, Teacher
from inkling.training.recipes.registry import recipe, recipes_of
from inkling.training.settings import TrainingSettings, seed_problems


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
    """

    source: str
    settings: Mapping[tuple[str, int], TrainingSettings]
    seeds: tuple[int, ...]
    device: str = "auto"
    teacher: Path | None = None
    corrections: Path | None = None
    options: LoadOptions = AS_THE_SOURCE_HAS_IT

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
        **changes: Any,
    ) -> StudyPlan:
        """Make the grid networks x training sizes x seeds with one recipe and, for all of them, the same changes.

        Raises
        ------
        SettingsError, NetworkError
            If a value is there twice, or the recipe does not have the settings.
        """
        problems = []
        for name, values in (("networks", networks), ("training sizes", train_sizes), ("seeds", seeds)):
            if not values or len(set(values)) != len(values):
                problems.append(f"{name} must be one or more different values, found {list(values)}")
        problems += [problem for seed in seeds for problem in seed_problems(seed)]
        if problems:
            raise SettingsError(problems)
        settings = {
            (network, size): recipe(recipe_name, network, size, **changes)
            for network, size in product(networks, sorted(train_sizes))
        }
        return cls(source, settings, tuple(seeds), device, teacher, corrections, options)

    def cells(self) -> Iterator[RunPlan]:
        """Yield the plan of every run: network by network, small training sizes first."""
        for (network, size), settings in self.settings.items():
            teacher = self.teacher if settings.distillation.weight else None
            for seed in self.seeds:
                seeded = replace(settings, seed=seed)
                yield RunPlan(self.source, network, seeded, size, self.device, teacher, self.corrections, self.options)

    def check(self, splits: Splits) -> None:
        """Raise an error for what cannot work, before anything is written."""
        for (network, size), settings in self.settings.items():
            splits.train.check_size(size)
            settings.check()
            fresh = build_network(network, splits.train.image_shape, splits.train.n_classes, device=self.device)
            fresh.configure(settings.optimizer, settings.precision)
        taught = [cell.recipe for cell in self.settings.values() if cell.distillation.weight]
        if self.teacher and not taught:
            raise SettingsError(["a teacher needs a distillation weight above 0, found 0: use the recipe distil"])
        if taught and not self.teacher:
            raise SettingsError([f"the recipe {taught[0]} needs a teacher, found none: add --teacher RUN"])
        if self.teacher:
            Teacher(self.teacher, splits, self.device)


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
    changed = {name: value for name, (value, usual) in options.items() if value != usual}
    if recipe(settings.recipe, plan.network, plan.train_size, seed=settings.seed, **changed) != settings:
        return []
    words = ["inkling", "train", plan.source, "--network", plan.network, "--train-size", str(plan.train_size)]
    words += ["--recipe", settings.recipe]
    for name, value in changed.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    if plan.device != "auto":
        words += ["--device", plan.device]
    if plan.teacher:
        words += ["--teacher", str(plan.teacher)]
    if plan.corrections:
        words += ["--corrections", str(plan.corrections)]
    words += plan.options.words()
    return [*words, "--seed", str(settings.seed), "--out", "RUN"]
