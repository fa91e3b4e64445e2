"""Mistakes within convolutions and pooling: each is named, and right gradients of such networks are never accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inkling.networks.numpy.class_check import check_class
from inkling.networks.numpy.class_check_result import ClassCheck
from inkling.networks.numpy.subject import UncheckedNetwork

CLASSES = 3
VALUES = {
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "ReLU": (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
    "leaky": (lambda a: np.where(a > 0, a, 0.1 * a), lambda a: np.where(a > 0, 1, 0.1)),
}


class Convolutional:
    """Two convolutions of 3x3 and a dense layer; gradients are added position by position, as a student does."""

    takes_images = True

    def __init__(
        self,
        mistake: str = "",
        pool: str = "max",
        stride: int = 1,
        pad: int = 1,
        activation: str = "tanh",
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(0)
        self.mistake, self.pool, self.stride, self.pad, self.activation = mistake, pool, stride, pad, activation
        self.side = side = 9
        for _ in range(2):
            side = (side + 2 * pad - 3) // stride + 1
            side = side // 2 if pool else side
        sizes = {"K1": (2, 1, 3, 3), "b1": (2,), "K2": (3, 2, 3, 3), "b2": (3,), "W": (3 * side * side, CLASSES)}
        self.parameters = {name: rng.standard_normal(shape) for name, shape in sizes.items()}

    def _places(self, shape: Any) -> Any:
        return [(i, j, i * self.stride, j * self.stride) for i in range(shape[2]) for j in range(shape[3])]

    def _convolved(self, x: Any, kernel: Any, bias: Any) -> Any:
        x = np.pad(x, ((0, 0), (0, 0), (self.pad,) * 2, (self.pad,) * 2))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, :: self.stride, :: self.stride]
        return np.einsum("nchwij,ocij->nohw", windows, kernel, optimize=True) + bias[:, np.newaxis, np.newaxis]

    def _convolved_back(self, x: Any, kernel: Any, d: Any) -> Any:
        padded = np.pad(x, ((0, 0), (0, 0), (self.pad,) * 2, (self.pad,) * 2))
        d_kernel, d_padded, said = np.zeros_like(kernel), np.zeros_like(padded), self.mistake
        back = kernel[:, :, ::-1, ::-1] if said == "kernel-not-flipped" else kernel
        for i, j, top, left in self._places(d.shape):
            if said == "stride-forgotten":
                top, left = i, j
            part = np.tensordot(d[:, :, i, j], padded[:, :, top : top + 3, left : left + 3], ((0,), (0,)))
            d_kernel = part if said == "positions-not-summed" else d_kernel + part
            d_padded[:, :, top : top + 3, left : left + 3] += np.tensordot(d[:, :, i, j], back, 1)
        d_bias = d.sum((0, 2, 3))
        if said == "mean-over-positions":
            d_kernel, d_bias = d_kernel / d[0, 0].size, d_bias / d[0, 0].size
        if said == "kernel-gradient-flipped":
            d_kernel = d_kernel[:, :, ::-1, ::-1]
        if said == "bias-one-number":
            d_bias = d_bias.sum() * np.ones_like(d_bias)
        off = 0 if said == "padding-forgotten" else self.pad
        side = x.shape[2]
        return d_kernel, d_bias, d_padded[:, :, off : off + side, off : off + side]

    def _pooled(self, f: Any) -> Any:
        if not self.pool:
            return f
        parts = np.stack(
            [f[:, :, i : f.shape[2] // 2 * 2 : 2, j : f.shape[3] // 2 * 2 : 2] for i in (0, 1) for j in (0, 1)]
        )
        return parts.max(0) if self.pool == "max" else parts.mean(0)

    def _pooled_back(self, f: Any, d: Any) -> Any:
        if not self.pool:
            return d
        back, rows, columns = np.zeros_like(f), d.shape[2] * 2, d.shape[3] * 2
        wide = d.repeat(2, 2).repeat(2, 3)
        if self.pool == "max" and self.mistake != "max-pooling":
            wide = wide * (f[:, :, :rows, :columns] == self._pooled(f).repeat(2, 2).repeat(2, 3))
        if self.pool == "average" and self.mistake != "average-pooling":
            wide = wide / 4
        back[:, :, :rows, :columns] = wide
        return back

    def _run(self, x: Any) -> Any:
        w, value = self.parameters, VALUES[self.activation][0]
        x = x.transpose(0, 3, 1, 2)
        a1 = self._convolved(x, w["K1"], w["b1"])
        p1 = self._pooled(value(a1))
        a2 = self._convolved(p1, w["K2"], w["b2"])
        p2 = self._pooled(value(a2))
        return x, a1, p1, a2, p2, p2.reshape(len(x), -1) @ w["W"]

    def forward(self, x: Any) -> Any:
        return self._run(x)[-1]

    def gradients(self, x: Any, targets: Any) -> Any:
        x, a1, p1, a2, p2, logits = self._run(x)
        value, slope = VALUES[self.activation]
        logs = logits - logits.max(1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
        d = (np.exp(logs) - np.eye(CLASSES)[targets]) / len(x)
        if self.mistake == "derivative-wrong":
            slope = (lambda a: 1 - np.tanh(a)) if self.activation == "tanh" else (lambda a: np.where(a > 0, 0.1, 1))
            slope = (lambda a: (a < 0) * 1.0) if self.activation == "ReLU" else slope
        if self.mistake == "derivative-forgotten":
            slope = np.ones_like
        found = {"W": p2.reshape(len(x), -1).T @ d}
        d = d @ self.parameters["W"].T
        if self.mistake == "flatten-order":
            n, c, h, w = p2.shape
            d = d.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        d = self._pooled_back(value(a2), d.reshape(p2.shape)) * slope(a2)
        found["K2"], found["b2"], d = self._convolved_back(p1, self.parameters["K2"], d)
        d = self._pooled_back(value(a1), d) * slope(a1)
        found["K1"], found["b1"], _ = self._convolved_back(x, self.parameters["K1"], d)
        return -logs[np.arange(len(x)), targets].mean(), found


def checked(network: Convolutional) -> ClassCheck:
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 9, 1), dtype=np.uint8)
    return check_class(UncheckedNetwork(network, (9, 9, 1), CLASSES), images, np.array([0, 2, 1, 0, 2]))


@pytest.mark.parametrize(
    ("mistake", "kind", "words"),
    [
        ("kernel-not-flipped", {}, "not flipped"),
        ("kernel-not-flipped", {"pool": "", "pad": 0, "stride": 2}, "not flipped"),
        (
            "stride-forgotten",
            {"pool": "", "stride": 2},
            "the stride is forgotten in the gradients for kernels and inputs",
        ),
        ("padding-forgotten", {"pool": "average"}, "are to be cut off"),
        ("positions-not-summed", {}, "that of the last position"),
        ("mean-over-positions", {"pool": ""}, "a mean over the positions"),
        ("bias-one-number", {}, "over the channels too"),
        ("max-pooling", {"activation": "tanh"}, "back to every place"),
        ("average-pooling", {"pool": "average"}, "without the divisor"),
        ("kernel-gradient-flipped", {}, "turned by 180"),
        ("flatten-order", {"pool": "average"}, "in the order HWC"),
        ("derivative-wrong", {"activation": "tanh"}, "written wrong: 1 - f"),
        ("derivative-wrong", {"activation": "ReLU", "pool": "average"}, "1 where a < 0"),
        ("derivative-wrong", {"activation": "leaky"}, "0.1 where a > 0, else 1"),
        ("derivative-forgotten", {"activation": "ReLU", "pool": "average"}, "is forgotten"),
    ],
)
def test_each_mistake_is_named(mistake: str, kind: Any, words: str) -> None:
    check = checked(Convolutional(mistake, **kind))
    assert not check.passed
    assert mistake in {found.mistake for found in check.likely}, check.likely_sentences
    assert words in " ".join(check.likely_sentences)


@pytest.mark.parametrize("pool", ["", "max", "average"])
@pytest.mark.parametrize("activation", list(VALUES))
def test_right_gradients_are_never_accused(pool: str, activation: str) -> None:
    for stride, pad in ((1, 1),) if pool else ((2, 1), (1, 0)):
        check = checked(Convolutional(pool=pool, activation=activation, stride=stride, pad=pad))
        assert check.passed, check.verdict
        assert not check.likely
