"""Pretrained backbones by name: the built-in one, and those of timm and torchvision where they are installed.

A backbone makes features of images; its weights come from pictures of a thousand everyday things (ImageNet).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from inkling.errors import MissingLibraryError, NetworkError
from inkling.networks.torch.efficientnet import EfficientNetLite0
from inkling.networks.torch.weights import lite0_weights

Channels = tuple[float, float, float]
"""A number for red, green and blue."""

FINETUNED = "finetuned"
"""The name of a network whose backbone is trained on, or what stands before the backbone's name and a colon."""

SIDES = (128, 224)
"""Of EfficientNet-Lite0. On the flowers' training and validation photos (128x128 pixels), with a linear head, five
folds: 128 0.780, 224 with it 0.795; mirrored copies with both 0.796, which are not worth twice the time."""

_FIRST_LAYERS = ("stem.", *(f"blocks.{number}." for number in range(5)))
"""Of EfficientNet-Lite0: their places are many, so that they take more than half of the time of a training step, and
edges and colours are what they are in any photo."""

_IMAGENET_MEAN, _IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LAST_LAYERS = ("fc", "classifier", "head", "heads")
"""What torchvision's models call their classifier."""


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network without its classifier."""

    module: nn.Module  # (N, 3, side, side) -> (N, features), for each of the sides
    widths: tuple[int, ...]  # features of one layer each, which are scaled together
    sides: tuple[int, ...]  # pixels: images are resized to each, and all features taken together
    first_layers: tuple[str, ...]  # beginnings of the names of parameters that stay as they are in any case
    mean: Channels  # of pixels in 0..1: subtracted from them
    spread: Channels  # what they are then divided by


def build_backbone(name: str, weights: bool) -> Backbone:
    """Return a backbone.

    Parameters
    ----------
    name : str
        "pretrained" (EfficientNet-Lite0), "timm:NAME" or "torchvision:NAME"; with "finetuned:" before it, or
        "finetuned" alone for EfficientNet-Lite0, for one that is to be trained on.
    weights : bool
        Load the published weights; without, they are to be loaded from a run.

    Raises
    ------
    MissingLibraryError
        If the package with the network or its weights is not installed.
    NetworkError
        If there is no such network, its weights cannot be had, or it does not make one row of features an image.
    """
    library, _, model = name.removeprefix(FINETUNED).removeprefix(":").partition(":")
    if library == "timm":
        return _timm(model, weights)
    if library == "torchvision":
        return _torchvision(model, weights)
    return _lite0(SIDES[:1] if name.startswith(FINETUNED) else SIDES, weights)


def _lite0(sides: tuple[int, ...], weights: bool) -> Backbone:
    module = EfficientNetLite0()
    if weights:
        module.load_state_dict(lite0_weights())
    # As its authors scale pixels: (x - 127) / 128, x in 0..255.
    return Backbone(module, module.widths, sides, _FIRST_LAYERS, (127 / 255,) * 3, (128 / 255,) * 3)


def _timm(model: str, weights: bool) -> Backbone:
    timm, name = _library("timm"), f"timm:{model}"
    module = _attempt(name, lambda: timm.create_model(model, pretrained=weights, num_classes=0))
    about = {"mean": _IMAGENET_MEAN, "std": _IMAGENET_SPREAD, "input_size": (3, 224, 224), **module.pretrained_cfg}
    return _described(name, module, int(about["input_size"][-1]), tuple(about["mean"]), tuple(about["std"]))


def _torchvision(model: str, weights: bool) -> Backbone:
    models, name = _library("torchvision").models, f"torchvision:{model}"
    module = _attempt(name, lambda: models.get_model(model, weights="DEFAULT" if weights else None))
    last = next((part for part in _LAST_LAYERS if hasattr(module, part)), None)
    if last is None:
        raise NetworkError(f"{name}: has no last layer that is known ({', '.join(_LAST_LAYERS)}): use another network")
    setattr(module, last, nn.Identity())
    return _described(name, module, 224, _IMAGENET_MEAN, _IMAGENET_SPREAD)


def _library(name: str) -> Any:
    if find_spec(name) is None:
        raise MissingLibraryError(
            f"the networks '{name}:…' need {name}, which is not installed: run pip install {name}, or use "
            "--network pretrained, which needs pip install 'inkling-ml[photos]' alone"
        )
    return import_module(name)


def _attempt(name: str, build: Callable[[], Any]) -> Any:
    """Return what another library's network gives, which may download its weights and fail in any way."""
    try:
        return build()
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NetworkError(
            f"{name}: cannot be had ({reason}): check the name, and the connection that its weights are downloaded by"
        ) from error


def _described(name: str, module: nn.Module, side: int, mean: Channels, spread: Channels) -> Backbone:
    """Return a backbone of another library, or raise NetworkError unless it makes one row of numbers of an image."""
    with torch.inference_mode():
        features = _attempt(name, lambda: module.eval()(torch.zeros(1, 3, side, side)))
    if features.ndim != 2:
        raise NetworkError(f"{name}: makes an array of shape {tuple(features.shape)} of an image, expected one row")
    return Backbone(module, (int(features.shape[1]),), (side,), (), mean, spread)
