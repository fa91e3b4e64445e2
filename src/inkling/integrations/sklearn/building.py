"""Networks as estimators name them: by the catalogue, by FILE.py:CLASS, or as a module of PyTorch."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Mapping
from typing import Any

from inkling.errors import NetworkError
from inkling.networks.catalogue import build_network, find_network
from inkling.networks.protocols import FeatureTrainable, Network, Preparable

_GIVEN = ("image_shape", "n_classes")
"""What a class of modules is given where it takes it, by these names."""

_MODULES_LIKE = "reference-cnn"
"""The network whose recipes a module is trained by."""


def recipes_like(network: Any) -> str:
    """Return the name of the network in the catalogue whose recipes are those of a network."""
    return network if isinstance(network, str) else _MODULES_LIKE


def smallest_side(network: Any) -> int:
    """Return the pixels that height and width must have; 1 where nothing is known."""
    return find_network(network).smallest_side if isinstance(network, str) else 1


def takes_floats(network: Network) -> bool:
    """Whether a network learns from rows of floats in the place of pixels."""
    return isinstance(network, FeatureTrainable) and not isinstance(network, Preparable)


def check_rebuilt(network: Network) -> None:
    """Raise NetworkError unless a run folder's description is enough to build the network again."""
    name = network.description()["network"]
    try:
        find_network(name)
    except NetworkError:
        raise NetworkError(
            f"a run cannot build the module {name} again: put its class into a file and give network='FILE.py:{name}'"
        ) from None


def build(
    network: Any,
    image_shape: tuple[int, int, int],
    n_classes: int,
    seed: int,
    device: str,
    options: Mapping[str, Any],
) -> Network:
    """Return a fresh network.

    Parameters
    ----------
    network : str, or class or object of torch.nn.Module
        A name that `networks.catalogue.build_network` takes; a class, which is given `image_shape` and `n_classes`
        where it takes them; or a module, of which a copy is trained.
    image_shape, n_classes, seed, device
        As of `build_network`.
    options : mapping
        Further arguments, by name.

    Raises
    ------
    NetworkError
        If it is none of these, or cannot be built.
    """
    if isinstance(network, str):
        return build_network(network, image_shape, n_classes, seed, device, **options)
    torch = sys.modules.get("torch")  # who has a module has imported it
    kind = network if isinstance(network, type) else type(network)
    if torch is None or not issubclass(kind, torch.nn.Module):
        raise NetworkError(
            "expected the name of a network, FILE.py:CLASS, or a torch.nn.Module (class or object), found "
            f"{kind.__name__}"
        )
    from inkling.networks.torch.devices import seeded
    from inkling.networks.torch.network import TorchNetwork

    if not isinstance(network, type):
        module = copy.deepcopy(network)
    else:
        takes = inspect.signature(network).parameters
        given = {what: value for what, value in zip(_GIVEN, (image_shape, n_classes), strict=True) if what in takes}
        with seeded(torch.device("cpu"), seed):
            module = network(**given, **options)
    made: Network = TorchNetwork(module, image_shape, n_classes, kind.__name__, seed, device, options)
    return made
