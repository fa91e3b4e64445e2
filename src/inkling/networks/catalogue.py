"""Networks by name, and a network built again from its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network, check_device

Builder = Callable[..., Network]


def _perceptron(device: str = "auto", **options: Any) -> Network:
    check_device(device)
    if device == "cuda":
        raise NetworkError("the perceptron computes on the CPU: leave out --device, or give --device cpu")
    return Perceptron(**options)


def _convolutional(name: str, **options: Any) -> Network:
    # Here and not above: the perceptron must work, and the program start fast, without PyTorch.
    try:
        from inkling.networks.torch.network import TorchNetwork
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise NetworkError(
            f"the network '{name}' needs PyTorch, which is not installed: run pip install 'inkling-ml[torch]', "
            "or train the perceptron, which needs NumPy only"
        ) from None
    return TorchNetwork.named(name, **options)


NETWORKS: dict[str, Builder] = {
    "perceptron": _perceptron,
    **{name: partial(_convolutional, name) for name in ("reference-cnn", "cnn", "small-cnn")},
}
"""Name on the command line and in run folders -> what builds it from (image_shape, n_classes, seed, device, ...)."""


def check_name(name: str) -> str:
    """Return the name of a network, or raise NetworkError with those that there are."""
    if name not in NETWORKS:
        raise NetworkError(
            f"no network is called '{name}'{did_you_mean(name, NETWORKS)}: there is {', '.join(NETWORKS)}"
        )
    return name


def build_network(
    name: str, image_shape: tuple[int, int, int], n_classes: int, seed: int = 0, device: str = "auto", **options: Any
) -> Network:
    """Return a fresh network.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    image_shape : tuple of int
        (H, W, C).
    n_classes : int
    seed : int
        Draws the initial weights.
    device : str
        "auto", "cpu" or "cuda".

    Raises
    ------
    NetworkError
        If there is no network of that name, it does not fit the images, or PyTorch or the device is missing.
    """
    builder = NETWORKS[check_name(name)]
    return builder(image_shape=image_shape, n_classes=n_classes, seed=seed, device=device, **options)


build = build_network


def rebuild(description: Mapping[str, Any], device: str = "auto") -> Network:
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
        return build_network(name, (height, width, channels), int(n_classes), device=device, **options)
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkError(f"a network's description is damaged ({error})") from None
