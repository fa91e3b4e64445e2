"""The perceptron at one image, every number in sight: the six Jacobians, and the chain rule through them.

Training never builds these arrays: `Perceptron.gradients` has the three matrix products that they collapse into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.checks import check_images
from inkling.networks.numpy.equations import Array, affine, cross_entropy, sigmoid, softmax

if TYPE_CHECKING:
    from inkling.networks.numpy.perceptron import Perceptron


def jacobians(network: Perceptron, image: NDArray[np.uint8]) -> dict[str, Array]:
    """Return the six Jacobians of the network at one image.

    Parameters
    ----------
    network : Perceptron
    image : ndarray of uint8, shape (H, W, C)

    Returns
    -------
    dict of str to ndarray
        The first axis is the output, the others are those of what it is derived by:
        "da2_db2" (K, K), "da2_dW2" (K, H, K), "da2_df1" (K, H), "df1_da1" (H, H), "da1_db1" (H, H),
        "da1_dW1" (H, D, H).
    """
    check_images(network, image[np.newaxis])
    x = network.inputs(image[np.newaxis])
    f1, _ = network.forward(x)
    outputs, units = (np.eye(size, dtype=network.dtype) for size in (network.n_classes, network.hidden))
    return {
        "da2_db2": outputs.copy(),  # a2_k moves with b2_k alone
        "da2_dW2": np.einsum("h,kj->khj", f1[0], outputs),  # da2_k / dW2_hj = f1_h [j = k]
        "da2_df1": network.parameters["W2"].T.copy(),  # da2_k / df1_h = W2_hk
        "df1_da1": np.diag(f1[0] * (1 - f1[0])),  # s' = s (1 - s), unit by unit
        "da1_db1": units.copy(),
        "da1_dW1": np.einsum("d,hj->hdj", x[0], units),  # da1_h / dW1_dj = x_d [j = h]
    }


def trace(network: Perceptron, image: NDArray[np.uint8], label: int) -> dict[str, Array]:
    """Return every intermediate of one image by name, forward and backward, in the order of the computation.

    Parameters
    ----------
    network : Perceptron
    image : ndarray of uint8, shape (H, W, C)
    label : int
        0..K-1.

    Returns
    -------
    dict of str to ndarray
        Forward "x" (1, D), "a1" (1, H), "f1" (1, H), "a2" (1, K), "y_hat" (1, K), "loss" (); backward
        "dL_da2", "dL_dW2", "dL_db2", "dL_df1", "dL_da1", "dL_dW1", "dL_db1", each shaped as what follows
        the d. The gradients are contractions of the six Jacobians, not the batched products of `Perceptron.gradients`.

    Raises
    ------
    NetworkError
        If the image does not fit the network, or there is no such label.
    """
    if not 0 <= label < network.n_classes:
        raise NetworkError(f"a label must lie in 0..{network.n_classes - 1}, found {label}")
    jacobian = jacobians(network, image)
    x = network.inputs(image[np.newaxis])
    w = network.parameters
    a1 = affine(x, w["W1"], w["b1"])
    f1 = sigmoid(a1)
    a2 = affine(f1, w["W2"], w["b2"])
    y_hat = softmax(a2)
    one_hot = np.eye(network.n_classes, dtype=network.dtype)[[label]]
    d_a2 = y_hat - one_hot  # (1, K)
    d_f1 = d_a2 @ jacobian["da2_df1"]  # (1, H)
    d_a1 = d_f1 @ jacobian["df1_da1"]  # (1, H)
    return {
        "x": x,
        "a1": a1,
        "f1": f1,
        "a2": a2,
        "y_hat": y_hat,
        "loss": np.asarray(cross_entropy(a2, np.array([label]))[0]),
        "dL_da2": d_a2,
        "dL_dW2": np.tensordot(d_a2[0], jacobian["da2_dW2"], axes=1),
        "dL_db2": d_a2 @ jacobian["da2_db2"],
        "dL_df1": d_f1,
        "dL_da1": d_a1,
        "dL_dW1": np.tensordot(d_a1[0], jacobian["da1_dW1"], axes=1),
        "dL_db1": d_a1 @ jacobian["da1_db1"],
    }
