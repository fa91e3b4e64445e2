"""The perceptron at one image, every number in sight: the six Jacobians, and the chain rule through them.

Training never builds these arrays: `Perceptron.gradients` has the three matrix products that they collapse into.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inkling.errors import NetworkError
from inkling.networks.numpy.equations import Array, affine, cross_entropy, sigmoid, softmax


def jacobians(parameters: Mapping[str, Array], x: Array) -> dict[str, Array]:
    """Return the six Jacobians at one image.

    Parameters
    ----------
    parameters : mapping of str to ndarray of float
        "W1" (D, H), "b1" (1, H), "W2" (H, K) and "b2" (1, K).
    x : ndarray of float, shape (1, D)
        Pixels in 0..1.

    Returns
    -------
    dict of str to ndarray
        The first axis is the output, the others are those of what it is derived by:
        "da2_db2" (K, K), "da2_dW2" (K, H, K), "da2_df1" (K, H), "df1_da1" (H, H), "da1_db1" (H, H),
        "da1_dW1" (H, D, H).
    """
    f1 = sigmoid(affine(x, parameters["W1"], parameters["b1"]))  # (1, H)
    hidden, n_classes = parameters["W2"].shape
    outputs, units = (np.eye(size, dtype=x.dtype) for size in (n_classes, hidden))
    return {
        "da2_db2": outputs.copy(),  # a2_k moves with b2_k alone
        "da2_dW2": np.einsum("h,kj->khj", f1[0], outputs),  # da2_k / dW2_hj = f1_h [j = k]
        "da2_df1": parameters["W2"].T.copy(),  # da2_k / df1_h = W2_hk
        "df1_da1": np.diag(f1[0] * (1 - f1[0])),  # s' = s (1 - s), unit by unit
        "da1_db1": units.copy(),
        "da1_dW1": np.einsum("d,hj->hdj", x[0], units),  # da1_h / dW1_dj = x_d [j = h]
    }


def trace(parameters: Mapping[str, Array], x: Array, label: int) -> dict[str, Array]:
    """Return every intermediate of one image by name, forward and backward, in the order of the computation.

    Parameters
    ----------
    parameters, x
        As `jacobians` takes them.
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
        If there is no such label.
    """
    w = parameters
    n_classes = w["W2"].shape[1]
    if not 0 <= label < n_classes:
        raise NetworkError(f"a label must lie in 0..{n_classes - 1}, found {label}")
    jacobian = jacobians(parameters, x)
    a1 = affine(x, w["W1"], w["b1"])
    f1 = sigmoid(a1)
    a2 = affine(f1, w["W2"], w["b2"])
    y_hat = softmax(a2)
    one_hot = np.eye(n_classes, dtype=x.dtype)[[label]]
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
