"""Networks by name, and a network built again from its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.base import Network
from inkling.networks.perceptron import Perceptron

Builder = Callable[..., Network]

NETWORKS: dict[str, Builder] = {"perceptron": Perceptron}
"""Name on the command line and in run folders -> what builds it from (image_shape, n_classes, seed, ...)."""


def build(name: str, image_shape: tuple[int, int, int], n_classes: int, seed: int = 0, **options: Any) -> Network:
    """Return a fresh network.

    Raises
    ------
    NetworkError
        If there is no network of that name, or it does not fit the images.
    """
    if name not in NETWORKS:
        raise NetworkError(
            f"no network is called '{name}'{did_you_mean(name, NETWORKS)}: there is {', '.join(sorted(NETWORKS))}"
        )
    return NETWORKS[name](image_shape=image_shape, n_classes=n_classes, seed=seed, **options)


def rebuild(description: Mapping[str, Any]) -> Network:
    """Return a network as `Network.description` described it; its weights are still to be loaded.

    Raises
    ------
    NetworkError
        If the description is of no network known here.
    """
    options = dict(description)
    try:
        name, shape, n_classes = options.pop("network"), options.pop("image_shape"), options.pop("n_classes")
        height, width, channels = (int(length) for length in shape)
        return build(name, (height, width, channels), int(n_classes), **options)
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkError(f"a network's description is damaged ({error})") from None
