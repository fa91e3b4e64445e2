"""The perceptron's derivatives as torch.autograd finds them: a second opinion that shares no line with ours.

The only file of the gradient check that imports torch; `gradcheck` imports it only where torch is installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inkling.networks.numpy.perceptron import Perceptron

Array = NDArray[np.float64]


def jacobians(network: Perceptron, image: NDArray[np.uint8]) -> dict[str, Array]:
    """Return the six Jacobians at one image, by the names and in the shapes of `Perceptron.jacobians`, in float64.

    Parameters
    ----------
    network : Perceptron
    image : ndarray of uint8, shape (H, W, C)
    """
    w = _parameters(network)
    x = _inputs(network, image[np.newaxis])[0]  # (D,)
    b1, b2 = w["b1"][0], w["b2"][0]
    a1 = x @ w["W1"] + b1
    f1 = torch.sigmoid(a1)
    by = torch.autograd.functional.jacobian
    return {
        name: derivative.numpy()
        for name, derivative in {
            "da2_db2": by(lambda b: f1 @ w["W2"] + b, b2),
            "da2_dW2": by(lambda weights: f1 @ weights + b2, w["W2"]),
            "da2_df1": by(lambda f: f @ w["W2"] + b2, f1),
            "df1_da1": by(torch.sigmoid, a1),
            "da1_db1": by(lambda b: x @ w["W1"] + b, b1),
            "da1_dW1": by(lambda weights: x @ weights + b1, w["W1"]),
        }.items()
    }


def gradients(network: Perceptron, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, Array]:
    """Return the gradient of the mean cross-entropy for every parameter and every intermediate value, in float64.

    Parameters
    ----------
    network : Perceptron
    images : ndarray of uint8, shape (N, H, W, C)
    labels : ndarray of int64, shape (N,)

    Returns
    -------
    dict of str to ndarray
        "W1", "b1", "W2", "b2", and "a1" (N, H), "f1" (N, H), "a2" (N, K).
    """
    leaves = {name: array.requires_grad_() for name, array in _parameters(network).items()}
    a1 = _inputs(network, images) @ leaves["W1"] + leaves["b1"]  # (N, H)
    f1 = torch.sigmoid(a1)
    a2 = f1 @ leaves["W2"] + leaves["b2"]  # (N, K)
    loss = torch.nn.functional.cross_entropy(a2, torch.tensor(labels, dtype=torch.int64))
    wanted = {**leaves, "a1": a1, "f1": f1, "a2": a2}
    return {
        name: gradient.numpy()
        for name, gradient in zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True)
    }


def _parameters(network: Perceptron) -> dict[str, Any]:
    return {name: torch.tensor(array, dtype=torch.float64) for name, array in network.parameters.items()}


def _inputs(network: Perceptron, images: NDArray[np.uint8]) -> Any:
    return torch.tensor(images).double().reshape(len(images), -1) * float(network.pixel_scale)  # (N, D)
