"""The gradient check: does it ever accuse a right gradient, and does it name the mistake in a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.convolutional_network import ACTIVATIONS, Convolutional
from inkling.networks.numpy.class_check import check_class
from inkling.networks.numpy.class_check_result import ClassCheck
from inkling.networks.numpy.subject import UncheckedNetwork

Array = NDArray[Any]


def _sigmoid(a: Array) -> Array:
    return np.asarray(np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), 1 - 1 / (1 + np.exp(-np.abs(a)))))


_ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (_sigmoid, lambda a: _sigmoid(a) * _sigmoid(-a)),
    "tanh": (np.tanh, lambda a: 1 / np.cosh(np.clip(a, -300, 300)) ** 2),
    "ReLU": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(a.dtype)),
}


@dataclass(frozen=True)
class _Slip:
    """One rule of backpropagation done wrong."""

    d_logits: Callable[[Array, Array, Array], Array] = lambda p, y, _: (p - y) / len(p)  # of p, one-hot, labels
    derivative: Callable[[str, Array], Array] = lambda name, a: _ACTIVATIONS[name][1](a)
    weight: Callable[[Array, Array, Array], Array] = lambda x, _, d: x.T @ d  # of input, sums of the layer before, d
    bias: Callable[[Array], Array] = lambda d: d.sum(axis=0)


_RIGHT = _Slip()
_SLIPS: dict[str, _Slip] = {
    "sum-for-mean": _Slip(d_logits=lambda p, y, _: p - y),
    "divided-twice": _Slip(d_logits=lambda p, y, _: (p - y) / len(p) ** 2),
    "sign": _Slip(d_logits=lambda p, y, _: (y - p) / len(p)),
    "one-hot-forgotten": _Slip(d_logits=lambda p, _, __: p / len(p)),
    "label-one-less": _Slip(d_logits=lambda p, _, t: (p - np.eye(p.shape[1])[t - 1]) / len(p)),
    "softmax-diagonal": _Slip(d_logits=lambda p, y, _: -y / p * p * (1 - p) / len(p)),
    "derivative-forgotten": _Slip(derivative=lambda _, a: np.ones_like(a)),
    "derivative-of-the-wrong-quantity": _Slip(
        derivative=lambda name, a: _ACTIVATIONS[name][1](_ACTIVATIONS[name][0](a))
    ),
    "bias-not-summed": _Slip(bias=lambda d: d[0]),
    "transposed": _Slip(weight=lambda x, _, d: (x.T @ d).T),
    "input-and-output-confused": _Slip(weight=lambda _, a, d: a.T @ d),
}


class _Network:
    """Dense layers in a row, written by hand."""

    def __init__(
        self, rng: np.random.Generator, sizes: list[int], activation: str, scale: float, dtype: type, slip: _Slip
    ) -> None:
        self.activation, self.slip, self.count = activation, slip, len(sizes) - 1
        self.parameters: dict[str, Array] = {}
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            self.parameters[f"W{number}"] = (rng.standard_normal((inputs, outputs)) * scale).astype(dtype)
            self.parameters[f"b{number}"] = (rng.standard_normal(outputs) * scale * rng.integers(0, 2)).astype(dtype)

    def _run(self, x: Array) -> tuple[list[Array], list[Array]]:
        values, sums = [x], [x]
        for number in range(1, self.count + 1):
            sums.append(values[-1] @ self.parameters[f"W{number}"] + self.parameters[f"b{number}"])
            values.append(_ACTIVATIONS[self.activation][0](sums[-1]) if number < self.count else sums[-1])
        return values, sums

    def forward(self, x: Array) -> Array:
        return self._run(x)[0][-1]

    def gradients(self, x: Array, targets: Array) -> tuple[float, dict[str, Array]]:
        values, sums = self._run(x)
        shifted = values[-1] - values[-1].max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logs[np.arange(len(x)), targets].mean()
        d = self.slip.d_logits(np.exp(logs), np.eye(logs.shape[1])[targets], targets)
        found = {}
        for number in range(self.count, 0, -1):
            found[f"W{number}"] = self.slip.weight(values[number - 1], sums[number - 1], d)
            found[f"b{number}"] = self.slip.bias(d)
            if number > 1:
                d = d @ self.parameters[f"W{number}"].T * self.slip.derivative(self.activation, sums[number - 1])
        return float(loss), found


def _checked(
    rng: np.random.Generator, network: _Network | Convolutional, shape: tuple[int, int, int], classes: int, n: int
) -> ClassCheck:
    images = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    labels = rng.integers(0, classes, n)
    labels[-1] = (labels[0] + 1) % classes if n > 1 else labels[0]
    return check_class(UncheckedNetwork(network, shape, classes), images, labels)


def _right(effort: Effort, dtype: type, scales: tuple[float, ...], batches: tuple[int, int]) -> Measured:
    """Networks of random sizes, activations and weights, whose gradients are right."""
    rng, times, accused = np.random.default_rng(1), effort.times(1000, 20), 0
    for _ in range(times):
        inputs, classes = int(rng.integers(1, 7)), int(rng.integers(2, 5))
        sizes = [inputs, *rng.integers(1, 6, rng.integers(0, 3)).tolist(), classes]
        activation = str(rng.choice(list(_ACTIVATIONS)))
        network = _Network(rng, sizes, activation, float(rng.choice(scales)), dtype, _RIGHT)
        check = _checked(rng, network, (1, inputs, 1), classes, int(rng.integers(*batches)))
        accused += not check.passed or bool(check.likely)
    return replace(rate(accused, times), reached=accused == 0)


def _right_double(effort: Effort) -> Measured:
    return _right(effort, np.float64, (0.01, 0.3, 1.0, 3.0), (2, 9))


def _right_single(effort: Effort) -> Measured:
    return _right(effort, np.float32, (0.01, 0.3, 1.0, 3.0), (2, 9))


def _right_saturated(effort: Effort) -> Measured:
    return _right(effort, np.float64, (30.0, 100.0, 1000.0), (2, 9))


def _right_single_image(effort: Effort) -> Measured:
    return _right(effort, np.float64, (1e-4, 0.3, 3.0, 30.0), (1, 2))


def _right_convolutional(effort: Effort) -> Measured:
    """One or two convolutions of random sizes, every kind of pooling, padding and stride; a third of float32."""
    rng, times, accused = np.random.default_rng(3), effort.times(1000, 10), 0
    for time in range(times):
        shape = (int(rng.integers(4, 7)), int(rng.integers(4, 7)), int(rng.integers(1, 3)))
        pool, pad, classes = str(rng.choice(["", "max", "average"])), int(rng.integers(0, 2)), int(rng.integers(2, 4))
        stride = 1 if pool else int(rng.integers(1, 3))
        count = int(rng.integers(1, 2 + pad))  # two only with padding: the second still finds pixels
        kernels = tuple((int(rng.integers(1, 3)), int(rng.integers(1, 4))) for _ in range(count))
        activation, scale = str(rng.choice(list(ACTIVATIONS))), float(rng.choice([0.01, 0.3, 1.0, 3.0]))
        network = Convolutional(rng, shape, classes, kernels, pool, stride, pad, activation, scale)
        if time % 3 == 0:
            network.parameters = {name: array.astype(np.float32) for name, array in network.parameters.items()}
        check = _checked(rng, network, shape, classes, int(rng.integers(2, 6)))
        accused += not check.passed or bool(check.likely)
    return replace(rate(accused, times), reached=accused == 0)


def _named(effort: Effort) -> Measured:
    """Networks of two or three layers with one mistake each, at a batch of 7."""
    rng, times, named = np.random.default_rng(2), effort.times(1000, 11), 0
    for time in range(times):
        mistake = list(_SLIPS)[time % len(_SLIPS)]
        width, classes = int(rng.integers(3, 7)), int(rng.integers(3, 6))
        inputs = width if mistake in ("transposed", "input-and-output-confused") else int(rng.integers(3, 7))
        sizes = [inputs, *[width] * int(rng.integers(1, 3)), classes]
        if mistake == "transposed":
            sizes[-1] = classes = width
        activation = str(rng.choice(["sigmoid", "tanh"]))
        network = _Network(rng, sizes, activation, 1.0, np.float64, _SLIPS[mistake])
        check = _checked(rng, network, (1, inputs, 1), classes, 7)
        named += mistake in {found.mistake for found in check.likely} and len(check.likely) <= 2
    return rate(named, times, low=0.95)


CLAIMS = (
    Claim("a right gradient accused, random networks of float64", "never", _right_double),
    Claim("the same, of float32", "never", _right_single),
    Claim("the same, saturated: weights of 30 to 1,000", "never", _right_saturated),
    Claim("the same, one image, gradients near zero among them", "never", _right_single_image),
    Claim("the same, convolutional networks", "never", _right_convolutional),
    Claim("the mistake, one of 11, named: alone, or with one that leads to the same gradients", "at least 95%", _named),
)
