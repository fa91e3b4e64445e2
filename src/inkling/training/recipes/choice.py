"""The network for `--network auto`: recommended for the images, and one that the recipe is made for."""

from __future__ import annotations

from inkling.errors import SettingsError, did_you_mean
from inkling.networks.catalogue import NETWORKS, choose_network
from inkling.training.recipes.registry import RECIPE_NAMES, recipes_of

AUTO = "auto"
"""What stands for a network that is to be chosen."""


def networks_of(recipe: str) -> tuple[str, ...]:
    """Return the networks that have a recipe, in the order of the catalogue.

    Raises
    ------
    SettingsError
        If none has it.
    """
    names = tuple(name for name in NETWORKS if recipe in recipes_of(name))
    if not names:
        near = did_you_mean(recipe, RECIPE_NAMES)
        raise SettingsError([f"no recipe is called '{recipe}'{near}: choose from {', '.join(RECIPE_NAMES)}"])
    return names


def choose_network_for(
    recipe: str, image_shape: tuple[int, int, int], n_train: int, preferred: str = "cnn"
) -> tuple[str, str]:
    """Return the network that a recipe shall train, and the reason in words.

    The rule is that of `networks.catalogue.choose_network`; a recipe that the network does not have decides for the
    first network that has it.

    Parameters
    ----------
    recipe : str
    image_shape : tuple of int
        (H, W, C).
    n_train : int
        Number of training images.
    preferred : str
        The convolutional network to choose where one can be.

    Raises
    ------
    SettingsError
        If there is no recipe of that name.
    """
    able = networks_of(recipe)
    name, reason = choose_network(image_shape, n_train, preferred=preferred)
    return (name, reason) if name in able else (able[0], f"{able[0]}: {name} has no recipe '{recipe}'")
