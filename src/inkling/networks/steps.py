"""A trained network as a list of plain steps: what an exported page computes, and the same steps in NumPy.

    scale -> (convolution | affine | relu | sigmoid | pool | mean | dense | sum of steps and their input)* -> logits

Batch normalisation is a part of the convolution before it, or an affine step where something stands between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.equations import sigmoid, softmax

Array = NDArray[Any]

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Step:
    """One operation on an image of channels, (C, H, W).

    Attributes
    ----------
    kind : str
        "convolution": arrays "weights" (outputs, inputs, size, size) and "bias" (outputs,); sizes "inputs", "outputs",
        "size", "stride", "padding". "affine": per channel, arrays "scale" and "shift" (C,). "relu", "sigmoid".
        "pool": the maximum of squares, sizes "size", "stride". "mean": over all places. "dense": arrays "weights"
        (outputs, inputs) and "bias" (outputs,), of the numbers in the order channel, row, column. "sum": x + inside(x).
    sizes : mapping of str to int
    arrays : mapping of str to ndarray of float32
    inside : sequence of Step
        Of a "sum".
    """

    kind: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    inside: Sequence[Step] = ()


@dataclass(frozen=True, eq=False)
class Steps:
    """A network: pixels times `pixel_scale`, then the steps, which end in logits."""

    pixel_scale: float
    steps: Sequence[Step]

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities, float32 (N, K), of images uint8 (N, H, W, C), by NumPy alone."""
        parts = []
        for start in range(0, len(images), _BATCH):
            pixels = images[start : start + _BATCH].astype(np.float32)
            parts.append(softmax(_after(self.steps, pixels * np.float32(self.pixel_scale))))
        return np.concatenate(parts).astype(np.float32)


@runtime_checkable
class Stepwise(Protocol):
    """A network that can say in plain steps what it computes."""

    def steps(self) -> Steps:
        """Return its steps.

        Raises
        ------
        NetworkError
            If it has a layer that is none of them.
        """
        ...


def as_float32(array: Array) -> NDArray[np.float32]:
    """Return an array as a step holds it: float32, in C order."""
    return np.ascontiguousarray(array, np.float32)


def multiply_adds(steps: Sequence[Step], image_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of the convolutions and dense layers for one image of shape (H, W, C)."""
    total, x = 0, np.zeros((1, *image_shape), np.float32)
    for step in steps:
        if step.inside:
            _, height, width, channels = x.shape
            total += multiply_adds(step.inside, (height, width, channels))
        x = _STEPS[step.kind](step, x)
        if step.kind in ("convolution", "dense"):
            places = x.shape[1] * x.shape[2] if x.ndim == 4 else 1
            total += step.arrays["weights"].size * places
    return total


def _after(steps: Sequence[Step], x: Array) -> Array:
    """Return what steps make of x, (N, H, W, C): channels last, so that what is copied lies side by side."""
    for step in steps:
        x = _STEPS[step.kind](step, x)
    return x


def _convolution(step: Step, x: Array) -> Array:
    size, stride, padding = (step.sizes[name] for name in ("size", "stride", "padding"))
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    n, height, width = windows.shape[:3]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * height * width, -1)  # (N places, size size inputs)
    weights = step.arrays["weights"].transpose(0, 2, 3, 1).reshape(step.sizes["outputs"], -1)
    out: Array = patches @ weights.T + step.arrays["bias"]
    return out.reshape(n, height, width, -1)


def _pool(step: Step, x: Array) -> Array:
    size, stride = step.sizes["size"], step.sizes["stride"]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    largest: Array = windows.max(axis=(4, 5))
    return largest


def _dense(step: Step, x: Array) -> Array:
    ordered = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
    out: Array = ordered.reshape(len(x), -1) @ step.arrays["weights"].T + step.arrays["bias"]
    return out


_STEPS: Mapping[str, Any] = {
    "convolution": _convolution,
    "affine": lambda step, x: x * step.arrays["scale"] + step.arrays["shift"],
    "relu": lambda _, x: np.maximum(x, 0),
    "sigmoid": lambda _, x: sigmoid(x),
    "pool": _pool,
    "mean": lambda _, x: x.mean(axis=(1, 2)),
    "dense": _dense,
    "sum": lambda step, x: x + _after(step.inside, x),
}
