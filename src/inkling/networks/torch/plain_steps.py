"""A PyTorch module in plain steps (networks/steps.py): an `nn.Sequential` of the layers that such steps can express."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from inkling.errors import NetworkError
from inkling.networks.steps import Step, as_float32
from inkling.networks.torch.devices import to_numpy
from inkling.networks.torch.dropout import SeededDropout
from inkling.networks.torch.modules import MeanPool, Residual

_NOTHING = (nn.Dropout, nn.Flatten, nn.Identity, SeededDropout)
"""Layers that do nothing to a prediction; a dense step takes the numbers of an image in the order of nn.Flatten."""


def plain_steps(module: nn.Module, name: str) -> list[Step]:
    """Return the steps of a module for prediction, batch normalisation folded.

    Parameters
    ----------
    module : nn.Module
    name : str
        Of the network, for messages.

    Raises
    ------
    NetworkError
        If it is no `nn.Sequential`, or has a layer that is none of the steps.
    """
    if type(module) is not nn.Sequential:
        raise NetworkError(
            f"the network '{name}' cannot be written as plain steps (its module is a {type(module).__name__}, not an "
            "nn.Sequential): --format onnx takes it"
        )
    steps: list[Step] = []
    for layer in module:
        if type(layer) in _NOTHING:
            continue
        if type(layer) is nn.BatchNorm2d and layer.track_running_stats and layer.affine:
            scale, shift = _normalisation(layer)
            if steps and steps[-1].kind == "convolution":
                steps[-1] = _folded(steps[-1], scale, shift)
            else:
                steps.append(Step("affine", {}, {"scale": as_float32(scale), "shift": as_float32(shift)}))
        else:
            steps.append(_step(layer, name))
    return steps


def _step(layer: nn.Module, name: str) -> Step:
    if type(layer) is nn.Conv2d and _plain(layer):
        sizes = {
            "inputs": layer.in_channels, "outputs": layer.out_channels, "size": layer.kernel_size[0],
            "stride": layer.stride[0], "padding": layer.padding[0],
        }  # fmt: skip
        return Step("convolution", sizes, _arrays(layer))
    if type(layer) is nn.Linear:
        return Step("dense", {"inputs": layer.in_features, "outputs": layer.out_features}, _arrays(layer))
    if type(layer) is nn.MaxPool2d and not (layer.ceil_mode or layer.return_indices or layer.padding):
        size, stride = layer.kernel_size, layer.stride
        if isinstance(size, int) and isinstance(stride, int) and layer.dilation == 1:
            return Step("pool", {"size": size, "stride": stride})
    if type(layer) is Residual:
        return Step("sum", inside=plain_steps(layer.inside, name))
    for kind, of in (("relu", nn.ReLU), ("sigmoid", nn.Sigmoid), ("mean", MeanPool)):
        if type(layer) is of:
            return Step(kind)
    raise NetworkError(
        f"the network '{name}' cannot be written as plain steps (it has a layer {layer}): --format onnx takes it"
    )


def _plain(layer: nn.Conv2d) -> bool:
    """Whether a convolution has squares in everything, and nothing else."""
    squares = all(len(set(pair)) == 1 for pair in (layer.kernel_size, layer.stride, layer.padding))
    padding = isinstance(layer.padding, tuple) and layer.padding_mode == "zeros"
    return bool(squares and padding and layer.groups == 1 and set(layer.dilation) == {1})


def _arrays(layer: nn.Conv2d | nn.Linear) -> dict[str, NDArray[np.float32]]:
    weights = to_numpy(layer.weight)
    bias = np.zeros(len(weights)) if layer.bias is None else to_numpy(layer.bias)
    return {"weights": as_float32(weights), "bias": as_float32(bias)}


def _normalisation(layer: nn.BatchNorm2d) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what batch normalisation multiplies each channel by in prediction, and what it adds."""
    mean, variance, weight, bias = (
        to_numpy(tensor).astype(np.float64)
        for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    scale = weight / np.sqrt(variance + layer.eps)
    return scale, bias - mean * scale


def _folded(step: Step, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Step:
    weights, bias = step.arrays["weights"], step.arrays["bias"]
    arrays = {
        "weights": as_float32(weights * scale[:, np.newaxis, np.newaxis, np.newaxis]),
        "bias": as_float32(bias * scale + shift),
    }
    return Step(step.kind, step.sizes, arrays)
