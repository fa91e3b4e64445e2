"""Known mistakes within rows of dense layers: backpropagation with one of its rules replaced by a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.dense_chain import ACTIVATIONS, Activation, DenseChain, Units, backpropagate
from inkling.networks.numpy.equations import sigmoid

Array = NDArray[np.floating[Any]]

Derivative = Callable[[Units], Array]

Wrong = tuple[str, str, dict[str, Array]]  # mistake, what it means, gradients by name

_AT_VALUE: dict[str, tuple[str, Derivative]] = {
    "sigmoid": ("s(f) (1 - s(f)), of the value f = s(a)", lambda u: sigmoid(u.f) * (1 - sigmoid(u.f))),
    "tanh": ("1 - tanh(f)^2, of the value f = tanh(a)", lambda u: 1 - np.tanh(u.f) ** 2),
    "softplus": ("sigmoid(f), of the value f", lambda u: sigmoid(u.f)),
}
_BY_SUM: dict[str, tuple[str, Derivative]] = {
    "sigmoid": ("a (1 - a), with the sum a in the place of the value f = s(a)", lambda u: u.a * (1 - u.a)),
    "tanh": ("1 - a^2, with the sum a in the place of the value f = tanh(a)", lambda u: 1 - u.a**2),
}
_SLIPS: dict[str, dict[str, Derivative]] = {
    "sigmoid": {"f (1 + f)": lambda u: u.f * (1 + u.f), "1 - f": lambda u: 1 - u.f, "f^2": lambda u: u.f**2},
    "tanh": {
        "1 + f^2": lambda u: 1 + u.f**2,
        "1 - f": lambda u: 1 - u.f,
        "f (1 + f)": lambda u: u.f * (1 + u.f),
        "f^2": lambda u: u.f**2,
    },
    "ReLU": {
        "the sign of its argument for a step": lambda u: np.sign(u.a),
        "1 where a < 0, else 0": lambda u: (u.a < 0) * 1.0,
    },
}


def derivatives(kind: Activation) -> Iterator[tuple[str, str, Derivative]]:
    """Yield (mistake, what it means, factor) of what stands in the place of the derivative of an activation."""
    right = f"the derivative of {kind.name}, {kind.written},"
    yield "derivative-forgotten", f"{right} is forgotten", lambda u: np.ones_like(u.f)
    if kind.name in _AT_VALUE:
        text, factor = _AT_VALUE[kind.name]
        yield "derivative-of-the-wrong-quantity", f"{right} is taken of the wrong quantity: {text}", factor
    if kind.name in _BY_SUM:
        text, factor = _BY_SUM[kind.name]
        yield "derivative-of-the-wrong-quantity", f"{right} is taken of the wrong quantity: {text}", factor
    yield "derivative-opposite", f"{right} has the opposite sign", lambda u: -kind.derivative(u)
    for text, factor in _SLIPS.get(kind.name, {}).items():
        yield "derivative-wrong", f"{right} is written wrong: {text}", factor
    if kind.name.startswith("leaky"):
        leak = float(kind.value(np.array(-1.0))) * -1
        text = f"{right} is written wrong: {leak:g} where a > 0, else 1"
        yield "derivative-wrong", text, lambda u: np.where(u.a > 0, leak, 1)
    for other in ACTIVATIONS:
        if other.name not in (kind.name, "identity"):
            text = f"{right} is confused with that of {other.name}, {other.written}"

            def factor(u: Units, of: Any = other) -> Array:
                return np.asarray(of.derivative(u))

            yield "derivative-of-another-function", text, factor
    yield "value-for-derivative", f"{right} is confused with its value f", lambda u: u.f
    yield "derivative-twice", f"{right} is multiplied in twice", lambda u: kind.derivative(u) ** 2
    if "ReLU" in kind.name:
        text = f"{right} looks at the sign of the gradient handed back, not at that of a"
        yield "derivative-of-the-wrong-quantity", text, lambda u: (u.d_f > 0) * 1.0


def wrong_gradients(chain: DenseChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    """Yield every known mistake with the gradients that it leads to, by parameter.

    Parameters
    ----------
    chain : DenseChain
    values : mapping of str to ndarray
        As `DenseChain.run` returns them.
    d_logits : ndarray of float, shape (N, K)
    """
    yield from _of_derivatives(chain, values, d_logits)
    yield from _of_what_is_handed_back(chain, values, d_logits)
    yield from _of_inputs(chain, values, d_logits)
    yield from _of_biases(chain, values, d_logits)


def _of_derivatives(chain: DenseChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    hidden = range(1, len(chain.layers))
    places = [tuple(hidden)] + [(number,) for number in hidden] * (len(hidden) > 1)
    for mistake, text, wrong in derivatives(chain.activation) if hidden else ():
        for numbers in places:

            def factor(at: int, u: Units, numbers: tuple[int, ...] = numbers, wrong: Derivative = wrong) -> Array:
                return wrong(u) if at in numbers else chain.activation.derivative(u)

            where = f" (layer {numbers[0]})" * (len(hidden) > 1 and len(numbers) == 1)
            yield mistake, text + where, backpropagate(chain, values, d_logits, derivative=factor)
    for number in hidden:
        for other in hidden:
            if other == number or values[f"a{other}"].shape != values[f"a{number}"].shape:
                continue

            def elsewhere(at: int, u: Units, number: int = number, other: int = other) -> Array:
                given = Units(values[f"a{other}"], values[f"f{other}"], u.d_f)
                return chain.activation.derivative(given if at == number else u)

            text = f"the derivative of {chain.activation.name} in layer {number} is taken of the sums of layer {other}"
            yield "derivative-of-another-layer", text, backpropagate(chain, values, d_logits, derivative=elsewhere)
    kind, last = chain.activation, values[f"a{len(chain.layers)}"]
    if hidden and kind.name != "identity":
        for what, value in (("with the logits as its values", last), ("of the logits", kind.value(last))):
            slope = kind.derivative(Units(last, value, d_logits))
            text = f"the derivative of {kind.name} is multiplied in at the logits, which have no activation ({what})"
            yield "derivative-at-the-logits", text, backpropagate(chain, values, d_logits * slope)


def _of_what_is_handed_back(chain: DenseChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    for number in range(2, len(chain.layers) + 1):
        weight, name = chain.weight(number), chain.layers[number - 1].weight
        others = {"": weight.T} if weight.shape[0] == weight.shape[1] else {}
        for other in range(1, len(chain.layers) + 1):
            if other != number and chain.weight(other).shape == weight.shape:
                others[chain.layers[other - 1].weight] = chain.weight(other)
        for instead, wrong in others.items():

            def back(at: int, d_a: Array, number: int = number, wrong: Array = wrong) -> Array:
                return d_a @ (wrong if at == number else chain.weight(at)).T

            text = (
                f"the gradient is handed back past {name} by {instead} instead"
                if instead
                else f"the gradient is handed back past {name} without transposing it"
            )
            mistake = "handed-back-by-another" if instead else "handed-back-untransposed"
            yield mistake, text, backpropagate(chain, values, d_logits, back=back)
    if any(layer.skip for layer in chain.layers):
        text = "the way past a layer, its input being added to its activation, is ignored: d_input lacks + d_output"
        yield "skip-ignored", text, backpropagate(chain, values, d_logits, with_skips=False)


def _of_inputs(chain: DenseChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    last = len(chain.layers)
    words = {"f0": "x"}
    for number in range(1, last + 1):
        words[f"a{number}"] = "the logits" if number == last else f"a{number}, its sums before the activation,"
        words[f"f{number}"] = f"f{number}, the activations of layer {number},"
    for number in range(1, last + 1):
        right, name = f"f{number - 1}", chain.layers[number - 1].weight
        for other, array in values.items():
            if other == right or array.shape != values[right].shape:
                continue

            def inputs(at: int, number: int = number, array: Array = array) -> Array:
                return array if at == number else values[f"f{at - 1}"]

            text = (
                f"a layer's input and output are confused: {name} is multiplied with {words[right].rstrip(',')}, but "
                f"its gradient is made of {words[other].rstrip(',')}"
            )
            yield "input-and-output-confused", text, backpropagate(chain, values, d_logits, inputs=inputs)


def _of_biases(chain: DenseChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    rules: dict[str, tuple[str, Callable[[Array], Array]]] = {
        "bias-mean": (
            "the bias gradient is a mean over the batch where it is a sum (the 1/N of the loss is in it already)",
            lambda d: d.mean(axis=0),
        ),
        "bias-not-summed": (
            "the bias gradient is not summed over the batch: it is that of the first image",
            lambda d: d[0],
        ),
        "bias-not-summed-last": (
            "the bias gradient is not summed over the batch: it is that of the last image",
            lambda d: d[-1],
        ),
        "bias-one-number": (
            "the bias gradient is summed over the units too: .sum() where .sum(axis=0) is meant",
            lambda d: np.full(d.shape[1], d.sum()),
        ),
    }
    for mistake, (text, rule) in rules.items():

        def bias(_: int, d_a: Array, rule: Callable[[Array], Array] = rule) -> Array:
            return rule(d_a)

        wrong = backpropagate(chain, values, d_logits, bias=bias)
        yield mistake.removesuffix("-last"), text, wrong
