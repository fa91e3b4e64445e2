"""The recipe of networks of a person's own: settings that most small networks learn with."""

from __future__ import annotations

from collections.abc import Mapping

from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.training.recipes.recipe import Recipe
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings


def reference() -> Recipe:
    """Gradient descent with momentum 0.9, batches of 64, a cosine from 0.05 down, 10 epochs, or more for small sets.

    Of a network that nobody has seen no rate is known: `inkling find-lr` looks for one.
    """
    return Recipe(
        TrainingSettings(
            recipe="reference",
            epochs=10,
            batch_size=64,
            schedule=ScheduleSettings("cosine", learning_rate=0.05),
            optimizer=OptimizerSettings(momentum=0.9),
        ),
        images_seen=60_000,
        most_epochs=60,
    )


RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (reference(),)}
"""Every recipe of the family, by name; `training.recipes.registry` finds them here."""
