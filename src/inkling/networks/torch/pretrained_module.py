"""The module of a network on a pretrained backbone: images resized and normalised, features, a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inkling.networks.torch.backbones import Backbone, Channels

_LENGTH = 10.0
"""Of the features that the linear map sees: with it, logits of a usual size need weights of a usual size."""

_SMALLEST_SPREAD = 1e-4
"""Of a feature over the training images: one that is the same for all of them says nothing, and divided by a spread
near its own rounding, some 1e-6, it would be noise, other noise in each program that computes it."""


class Preparation(nn.Module):  # type: ignore[misc]
    """Pixels in 0..1, grey or RGB, of any size -> what a backbone was trained on."""

    def __init__(self, side: int, mean: Channels, spread: Channels) -> None:
        super().__init__()
        self.side = side
        for name, values in (("mean", mean), ("spread", spread)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3, side, side) of (N, C, H, W)."""
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.spread
        if tuple(x.shape[2:]) != (self.side, self.side):
            larger = max(x.shape[2:]) > self.side
            x = functional.interpolate(x, (self.side, self.side), mode="bilinear", antialias=larger)
        return x.contiguous(memory_format=torch.channels_last)


class Head(nn.Module):  # type: ignore[misc]
    """Logits from features: standardised one by one, scaled layer by layer, then a linear map that begins at zero.

    Parameters
    ----------
    widths : tuple of int
        How many features are of one layer each; D is their sum.
    n_classes : int
    """

    def __init__(self, widths: tuple[int, ...], n_classes: int) -> None:
        super().__init__()
        self.widths = widths
        self.register_buffer("mean", torch.zeros(sum(widths)))
        self.register_buffer("spread", torch.ones(sum(widths)))
        self.linear = nn.Linear(sum(widths), n_classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def fit(self, features: Tensor) -> None:
        """Standardise by these features (N, D), those of the training images, from now on."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0, unbiased=False).clamp_min(_SMALLEST_SPREAD))

    def standardised(self, features: Tensor) -> Tensor:
        """Return what the linear map sees of features (N, D)."""
        layers = ((features - self.mean) / self.spread).split(self.widths, dim=1)
        return torch.cat([functional.normalize(layer) for layer in layers], 1) * (_LENGTH / len(layers) ** 0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K) of features (N, D)."""
        logits: Tensor = self.linear(self.standardised(features))
        return logits


class PretrainedModule(nn.Module):  # type: ignore[misc]
    """Logits (N, K) from pixels in 0..1, (N, C, H, W): prepared in each size, features of each, and the head."""

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.preparations = nn.ModuleList(Preparation(side, backbone.mean, backbone.spread) for side in backbone.sides)
        self.backbone = backbone.module
        self.head = Head(backbone.widths * len(backbone.sides), n_classes)

    def train(self, mode: bool = True) -> PretrainedModule:
        """Set the mode, but for the backbone's batch normalisation and dropout: it stays as it was on ImageNet."""
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, x: Tensor, backbone: nn.Module) -> Tensor:
        """Return the features (N, D) of pixels, by the backbone or a copy of it."""
        return torch.cat([backbone(preparation(x)) for preparation in self.preparations], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K) of pixels (N, C, H, W)."""
        logits: Tensor = self.head(self.features(x, self.backbone))
        return logits
