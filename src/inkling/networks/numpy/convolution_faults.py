"""Known mistakes within convolutions and pooling: backpropagation with one of its rules replaced by a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.numpy.convolution_chain import LAYOUTS, ConvolutionChain, in_blocks
from inkling.networks.numpy.dense_chain import Units
from inkling.networks.numpy.dense_faults import Wrong, derivatives

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Rules:
    """How the gradient goes back; each in its right form."""

    derivative: Callable[[int, Units], Array] | None = None  # (layer, units) -> factor
    flip: bool = False  # whether the kernel is turned by 180 degrees as the gradient is handed back
    input_stride: bool = True  # whether the stride is kept as the gradient is handed back
    kernel_stride: bool = True  # whether it is kept in the kernel's gradient
    input_padding: bool = True  # whether the zeros are cut off again
    kernel_padding: bool = True
    positions: str = "sum"  # over the positions of the kernel: or "mean", "first", "last"
    bias: str = "sum"  # or "mean", "first", "last", "number"
    pool: str = ""  # as the network does: or "max", "ties", "everywhere", "spread", "first"
    turn: tuple[int, ...] = ()  # axes of the kernel's gradient that are reversed
    flatten: str = ""  # the order in which the flattened gradient becomes images again


def backpropagate_convolutions(
    chain: ConvolutionChain, values: Mapping[str, Array], d_logits: Array, rules: Rules
) -> dict[str, Array]:
    """Return the gradient for each parameter, by right rules or by wrong ones.

    Parameters
    ----------
    chain : ConvolutionChain
    values : mapping of str to ndarray
        As `ConvolutionChain.run` returns them.
    d_logits : ndarray of float, shape (N, K)
    rules : Rules
    """
    found: dict[str, Array] = {}
    last, convolutions = len(chain.biases), len(chain.kernels)
    d = d_logits
    for number in range(last, 0, -1):
        if number == convolutions:
            d = chain.unflattened(d, rules.flatten or chain.shape.flatten)
        if number < last:
            a, f = values[f"a{number}"], values[f"f{number}"]
            if number <= convolutions:
                d = _pooled_back(chain, f, d, rules)
            units = Units(a, f, d)
            d = d * (
                chain.activation.derivative(units) if rules.derivative is None else rules.derivative(number, units)
            )
        bias, name = chain.biases[number - 1], ""
        if number > convolutions:
            name, transposed = chain.matrices[number - 1 - convolutions]
            before = values["flat" if number == convolutions + 1 else f"f{number - 1}"]
            found[name] = d.T @ before if transposed else before.T @ d
            if bias is not None:
                found[bias] = d.sum(axis=0).reshape(chain.parameters[bias].shape)
            d = d @ chain.matrix(number).T
            continue
        if bias is not None:
            found[bias] = _over_positions(d, rules.bias).reshape(chain.parameters[bias].shape)
        before = values[f"p{number - 1}"]
        found[chain.kernels[number - 1]] = _kernel_gradient(chain, number, before, d, rules)
        if number > 1:
            d = _handed_back(chain, number, before.shape, d, rules)
    return found


def _pooled_back(chain: ConvolutionChain, f: Array, d: Array, rules: Rules) -> Array:
    if not chain.shape.pool:
        return d
    blocks, back = in_blocks(f), np.zeros_like(f)
    how = rules.pool or chain.shape.pool
    if how == "max":
        largest = blocks == blocks.max(axis=(3, 5), keepdims=True)
        share: Array = largest / largest.sum(axis=(3, 5), keepdims=True)
    elif how == "ties":
        share = (blocks == blocks.max(axis=(3, 5), keepdims=True)) * 1.0
    elif how == "first":
        share = np.zeros_like(blocks)
        share[:, :, :, 0, :, 0] = 1
    else:
        share = np.full_like(blocks, 0.25 if how in ("average", "spread") else 1.0)
    in_place = share * d[:, :, :, np.newaxis, :, np.newaxis]
    height, width = 2 * d.shape[2], 2 * d.shape[3]
    back[:, :, :height, :width] = in_place.reshape(*d.shape[:2], height, width)
    return back


def _over_positions(d: Array, how: str) -> Array:
    """The gradient (O,) for a bias, of that for the sums (N, O, H, W)."""
    if how == "number":
        return np.full(d.shape[1], d.sum())
    return np.asarray(_chosen(d, how).sum(axis=(0, 2, 3)))


def _chosen(d: Array, how: str) -> Array:
    """The gradients that count, where not all positions are summed over."""
    if how == "mean":
        return np.asarray(d / (d.shape[2] * d.shape[3]))
    if how == "sum":
        return d
    chosen, at = np.zeros_like(d), 0 if how == "first" else -1
    chosen[:, :, at, at] = d[:, :, at, at]
    return chosen


def _kernel_gradient(chain: ConvolutionChain, number: int, before: Array, d: Array, rules: Rules) -> Array:
    kernel, stride = chain.kernel(number), chain.shape.stride if rules.kernel_stride else 1
    x = chain.padded(number, before)
    if not rules.kernel_padding:
        x = np.roll(x, [-length for length in chain.padding(number)], axis=(2, 3))
    gradient, d = np.empty(kernel.shape), _chosen(d, rules.positions)
    height, width = d.shape[2:]
    for i, j in np.ndindex(*kernel.shape[2:]):
        part = x[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
        gradient[:, :, i, j] = np.einsum("nohw,nchw->oc", d, part[:, :, :height, :width], optimize=True)
    turned = np.flip(gradient, (2, 3)) if chain.shape.flipped else gradient
    turned = np.flip(turned, rules.turn) if rules.turn else turned
    return turned.transpose(np.argsort(LAYOUTS[chain.shape.layout]))


def _handed_back(chain: ConvolutionChain, number: int, shape: tuple[int, ...], d: Array, rules: Rules) -> Array:
    """The gradient for the input (N, I, H, W) of a convolution."""
    kernel, (above, left) = chain.kernel(number), chain.padding(number)
    kernel = np.flip(kernel, (2, 3)) if rules.flip else kernel
    stride = chain.shape.stride if rules.input_stride else 1
    (n, channels, height, width), (tall, wide) = shape, d.shape[2:]
    back = np.zeros((n, channels, height + 2 * above, width + 2 * left))
    for i, j in np.ndindex(*kernel.shape[2:]):
        part = np.einsum("nohw,oc->nchw", d, kernel[:, :, i, j], optimize=True)
        back[:, :, i : i + stride * tall : stride, j : j + stride * wide : stride] += part
    above, left = (above, left) if rules.input_padding else (0, 0)
    return back[:, :, above : above + height, left : left + width]


_POOLS = {
    "max": {
        "ties": "max-pooling hands its gradient to every place that has the maximum, where several do: it is that of "
        "one of them, or shared among them",
        "everywhere": "max-pooling hands its gradient back to every place: it belongs to that of the maximum",
        "spread": "max-pooling hands a quarter of its gradient to every place, as average pooling does: it belongs "
        "to that of the maximum",
        "first": "max-pooling hands its gradient to the first place of each block, not to that of the maximum",
    },
    "average": {
        "everywhere": "average pooling hands its gradient back without the divisor: each of 4 places gets a quarter",
        "max": "average pooling hands its gradient to the place of the maximum, as max-pooling does",
        "first": "average pooling hands its gradient to the first place of each block alone",
    },
}


def wrong_convolutions(chain: ConvolutionChain, values: Mapping[str, Array], d_logits: Array) -> Iterator[Wrong]:
    """Yield every known mistake with the gradients that it leads to, by parameter.

    Parameters
    ----------
    chain : ConvolutionChain
    values : mapping of str to ndarray
        As `ConvolutionChain.run` returns them.
    d_logits : ndarray of float, shape (N, K)
    """
    for mistake, text, rules in _known(chain):
        yield mistake, text, backpropagate_convolutions(chain, values, d_logits, rules)


def _known(chain: ConvolutionChain) -> Iterator[tuple[str, str, Rules]]:
    right, deep = Rules(), len(chain.kernels) > 1
    if deep:
        text = (
            "the kernel is not flipped where the gradient is handed back past a convolution: it is slid over the "
            "gradient turned by 180 degrees"
            if not chain.shape.flipped
            else "the kernel is flipped again where the gradient is handed back past a convolution"
        )
        yield "kernel-not-flipped", text, replace(right, flip=True)
    if chain.shape.stride > 1:
        text = "the stride is forgotten"
        yield "stride-forgotten", f"{text} in the gradient for the kernels", replace(right, kernel_stride=False)
        if deep:
            yield "stride-forgotten", f"{text} as the gradient is handed back", replace(right, input_stride=False)
            both = replace(right, input_stride=False, kernel_stride=False)
            yield "stride-forgotten", f"{text} in the gradients for kernels and inputs", both
    if chain.shape.same:
        text = "the padding is forgotten"
        yield "padding-forgotten", f"{text} in the gradient for the kernels", replace(right, kernel_padding=False)
        if deep:
            text = f"{text} as the gradient is handed back: the zeros around the input are to be cut off"
            yield "padding-forgotten", text, replace(right, input_padding=False)
    how = {
        "mean": "is a mean over the positions of the kernel where it is a sum",
        "first": "is not summed over the positions of the kernel: it is that of the first position",
        "last": "is not summed over the positions of the kernel: it is that of the last position (= for +=)",
    }
    for kind, text in how.items():
        mistake = "mean-over-positions" if kind == "mean" else "positions-not-summed"
        yield mistake, f"the kernel gradient {text}", replace(right, positions=kind)
        yield mistake, f"the bias gradient of a convolution {text}", replace(right, bias=kind)
        yield mistake, f"the gradient for kernels and biases {text}", replace(right, positions=kind, bias=kind)
    text = "the bias gradient of a convolution is summed over the channels too"
    yield "bias-one-number", text, replace(right, bias="number")
    for pool, text in _POOLS.get(chain.shape.pool, {}).items():
        yield f"{chain.shape.pool}-pooling", text, replace(right, pool=pool)
    yield "kernel-gradient-flipped", "the kernel gradient is turned by 180 degrees", replace(right, turn=(2, 3))
    other = "HWC" if chain.shape.flatten == "CHW" else "CHW"
    text = (
        f"the gradient of the flattened values is put back into images in the order {other}: they were flattened in "
        f"the order {chain.shape.flatten}"
    )
    yield "flatten-order", text, replace(right, flatten=other)
    hidden = range(1, len(chain.biases))
    for numbers in [tuple(hidden)] + [(number,) for number in hidden] * (len(hidden) > 1):
        for mistake, text, wrong in derivatives(chain.activation):

            def factor(at: int, u: Units, numbers: tuple[int, ...] = numbers, wrong: Any = wrong) -> Array:
                return np.asarray(wrong(u) if at in numbers else chain.activation.derivative(u))

            where = f" (layer {numbers[0]})" * (len(numbers) == 1 and len(hidden) > 1)
            yield mistake, text + where, replace(right, derivative=factor)
