"""The equations of the perceptron, each backward rule beside its forward rule; docs/perceptron.md derives them.

`d_z` is the gradient of the loss with respect to z, and has the shape of z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.networks.protocols import Targets

Array = NDArray[np.floating[Any]]


def affine(x: Array, w: Array, b: Array) -> Array:
    """A = x W + b."""
    a: Array = x @ w  # (N, H)
    a += b
    return a


def affine_backward(d_a: Array, x: Array, out: Array | None = None) -> tuple[Array, Array]:
    """Gradients for W and b: x^T d_a, written into `out` where it is given, and d_a summed over the batch."""
    return np.matmul(x.T, d_a, out=out), d_a.sum(axis=0, keepdims=True)  # (D, H), (1, H)


def affine_backward_input(d_a: Array, w: Array) -> Array:
    """Gradient for x: d_a W^T."""
    d_x: Array = d_a @ w.T  # (N, D)
    return d_x


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), which is (1 + tanh(a/2)) / 2 and so cannot overflow."""
    f: Array = a * a.dtype.type(0.5)
    np.tanh(f, out=f)
    f += 1
    f *= a.dtype.type(0.5)
    return f


def sigmoid_backward(d_f: Array, f: Array) -> Array:
    """d_f * f * (1 - f)."""
    return d_f * f * (1 - f)


def softmax(a: Array) -> Array:
    """exp(a) / sum exp(a) of each row; its largest logit is subtracted first, which changes nothing but overflow."""
    p: Array = np.exp(a - a.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def cross_entropy(a: Array, targets: Targets) -> Array:
    """-log softmax(a)[label], shape (N,), from the logits themselves: finite for any finite logits.

    Targets that are probabilities q (N, K) give -sum_k q_k log softmax(a)_k.
    """
    shifted = a - a.max(axis=1, keepdims=True)
    soft = targets.ndim == 2
    chosen: Array = (shifted * targets).sum(axis=1) if soft else shifted[np.arange(len(targets)), targets]
    losses: Array = np.log(np.exp(shifted).sum(axis=1)) - chosen
    return losses


def softmax_and_cross_entropy(a: Array, targets: Targets) -> tuple[Array, Array]:
    """Return softmax(a) (N, K) and cross_entropy(a, targets) (N,), whose exponentials and sums are the same.

    Computed with a class a row: sums over rows go along all images at once, three times as fast where classes are few.
    """
    p = np.array(a.T, order="C")  # (K, N)
    p -= p.max(axis=0)
    soft = targets.ndim == 2
    chosen: Array = (p * targets.T).sum(axis=0) if soft else p[targets, np.arange(len(targets))]
    np.exp(p, out=p)
    sums = p.sum(axis=0)
    p /= sums
    return p.T, np.log(sums) - chosen


def softmax_cross_entropy_backward(p: Array, targets: Targets, weights: Array) -> Array:
    """Gradient of sum(weights * cross-entropy) for the logits: weights * (p - q), q being one-hot for a label."""
    d_a = p.copy()
    if targets.ndim == 2:
        d_a -= targets
    else:
        d_a[np.arange(len(targets)), targets] -= 1
    d_a *= weights[:, np.newaxis]
    return d_a
