"""What is inside a PyTorch module: its layers, the filters of the first, and what each layer makes of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inkling.networks.protocols import Layer
from inkling.networks.torch.devices import to_numpy
from inkling.networks.torch.dropout import SeededDropout
from inkling.networks.torch.modules import MeanPool, Residual

_KINDS = {
    nn.Conv2d: "convolution", nn.BatchNorm2d: "batch normalisation", nn.ReLU: "relu", nn.MaxPool2d: "max-pool",
    MeanPool: "mean-pool", nn.Linear: "dense", nn.Flatten: "flatten", Residual: "residual sum",
    nn.Dropout: "dropout", SeededDropout: "dropout",
}  # fmt: skip


def layers(module: nn.Module, x: Tensor) -> tuple[Layer, ...]:
    """Return the layers of a module in the order in which one input (1, C, H, W) passes them."""
    return tuple(_layer(part, output) for part, output in _outputs(module, x))


def first_filters(module: nn.Module) -> NDArray[np.float32] | None:
    """Return the filters of the first layer as images, (filters, h, w, C); None if it is no convolution."""
    first = next((part for part in module.modules() if not list(part.children())), None)
    return to_numpy(first.weight.permute(0, 2, 3, 1)) if isinstance(first, nn.Conv2d) else None


def feature_maps(module: nn.Module, x: Tensor) -> list[tuple[Layer, NDArray[np.float32]]]:
    """Return each layer whose output for one input (1, C, H, W) is an image, with it, (h, w, channels)."""
    return [
        (_layer(part, output), to_numpy(output[0].permute(1, 2, 0)))
        for part, output in _outputs(module, x)
        if output.ndim == 4
    ]


def _outputs(module: nn.Module, x: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """The innermost modules in the order in which they ran, with copies of their outputs."""
    outputs: list[tuple[nn.Module, Tensor]] = []

    def keep(part: nn.Module, _: Any, output: Tensor) -> None:
        outputs.append((part, output.clone()))

    parts = [part for part in module.modules() if not list(part.children()) or isinstance(part, Residual)]
    hooks = [part.register_forward_hook(keep) for part in parts]
    module.eval()
    try:
        with torch.inference_mode():
            module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


def _layer(module: nn.Module, output: Tensor) -> Layer:
    kind = _KINDS.get(type(module), type(module).__name__)
    shape = (*output.shape[2:], output.shape[1]) if output.ndim == 4 else tuple(output.shape[1:])
    detail, multiply_adds = kind, 0
    if isinstance(module, nn.Conv2d):
        detail = f"convolution {module.kernel_size[0]}x{module.kernel_size[1]}, {module.out_channels} filters"
        detail += f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        multiply_adds = module.weight.numel() * output.shape[2] * output.shape[3]
    elif isinstance(module, nn.Linear):
        multiply_adds = module.weight.numel()
    elif isinstance(module, nn.MaxPool2d):
        detail = f"max-pool {module.kernel_size}x{module.kernel_size}"
    elif kind == "dropout":
        detail = f"dropout {module.p:g}"
    around, parameters = 0, sum(parameter.numel() for parameter in module.parameters())
    if isinstance(module, Residual):
        # Its layers are listed themselves: they are the ones that ran just before.
        around, parameters = len(module.inside), 0
    return Layer(kind, detail, tuple(int(length) for length in shape), parameters, multiply_adds, around)
