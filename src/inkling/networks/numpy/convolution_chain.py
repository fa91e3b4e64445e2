"""Convolutions followed by dense layers, recognised from outside: what such a class computes within.

Each convolution is followed by an activation and, of all alike, by pooling over 2x2; stride, padding, the layout of
kernels and the order of flattening are found out by computing the logits again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inkling.networks.numpy.dense_chain import ACTIVATIONS, INPUTS, Activation, Prepare

Array = NDArray[np.floating[Any]]

MOST_CONVOLUTIONS, MOST_DENSE = 3, 2
LAYOUTS = {"OIHW": (0, 1, 2, 3), "HWIO": (3, 2, 0, 1)}
"""Order of a kernel's axes, outputs O and inputs I -> the axes that make it (O, I, H, W)."""

_AS_IMAGES = {"CHW": (0, 1, 2, 3), "HWC": (0, 2, 3, 1)}


@dataclass(frozen=True)
class Shape:
    """What all convolutions of a network have alike."""

    layout: str
    flipped: bool  # a convolution in the strict sense; else a cross-correlation, as in most libraries
    stride: int
    same: bool  # padded with zeros by half the kernel
    pool: str  # "", "max", "average"; over 2x2, what is left over at the edge being dropped
    flatten: str  # "CHW" or "HWC"


@dataclass(frozen=True)
class ConvolutionChain:
    """Layers from images to logits: convolutions with activation and pooling, then dense layers."""

    parameters: Mapping[str, Array]
    kernels: tuple[str, ...]
    matrices: tuple[tuple[str, bool], ...]  # name, and whether it is (out, in)
    biases: tuple[str | None, ...]  # of every layer
    image_shape: tuple[int, int, int]
    shape: Shape
    activation: Activation
    prepare: Prepare = field(repr=False)

    def kernel(self, number: int) -> Array:
        """Return the kernel of convolution l, from 1, as it is slid over the image: (O, I, H, W)."""
        array = self.parameters[self.kernels[number - 1]].transpose(LAYOUTS[self.shape.layout])
        return array[:, :, ::-1, ::-1] if self.shape.flipped else array

    def matrix(self, number: int) -> Array:
        """Return the matrix (in, out) of dense layer l, counted on from the convolutions."""
        name, transposed = self.matrices[number - 1 - len(self.kernels)]
        return self.parameters[name].T if transposed else self.parameters[name]

    def padding(self, number: int) -> tuple[int, int]:
        """Return how many zeros stand above and left of the input of convolution l."""
        height, width = self.kernel(number).shape[2:]
        return (height // 2, width // 2) if self.shape.same else (0, 0)

    def padded(self, number: int, x: Array) -> Array:
        """Return the input (N, I, H, W) of convolution l with zeros around it."""
        above, left = self.padding(number)
        return np.asarray(np.pad(x, ((0, 0), (0, 0), (above, above), (left, left))))

    def run(self, x: Array) -> dict[str, Array]:
        """Return "f0", "a1", "f1", "p1" (after pooling), …, and of dense layers "a" and "f", for x (N, D)."""
        height, width, channels = self.image_shape
        here: Array = self.prepare(x).reshape(len(x), height, width, channels).transpose(0, 3, 1, 2)
        values = {"p0": here}
        last = len(self.biases)
        for number in range(1, last + 1):
            if number <= len(self.kernels):
                kernel, stride = self.kernel(number), self.shape.stride
                windows = sliding_window_view(self.padded(number, here), kernel.shape[2:], axis=(2, 3))
                a: Array = np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], kernel, optimize=True)
            else:
                if here.ndim == 4:
                    here = values["flat"] = here.transpose(_AS_IMAGES[self.shape.flatten]).reshape(len(x), -1)
                a = here @ self.matrix(number)
            bias = self.biases[number - 1]
            if bias is not None:
                a = a + self.parameters[bias].reshape((1, -1, 1, 1)[: a.ndim])
            values[f"a{number}"] = a
            if number < last:
                here = values[f"f{number}"] = self.activation.value(a)
                if number <= len(self.kernels):
                    here = values[f"p{number}"] = self._pooled(here)
        return values

    def _pooled(self, f: Array) -> Array:
        if not self.shape.pool:
            return f
        blocks = in_blocks(f)
        pooled: Array = blocks.max(axis=(3, 5)) if self.shape.pool == "max" else blocks.mean(axis=(3, 5))
        return pooled

    def unflattened(self, d: Array, order: str) -> Array:
        """Return a gradient for the flattened values (N, D) as one for images (N, C, H, W)."""
        n, c, h, w = self.run_shape(len(d))
        images: Array = d.reshape(n, c, h, w) if order == "CHW" else d.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        return images

    def run_shape(self, n: int) -> tuple[int, int, int, int]:
        """Return the shape (N, C, H, W) of what is flattened."""
        sizes = _sizes(self.parameters, self.kernels, self.image_shape, self.shape)
        if sizes is None:
            raise ValueError("the convolutions do not fit the images")
        return (n, *sizes)


