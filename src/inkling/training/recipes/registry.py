"""Recipes by name, and the settings they make for a number of training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import import_module
from typing import Any, NamedTuple

from inkling.errors import SettingsError, did_you_mean
from inkling.networks.catalogue import NETWORKS, find_network
from inkling.training.recipes.recipe import Recipe
from inkling.training.settings import TrainingSettings


class PlannedSettings(NamedTuple):
    """Settings, and what was changed in them that nobody asked for."""

    settings: TrainingSettings
    notes: tuple[str, ...]  # a sentence each, such as "batch size 100 -> 63: ..."


def recipes_of(network: str) -> Mapping[str, Recipe]:
    """Return the recipes of a network by name: those of the family that its entry in the catalogue names.

    Raises
    ------
    NetworkError
        If there is no such network.
    """
    family = import_module(f"inkling.training.recipes.{find_network(network).recipes}")
    recipes: Mapping[str, Recipe] = family.RECIPES
    return recipes


RECIPE_NAMES = tuple(dict.fromkeys(name for network in NETWORKS for name in recipes_of(network)))
"""Every recipe that some network has."""

_PART_OF = {
    "learning_rate": "schedule",
    "momentum": "optimizer",
    "weight_decay": "optimizer",
    "flip": "augmentation",
}


def recipe(name: str, network: str = "perceptron", train_size: int | None = None, **changes: Any) -> TrainingSettings:
    """Return the settings of a recipe.

    Parameters
    ----------
    name : str
        "reference", "fast", "strong" or "distil"; not every network has each.
    network : str
        Name of the network to train.
    train_size : int, optional
        Number of training images. Some recipes see a small set more often; one that needs whole batches has its batch
        size reduced to this number.
    **changes
        Fields of `TrainingSettings`, such as ``epochs=10`` or ``seed=1``, and ``learning_rate``, ``momentum``,
        ``weight_decay`` and ``flip``. None leaves what the recipe has.

    Raises
    ------
    SettingsError
        If there is no recipe of that name, or the settings are out of range.
    NetworkError
        If there is no such network.
    """
    return plan_settings(name, network, train_size, **changes).settings


def plan_settings(name: str, network: str, train_size: int | None = None, **changes: Any) -> PlannedSettings:
    """Return what `recipe` returns, with a note on each setting that had to follow the number of training images."""
    chosen = find_recipe(name, network)
    settings = chosen.for_size(train_size)
    given = {what: value for what, value in changes.items() if value is not None}
    for what, part in _PART_OF.items():
        if what in given:
            settings = replace(settings, **{part: replace(getattr(settings, part), **{what: given.pop(what)})})
    if settings.optimizer.momentum == 0:
        settings = replace(settings, optimizer=replace(settings.optimizer, nesterov=False))
    known = {field.name for field in fields(TrainingSettings)} | _PART_OF.keys()
    unknown = [what for what in given if what not in known]
    if unknown:
        raise SettingsError(f"unknown setting '{what}'{did_you_mean(what, known)}" for what in unknown)
    # Through the form that settings are written down in, where their types are checked too.
    settings = TrainingSettings.from_dict(replace(settings, **given).to_dict())
    if not (chosen.whole_batches and train_size and train_size < settings.batch_size):
        return PlannedSettings(settings, ())
    note = (
        f"batch size {settings.batch_size} -> {train_size}: the recipe {name} needs whole batches, and there are "
        f"{train_size} training images"
    )
    return PlannedSettings(replace(settings, batch_size=train_size), (note,))


def find_recipe(name: str, network: str) -> Recipe:
    """Return a recipe for a network, or raise an error with the names that there are."""
    recipes = recipes_of(network)
    if name not in recipes:
        near, there = did_you_mean(name, recipes), ", ".join(recipes)
        raise SettingsError([f"no recipe of the {network} is called '{name}'{near}: choose from {there}"])
    return recipes[name]
