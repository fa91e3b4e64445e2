"""The forward pass of training steps: the same function and gradients as the module's own, by fewer operations."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


def training_pass(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what computes a module's output in training; for anything but an `nn.Sequential`, the module itself.

    Two neighbours are computed in another way:

    - ReLU and max-pooling change places. max(0, .) does not fall, so it may follow the maximum, where it has a quarter
      of the work; values and gradients are the same bits.
    - Two dense layers with nothing between them are one, W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2). Where the
      product of the weights costs less than the products with the batch, it is taken first, forward and therefore
      backward. The gradients are the same but for rounding.
    """
    if type(module) is not nn.Sequential:
        own: Callable[[Tensor], Tensor] = module
        return own
    parts = list(module)

    def forward(x: Tensor) -> Tensor:
        place = 0
        while place < len(parts):
            first, second = parts[place], parts[place + 1] if place + 1 < len(parts) else nn.Identity()
            if type(first) is nn.ReLU and type(second) is nn.MaxPool2d and not second.return_indices:
                x, place = first(second(x)), place + 2
            elif type(first) is nn.Linear and type(second) is nn.Linear and _product_pays(x, first, second):
                x, place = _product(x, first, second), place + 2
            else:
                x, place = first(x), place + 1
        return x

    return forward


def _product_pays(x: Tensor, first: nn.Linear, second: nn.Linear) -> bool:
    """Whether W2 W1 and its product with the batch take fewer multiply-adds than the batch through one by one."""
    n, inputs, hidden, outputs = len(x), first.in_features, first.out_features, second.out_features
    together: int = outputs * inputs * (hidden + n)
    apart: int = n * hidden * (inputs + outputs)
    return x.ndim == 2 and together < apart


def _product(x: Tensor, first: nn.Linear, second: nn.Linear) -> Tensor:
    bias = second.bias
    if first.bias is not None:
        through = second.weight @ first.bias
        bias = through if bias is None else through + bias
    return functional.linear(x, second.weight @ first.weight, bias)
