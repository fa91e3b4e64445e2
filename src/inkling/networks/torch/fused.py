"""Inference with convolution and ReLU6 in one kernel: what a backbone makes of images, in less time.

PyTorch's CPU builds have such a kernel of oneDNN for compiled models; here it is called without compiling. Where it is
missing, and on a GPU, the module itself computes. The results agree to rounding.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from inkling.networks.torch.efficientnet import SameConv2d


class FusedConvolution(nn.Module):  # type: ignore[misc]
    """A `SameConv2d` with the weights that it has now, and the ReLU6 behind it where there is one."""

    def __init__(self, convolution: SameConv2d, relu6: bool) -> None:
        super().__init__()
        self.weight = convolution.kernel().detach().contiguous(memory_format=torch.channels_last)
        self.bias = convolution.bias.detach().clone()
        self.padding, self.stride = list(convolution.padding), list(convolution.stride)
        self.dilation, self.groups = list(convolution.dilation), convolution.groups
        self.activation, self.bounds = ("hardtanh", [0.0, 6.0]) if relu6 else ("none", [])

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layers in the place of which it stands return."""
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups,
            self.activation, self.bounds, "",
        )  # fmt: skip
        return y


def fused_copy(module: nn.Module) -> nn.Module:
    """Return a copy for inference on the CPU, each `SameConv2d` in it fused with the `nn.ReLU6` behind it."""
    copied = deepcopy(module).eval().requires_grad_(False)
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        return copied
    for parent in list(copied.modules()):
        children = list(parent.named_children())
        for (name, child), (next_name, following) in zip(children, [*children, ("", None)][1:], strict=True):
            if isinstance(child, SameConv2d):
                relu6 = isinstance(parent, nn.Sequential) and isinstance(following, nn.ReLU6)
                setattr(parent, name, FusedConvolution(child, relu6))
                if relu6:
                    setattr(parent, next_name, nn.Identity())
    return copied