def in_blocks(f: Array) -> Array:
    """Return values (N, C, H, W) in blocks of 2x2, (N, C, H // 2, 2, W // 2, 2); the odd edge is dropped."""
    n, c, h, w = f.shape
    return f[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)


def recognise_convolutions(
    parameters: Mapping[str, Array],
    x: Array,
    image_shape: tuple[int, int, int],
    logits: Array,
    tolerance: float = 1e-9,
) -> ConvolutionChain | None:
    """Return the convolutions and dense layers that give these logits, or None where none of the known kinds does.

    Parameters
    ----------
    parameters : mapping of str to ndarray
        Kernels have four axes, matrices two; vectors are biases, in the order of the layers where lengths are alike.
    x : ndarray of float, shape (N, H * W * C)
    image_shape : tuple of int
        (H, W, C).
    logits : ndarray of float, shape (N, K)
    tolerance : float
        Largest difference of logits allowed, relative to the larger of 1 and the largest logit.
    """
    size = max(1.0, float(np.abs(logits).max()))
    for kernels, matrices, biases, shape in _rows(parameters, image_shape, logits.shape[1]):
        for activation, prepare in product(ACTIVATIONS, INPUTS):
            chain = ConvolutionChain(parameters, kernels, matrices, biases, image_shape, shape, activation, prepare)
            with np.errstate(all="ignore"):
                for some in (x[:1], x):
                    found = chain.run(some)[f"a{len(biases)}"]
                    if not np.allclose(found, logits[: len(some)], rtol=0, atol=tolerance * size):
                        break
                else:
                    return chain
    return None


def _rows(
    parameters: Mapping[str, Array], image_shape: tuple[int, int, int], classes: int
) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, bool], ...], tuple[str | None, ...], Shape]]:
    """Yield the ways to put all parameters in a row by their shapes."""
    kernels = tuple(name for name, array in parameters.items() if array.ndim == 4)
    dense = [name for name, array in parameters.items() if array.ndim == 2 and 1 not in array.shape]
    vectors = [name for name in parameters if name not in kernels and name not in dense]
    alone = all(parameters[name].size in parameters[name].shape for name in vectors)
    if not (1 <= len(kernels) <= MOST_CONVOLUTIONS and 1 <= len(dense) <= MOST_DENSE and alone):
        return
    kinds = product(LAYOUTS, (False, True), (1, 2), (True, False), ("max", "", "average"), _AS_IMAGES)
    for shape in (Shape(*kind) for kind in kinds):
        sizes = _sizes(parameters, kernels, image_shape, shape)
        for turned in product((False, True), repeat=len(dense)) if sizes else ():
            width, widths = int(np.prod(sizes or ())), []
            for name, transposed in zip(dense, turned, strict=True):
                rows, columns = parameters[name].shape[:: -1 if transposed else 1]
                if rows != width:
                    break
                width = columns
                widths.append(columns)
            else:
                outputs = [parameters[name].transpose(LAYOUTS[shape.layout]).shape[0] for name in kernels] + widths
                left, biases = list(vectors), []
                for length in outputs:
                    bias = next((vector for vector in left if parameters[vector].size == length), None)
                    biases.append(bias)
                    if bias is not None:
                        left.remove(bias)
                if width == classes and not left:
                    yield kernels, tuple(zip(dense, turned, strict=True)), tuple(biases), shape


def _sizes(
    parameters: Mapping[str, Array], kernels: tuple[str, ...], image_shape: tuple[int, int, int], shape: Shape
) -> tuple[int, int, int] | None:
    """Return (C, H, W) after all convolutions, or None where they do not fit."""
    height, width, channels = image_shape
    for name in kernels:
        outputs, inputs, tall, wide = parameters[name].transpose(LAYOUTS[shape.layout]).shape
        height += 2 * (tall // 2) * shape.same - tall
        width += 2 * (wide // 2) * shape.same - wide
        if inputs != channels or min(height, width) < 0:
            return None
        height, width, channels = height // shape.stride + 1, width // shape.stride + 1, outputs
        if shape.pool:
            height, width = height // 2, width // 2
        if not height * width:
            return None
    return channels, height, width
