"""Convolutions in NumPy with gradients written by hand, position by position as a student does; one mistake, if any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[Array], Array]

ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "ReLU": (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
    "leaky": (lambda a: np.where(a > 0, a, 0.1 * a), lambda a: np.where(a > 0, 1, 0.1)),
}
"""Name -> value and derivative at the sums a."""

_WRONG_DERIVATIVES: dict[str, Function] = {
    "tanh": lambda a: 1 - np.tanh(a),
    "ReLU": lambda a: (a < 0) * 1.0,
    "leaky": lambda a: np.where(a > 0, 0.1, 1),
}


class Convolutional:
    """Convolutions, each with an activation and perhaps pooling over 2x2, and a dense layer; one mistake, if any.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the weights.
    image_shape : tuple of int
        (H, W, C).
    kernels : sequence of (channels, size)
        Of each convolution.
    pool : str
        "max", "average" or "".
    """

    takes_images = True

    def __init__(
        self,
        rng: np.random.Generator,
        image_shape: tuple[int, int, int],
        classes: int,
        kernels: tuple[tuple[int, int], ...] = ((2, 3), (3, 3)),
        pool: str = "max",
        stride: int = 1,
        pad: int = 1,
        activation: str = "tanh",
        scale: float = 1.0,
        mistake: str = "",
    ) -> None:
        self.mistake, self.pool, self.stride, self.pad, self.activation = mistake, pool, stride, pad, activation
        self.count = len(kernels)
        self.parameters: dict[str, Array] = {}
        height, width, inputs = image_shape
        for number, (channels, size) in enumerate(kernels, start=1):
            self.parameters[f"K{number}"] = scale * rng.standard_normal((channels, inputs, size, size))
            self.parameters[f"b{number}"] = scale * rng.standard_normal(channels)
            height, width = ((side + 2 * pad - size) // stride + 1 for side in (height, width))
            if pool:
                height, width = height // 2, width // 2
            inputs = channels
        self.parameters["W"] = scale * rng.standard_normal((inputs * height * width, classes))

    def _convolved(self, x: Array, kernel: Array, bias: Array) -> Array:
        x = np.pad(x, ((0, 0), (0, 0), (self.pad,) * 2, (self.pad,) * 2))
        windows = sliding_window_view(x, kernel.shape[2:], (2, 3))[:, :, :: self.stride, :: self.stride]
        return (
            np.tensordot(windows, kernel, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
            + bias[:, np.newaxis, np.newaxis]
        )

    def _convolved_back(self, x: Array, kernel: Array, d: Array) -> tuple[Array, Array, Array]:
        padded = np.pad(x, ((0, 0), (0, 0), (self.pad,) * 2, (self.pad,) * 2))
        d_kernel, d_padded, said, size = np.zeros_like(kernel), np.zeros_like(padded), self.mistake, kernel.shape[2]
        back = kernel[:, :, ::-1, ::-1] if said == "kernel-not-flipped" else kernel
        for i, j in np.ndindex(d.shape[2:]):
            step = 1 if said == "stride-forgotten" else self.stride
            window = (..., slice(i * step, i * step + size), slice(j * step, j * step + size))
            part = np.tensordot(d[:, :, i, j], padded[window], ((0,), (0,)))
            d_kernel = part if said == "positions-not-summed" else d_kernel + part
            d_padded[window] += np.tensordot(d[:, :, i, j], back, 1)
        d_bias = d.sum((0, 2, 3))
        if said == "mean-over-positions":
            d_kernel, d_bias = d_kernel / d[0, 0].size, d_bias / d[0, 0].size
        if said == "kernel-gradient-flipped":
            d_kernel = d_kernel[:, :, ::-1, ::-1]
        if said == "bias-one-number":
            d_bias = d_bias.sum() * np.ones_like(d_bias)
        off = 0 if said == "padding-forgotten" else self.pad
        height, width = x.shape[2:]
        return d_kernel, d_bias, d_padded[:, :, off : off + height, off : off + width]

    def _pooled(self, f: Array) -> Array:
        if not self.pool:
            return f
        height, width = (side // 2 * 2 for side in f.shape[2:])
        parts = np.stack([f[:, :, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)])
        return np.asarray(parts.max(0) if self.pool == "max" else parts.mean(0))

    def _pooled_back(self, f: Array, d: Array) -> Array:
        if not self.pool:
            return d
        back, height, width = np.zeros_like(f), d.shape[2] * 2, d.shape[3] * 2
        wide = d.repeat(2, 2).repeat(2, 3)
        if self.pool == "max" and self.mistake != "max-pooling":
            largest = f[:, :, :height, :width] == self._pooled(f).repeat(2, 2).repeat(2, 3)
            if self.mistake != "max-pooling-ties":  # a gradient is shared where several places have the maximum
                wide = wide / largest.reshape(*d.shape[:3], 2, d.shape[3], 2).sum((3, 5)).repeat(2, 2).repeat(2, 3)
            wide = wide * largest
        if self.pool == "average" and self.mistake != "average-pooling":
            wide = wide / 4
        back[:, :, :height, :width] = wide
        return back

    def _run(self, x: Array) -> tuple[list[Array], list[Array], Array]:
        """Return what each convolution is given and the last gives, (N, C, H, W); the sums of each; and the logits."""
        w, value = self.parameters, ACTIVATIONS[self.activation][0]
        given, sums = [x.transpose(0, 3, 1, 2)], []
        for number in range(1, self.count + 1):
            sums.append(self._convolved(given[-1], w[f"K{number}"], w[f"b{number}"]))
            given.append(self._pooled(value(sums[-1])))
        return given, sums, given[-1].reshape(len(x), -1) @ w["W"]

    def forward(self, x: Array) -> Array:
        """Return logits (N, K) of images (N, H, W, C)."""
        return self._run(x)[-1]

    def gradients(self, x: Array, targets: Array) -> tuple[float, dict[str, Array]]:
        """Return the mean cross-entropy, and its gradients by name."""
        given, sums, logits = self._run(x)
        logs = logits - logits.max(1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
        d = (np.exp(logs) - np.eye(logits.shape[1])[targets]) / len(x)
        value, slope = ACTIVATIONS[self.activation]
        if self.mistake == "derivative-wrong":
            slope = _WRONG_DERIVATIVES[self.activation]
        if self.mistake == "derivative-forgotten":
            slope = np.ones_like
        found = {"W": given[-1].reshape(len(x), -1).T @ d}
        d = d @ self.parameters["W"].T
        n, c, h, w = given[-1].shape
        d = d.reshape(n, h, w, c).transpose(0, 3, 1, 2) if self.mistake == "flatten-order" else d.reshape(n, c, h, w)
        for number in range(self.count, 0, -1):
            a, kernel = sums[number - 1], self.parameters[f"K{number}"]
            d = self._pooled_back(value(a), d) * slope(a)
            found[f"K{number}"], found[f"b{number}"], d = self._convolved_back(given[number - 1], kernel, d)
        return float(-logs[np.arange(len(x)), targets].mean()), found
