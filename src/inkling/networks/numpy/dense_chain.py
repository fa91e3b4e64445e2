"""Dense layers in a row, recognised from outside: what a class computes within, where its logits give it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.equations import sigmoid

Array = NDArray[np.floating[Any]]

MOST_LAYERS = 6


class Units(NamedTuple):
    """What a derivative may be computed from, at the units of a layer."""

    a: Array  # their sums
    f: Array  # their values
    d_f: Array  # the gradient for the values


@dataclass(frozen=True)
class Activation:
    """A function of the sums, and its derivative."""

    name: str
    value: Callable[[Array], Array]
    derivative: Callable[[Units], Array]
    written: str  # the derivative as people write it


def _leaky(leak: float) -> Activation:
    return Activation(
        f"leaky ReLU ({leak:g})",
        lambda a: np.maximum(a, leak * a),
        lambda u: np.where(u.a > 0, 1, leak),
        f"1 or {leak:g}",
    )


ACTIVATIONS = (
    Activation("sigmoid", sigmoid, lambda u: u.f * (1 - u.f), "f (1 - f)"),
    Activation("tanh", np.tanh, lambda u: 1 - u.f**2, "1 - f^2"),
    Activation("ReLU", lambda a: np.maximum(a, 0), lambda u: (u.a > 0) * 1.0, "1 where a > 0, else 0"),
    *map(_leaky, (0.01, 0.1, 0.2)),
    Activation("softplus", lambda a: np.logaddexp(0, a), lambda u: sigmoid(u.a), "sigmoid(a)"),
    Activation("identity", lambda a: a, lambda u: np.ones_like(u.a), "1"),
)

Prepare = Callable[[Array], Array]

INPUTS: tuple[Prepare, ...] = (lambda x: x, lambda x: x - 0.5, lambda x: 2 * x - 1)


@dataclass(frozen=True)
class Dense:
    """One layer by the names of its parameters."""

    weight: str
    bias: str | None
    transposed: bool  # the parameter is (out, in)
    skip: bool = False  # the layer's input is added to its activation


@dataclass(frozen=True)
class DenseChain:
    """Layers from x to logits: a_l = f_{l-1} W_l + b_l, f_l = activation(a_l), f_0 = x; the last has no activation."""

    parameters: Mapping[str, Array]
    layers: tuple[Dense, ...]
    activation: Activation
    prepare: Callable[[Array], Array] = field(repr=False)

    def weight(self, number: int) -> Array:
        """Return W_l of shape (in, out), for l from 1."""
        layer = self.layers[number - 1]
        array = self.parameters[layer.weight]
        return array.T if layer.transposed else array

    def run(self, x: Array, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return "f0", "a1", "f1", "a2" and so on, each (N, width).

        Parameters
        ----------
        x : ndarray of float, shape (N, D)
        given : mapping of str to ndarray, optional
            Quantities, or parameters, that take these values instead; what follows is computed from them.
        """
        given = given or {}
        values: dict[str, Array] = {"f0": given.get("f0", self.prepare(x))}
        for number, layer in enumerate(self.layers, start=1):
            array, before = given.get(layer.weight, self.parameters[layer.weight]), values[f"f{number - 1}"]
            a: Array = before @ (array.T if layer.transposed else array)
            if layer.bias is not None:
                a = a + given.get(layer.bias, self.parameters[layer.bias]).reshape(1, -1)
            a = values[f"a{number}"] = given.get(f"a{number}", a)
            if number < len(self.layers):
                f = self.activation.value(a) + (before if layer.skip else 0)
                values[f"f{number}"] = given.get(f"f{number}", f)
        return values


Rule = Callable[[int, Array], Array]


