"""The built-in networks: one entry each, the choice among them, and a network built again from its description."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.checks import check_device, check_sizes
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network

Builder = Callable[..., Network]


@dataclass(frozen=True)
class NetworkEntry:
    """What there is to know of a built-in network before it is built."""

    name: str  # on the command line and in run folders
    summary: str  # one line, for help and documentation
    build: Builder  # takes image_shape, n_classes, seed, device and the network's own options
    recipes: str  # its family of recipes: the module training/recipes/<family>.py
    smallest_side: int  # pixels that height and width must have
    needs_torch: bool


def _perceptron(device: str, **options: Any) -> Network:
    if device not in ("auto", "cpu"):
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


def _torch_entry(name: str, summary: str, smallest_side: int, recipes: str = "convolutional") -> NetworkEntry:
    return NetworkEntry(name, summary, partial(_convolutional, name), recipes, smallest_side, needs_torch=True)


CATALOGUE: Mapping[str, NetworkEntry] = {
    entry.name: entry
    for entry in (
        NetworkEntry(
            "perceptron",
            "one hidden layer of 64 sigmoid units, written out in NumPy; takes images of any size",
            _perceptron,
            "perceptron",
            smallest_side=1,
            needs_torch=False,
        ),
        _torch_entry("reference-cnn", "the study's network: two convolutions of 5x5 and two dense layers", 4),
        _torch_entry("cnn", "recommended: six convolutions of 3x3 with batch normalisation and a residual sum", 8),
        _torch_entry("small-cnn", "three convolutions and 13 thousand parameters: learns in seconds", 8),
        _torch_entry("photo-cnn", "for colour photos: ten convolutions and three residual sums", 8, "photos"),
    )
}
"""Name of the network -> its entry."""

NETWORKS = tuple(CATALOGUE)
"""The names."""


def check_name(name: str) -> str:
    """Return the name of a network, or raise NetworkError with those that there are."""
    if name not in CATALOGUE:
        raise NetworkError(
            f"no network is called '{name}'{did_you_mean(name, CATALOGUE)}: choose from {', '.join(CATALOGUE)}"
        )
    return name


def choose_network(
    image_shape: tuple[int, int, int], n_train: int, torch_available: bool | None = None, preferred: str = "cnn"
) -> tuple[str, str]:
    """Return the network for `--network auto` and the reason in words.

    The rule: `preferred` where PyTorch is installed and the images are large enough for it, else `perceptron`.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C).
    n_train : int
        Number of training images. The rule does not depend on it; the reason says it.
    torch_available : bool, optional
        Whether PyTorch can be imported; by default it is looked for.
    preferred : str
        A convolutional network.

    Returns
    -------
    name : str
    reason : str
        "cnn for 1,077 training images of 8x8 pixels: PyTorch is installed, and the images are 8x8 or larger".
    """
    height, width, _ = image_shape
    if torch_available is None:
        torch_available = importlib.util.find_spec("torch") is not None
    side = CATALOGUE[check_name(preferred)].smallest_side
    if not torch_available:
        name, why = "perceptron", f"PyTorch, which {preferred} needs, is not installed"
    elif min(height, width) < side:
        name, why = "perceptron", f"{preferred} needs images of {side}x{side} or larger"
    else:
        name, why = preferred, f"PyTorch is installed, and the images are {side}x{side} or larger"
    return name, f"{name} for {n_train:,} training image{'s'[: n_train != 1]} of {height}x{width} pixels: {why}"


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
        K, at least 2.
    seed : int
        Draws the initial weights.
    device : str
        "auto", "cpu", "cuda", "cuda:1" and so on, or "mps".
    **options
        Further arguments of the network's builder, such as `hidden` of a perceptron.

    Raises
    ------
    NetworkError
        If there is no network of that name, the images are too small or too large for it, or PyTorch or the device is
        missing.
    """
    entry = CATALOGUE[check_name(name)]
    shape, n_classes = check_sizes(image_shape, n_classes)
    if min(shape[:2]) < entry.smallest_side:
        raise NetworkError(
            f"{name} takes images of {entry.smallest_side}x{entry.smallest_side} pixels or more, found "
            f"{shape[0]}x{shape[1]}: its pooling would leave nothing; the perceptron takes images of any size"
        )
    check_device(device)
    return entry.build(image_shape=shape, n_classes=n_classes, seed=seed, device=device, **options)


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
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NetworkError(f"a network's description is damaged ({error})") from None