def backpropagate(
    chain: DenseChain,
    values: Mapping[str, Array],
    d_logits: Array,
    *,
    derivative: Callable[[int, Units], Array] | None = None,
    back: Rule | None = None,
    inputs: Callable[[int], Array] | None = None,
    bias: Rule | None = None,
    with_skips: bool = True,
) -> dict[str, Array]:
    """Return the gradient for each parameter, by the chain rule, or by a wrong rule in the place of a right one.

    Parameters
    ----------
    chain : DenseChain
    values : mapping of str to ndarray
        As `DenseChain.run` returns them.
    d_logits : ndarray of float, shape (N, K)
    derivative : callable, optional
        (l, units of layer l) -> what the gradient for f_l is multiplied by to become the gradient for a_l.
    back : callable, optional
        (l, gradient for a_l) -> gradient for f_{l-1}; by itself d_a W_l^T.
    inputs : callable, optional
        l -> what W_l is taken to have been given, (N, in); by itself f_{l-1}.
    bias : callable, optional
        (l, gradient for a_l) -> gradient for b_l, (out,); by itself the sum over the batch.
    with_skips : bool
        Whether the gradient also goes past a layer whose input is added to its activation.
    """
    gradients: dict[str, Array] = {}
    last = len(chain.layers)
    d_f = d_a = d_logits
    for number in range(last, 0, -1):
        layer = chain.layers[number - 1]
        if number < last:
            a, f = values[f"a{number}"], values[f"f{number}"]
            value = f - values[f"f{number - 1}"] if layer.skip else f
            units = Units(a, value, d_f)
            factor = chain.activation.derivative(units) if derivative is None else derivative(number, units)
            d_a = d_f * factor
        d_w = (values[f"f{number - 1}"] if inputs is None else inputs(number)).T @ d_a
        gradients[layer.weight] = d_w.T if layer.transposed else d_w
        if layer.bias is not None:
            d_b = d_a.sum(axis=0) if bias is None else bias(number, d_a)
            gradients[layer.bias] = d_b.reshape(chain.parameters[layer.bias].shape)
        past = d_f if layer.skip and with_skips and number < last else 0
        d_f = (d_a @ chain.weight(number).T if back is None else back(number, d_a)) + past
    return gradients


def recognise(parameters: Mapping[str, Array], x: Array, logits: Array, tolerance: float = 1e-9) -> DenseChain | None:
    """Return the row of dense layers that gives these logits, or None where none of the known kinds does.

    Parameters
    ----------
    parameters : mapping of str to ndarray
    x : ndarray of float, shape (N, D)
    logits : ndarray of float, shape (N, K)
    tolerance : float
        Largest difference of logits allowed, relative to the larger of 1 and the largest logit.
    """
    size = max(1.0, float(np.abs(logits).max()))
    for layers in _rows(parameters, x.shape[1], logits.shape[1]):
        square = [
            parameters[layer.weight].shape[0] == parameters[layer.weight].shape[1] and layer is not layers[-1]
            for layer in layers
        ]
        with_skips = tuple(
            Dense(layer.weight, layer.bias, layer.transposed, skip) for layer, skip in zip(layers, square, strict=True)
        )
        for kinds in dict.fromkeys((layers, with_skips)):
            for activation, prepare in product(ACTIVATIONS, INPUTS):
                chain = DenseChain(parameters, kinds, activation, prepare)
                with np.errstate(all="ignore"):
                    found = chain.run(x)[f"a{len(layers)}"]
                if np.allclose(found, logits, rtol=0, atol=tolerance * size):
                    return chain
    return None


def _rows(parameters: Mapping[str, Array], inputs: int, classes: int) -> Iterator[tuple[Dense, ...]]:
    """Yield the ways to put all matrices in a row by their shapes, in their order, with all vectors as biases."""
    matrices = [name for name, array in parameters.items() if array.ndim == 2 and 1 not in array.shape]
    vectors = [name for name, array in parameters.items() if name not in matrices]
    if not 1 <= len(matrices) <= MOST_LAYERS or any(
        max(parameters[name].shape, default=0) != parameters[name].size for name in vectors
    ):
        return
    for turned in product((False, True), repeat=len(matrices)):
        width, layers, left = inputs, [], list(vectors)
        for name, transposed in zip(matrices, turned, strict=True):
            rows, columns = parameters[name].shape[:: -1 if transposed else 1]
            if rows != width:
                break
            width = columns
            bias = next((vector for vector in left if parameters[vector].size == width), None)
            if bias is not None:
                left.remove(bias)
            layers.append(Dense(name, bias, transposed))
        else:
            if width == classes and not left:
                yield tuple(layers)
