"""A two-layer perceptron written out in NumPy: forward, the six Jacobians, the gradients, one training step.

Images are row vectors, so that a batch is a matrix with one image a row:

    x   = pixels / 255             (N, D)      D = H * W * C inputs
    a1  = x W1 + b1                (N, H)      H hidden units
    f1  = sigmoid(a1)              (N, H)
    a2  = f1 W2 + b2               (N, K)      K classes
    p   = softmax(a2)              (N, K)
    L   = -mean_n log p[n, label]

The derivation of every line is in docs/perceptron.md. The textbook form y = softmax(W2 s(W1 x + b1) + b2) has
column vectors; here W1 is (D, H) and W2 is (H, K), their transposes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inkling.errors import NetworkError
from inkling.networks.checks import check_images, check_parameters, check_sizes, check_state
from inkling.networks.numpy.optimizers import OptimizerSettings, optimizer_of
from inkling.networks.protocols import FLOAT32, OPTIMIZER, HiddenLayer, Layer, State, Targets

Array = NDArray[np.floating[Any]]


# Each backward rule stands beside its forward rule. `d_z` is the gradient of the loss with respect to z.


def affine(x: Array, w: Array, b: Array) -> Array:
    """A = x W + b."""
    a: Array = x @ w  # (N, H)
    a += b
    return a


def affine_backward(d_a: Array, x: Array) -> tuple[Array, Array]:
    """Gradients for W and b: x^T d_a, and d_a summed over the batch."""
    return x.T @ d_a, d_a.sum(axis=0, keepdims=True)  # (D, H), (1, H)


def affine_backward_input(d_a: Array, w: Array) -> Array:
    """Gradient for x: d_a W^T."""
    d_x: Array = d_a @ w.T  # (N, D)
    return d_x


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), which is (1 + tanh(a/2)) / 2 and so cannot overflow."""
    f = np.tanh(a * a.dtype.type(0.5))
    f += 1
    f *= a.dtype.type(0.5)
    return f


def sigmoid_backward(d_f: Array, f: Array) -> Array:
    """d_f * f * (1 - f)."""
    return d_f * f * (1 - f)


def softmax(a: Array) -> Array:
    """exp(a) / sum exp(a) a row; the row's largest logit is subtracted first, which changes nothing but overflow."""
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


def softmax_cross_entropy_backward(p: Array, targets: Targets, weights: Array) -> Array:
    """Gradient of sum(weights * cross-entropy) for the logits: weights * (p - q), q being one-hot for a label."""
    d_a = p.copy()
    if targets.ndim == 2:
        d_a -= targets
    else:
        d_a[np.arange(len(targets)), targets] -= 1
    d_a *= weights[:, np.newaxis]
    return d_a


class Perceptron:
    """A perceptron with one hidden layer of sigmoid units and a softmax.

    Parameters
    ----------
    image_shape : tuple of int, default (28, 28, 1)
        (H, W, C) of the images.
    n_classes : int, default 10
    hidden : int, default 64
        Number of hidden units.
    seed : int, default 0
        Draws the initial weights.
    weight_sd : float, default 0.1
        Standard deviation of the normal distribution of W1 and W2; biases start at zero.
    dtype : dtype, default float32
        float32 or float64, of parameters and of all arithmetic.

    Raises
    ------
    NetworkError
        If a size is not positive, the parameters are too many, or the dtype is another.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        n_classes: int = 10,
        hidden: int = 64,
        seed: int = 0,
        weight_sd: float = 0.1,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._image_shape, self._n_classes = check_sizes(image_shape, n_classes)
        self.hidden = int(hidden)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.hidden < 1:
            raise NetworkError(f"a perceptron needs hidden units, found {hidden}")
        inputs = int(np.prod(self._image_shape))
        parameters = (inputs + 1) * self.hidden + (self.hidden + 1) * self._n_classes
        check_parameters(parameters, f"a perceptron of {self.hidden:,} hidden units", self._image_shape, n_classes)
        if self.dtype not in (np.float32, np.float64):
            raise NetworkError(f"a perceptron computes in float32 or float64, found {self.dtype}")
        self.pixel_scale: Any = np.asarray(1 / 255, self.dtype)[()]
        rng = np.random.default_rng(seed)
        self.parameters: dict[str, Array] = {
            "W1": (rng.standard_normal((inputs, self.hidden)) * weight_sd).astype(self.dtype),
            "b1": np.zeros((1, self.hidden), self.dtype),
            "W2": (rng.standard_normal((self.hidden, self._n_classes)) * weight_sd).astype(self.dtype),
            "b2": np.zeros((1, self._n_classes), self.dtype),
        }
        self._optimizer = optimizer_of(OptimizerSettings())
        self._inputs_buffer = np.empty((0, inputs), self.dtype)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self._image_shape

    @property
    def n_classes(self) -> int:
        """K."""
        return self._n_classes

    @property
    def device(self) -> str:
        """Where it computes: always "cpu"."""
        return "cpu"

    def __repr__(self) -> str:
        inputs, hidden = self.parameters["W1"].shape
        return f"Perceptron({inputs}-{hidden}-{self.n_classes}, {self.dtype})"

    def description(self) -> dict[str, Any]:
        """Return the settings that build such a network again."""
        return {
            "network": "perceptron",
            "image_shape": list(self.image_shape),
            "n_classes": self.n_classes,
            "hidden": self.hidden,
            "dtype": self.dtype.name,
        }

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers from first to last."""
        inputs, hidden, classes = *self.parameters["W1"].shape, self.n_classes
        return (
            Layer("scale", "pixels / 255", self.image_shape, 0, 0),
            Layer("flatten", "flatten", (inputs,), 0, 0),
            Layer("dense", "dense", (hidden,), inputs * hidden + hidden, inputs * hidden),
            Layer("sigmoid", "sigmoid", (hidden,), 0, 0),
            Layer("dense", "dense", (classes,), hidden * classes + classes, hidden * classes),
            Layer("softmax", "softmax", (classes,), 0, 0),
        )

    def first_layer(self) -> Array:
        """Return the weight vectors of the hidden units as pictures, (hidden, H, W, C)."""
        return self.parameters["W1"].T.reshape(-1, *self.image_shape).copy()

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, Array]]:
        """Return nothing: no layer's output is an image."""
        check_images(self, image[np.newaxis])
        return []

    def hidden_layer(self, images: NDArray[np.uint8]) -> HiddenLayer:
        """Return f1 (N, H) of images (N, H, W, C), with W2 and b2."""
        check_images(self, images)
        f1, _ = self.forward(self.inputs(images))
        return HiddenLayer(f1, self.parameters["W2"].copy(), self.parameters["b2"][0].copy())

    # --- forward -----------------------------------------------------------------------------------------------

    def inputs(self, images: NDArray[np.uint8]) -> Array:
        """Return x, the pixels as rows of numbers in 0..1, shape (N, D). Valid until the next call."""
        n = len(images)
        # A fresh array of this size costs more than the division: its pages must be mapped every time.
        if len(self._inputs_buffer) < n:
            self._inputs_buffer = np.empty((n, self._inputs_buffer.shape[1]), self.dtype)
        x = self._inputs_buffer[:n]
        np.multiply(images.reshape(n, x.shape[1]), self.pixel_scale, out=x)
        return x

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return f1 (N, H) and a2 (N, K) for inputs x (N, D)."""
        w = self.parameters
        f1 = sigmoid(affine(x, w["W1"], w["b1"]))
        return f1, affine(f1, w["W2"], w["b2"])

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return p, float32 of shape (N, K), for uint8 images (N, H, W, C)."""
        check_images(self, images)
        probabilities = np.empty((len(images), self.n_classes), np.float32)
        for start in range(0, len(images), 256):
            part = slice(start, start + 256)
            probabilities[part] = softmax(self.forward(self.inputs(images[part]))[1])
        return probabilities

    # --- backward ----------------------------------------------------------------------------------------------

    def gradients(
        self, images: NDArray[np.uint8], targets: Targets, weights: Array | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the mean loss of a batch and its gradient for each parameter.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        targets : ndarray
            Labels, int64 (N,), or probabilities of the classes, float (N, K).
        weights : ndarray of float, shape (N,), optional
            The loss is sum(weights * cross-entropy) / N; without weights, the mean.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            "W1", "b1", "W2", "b2", in the shapes of the parameters.
        """
        n = len(targets)
        share = np.full(n, 1 / n, self.dtype) if weights is None else (np.asarray(weights) / n).astype(self.dtype)
        x = self.inputs(images)
        f1, a2 = self.forward(x)
        loss = float(share @ cross_entropy(a2, targets))
        d_a2 = softmax_cross_entropy_backward(softmax(a2), targets, share)  # (N, K)
        d_w2, d_b2 = affine_backward(d_a2, f1)
        d_a1 = sigmoid_backward(affine_backward_input(d_a2, self.parameters["W2"]), f1)  # (N, H)
        d_w1, d_b1 = affine_backward(d_a1, x)
        return loss, {"W1": d_w1, "b1": d_b1, "W2": d_w2, "b2": d_b2}

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule; its memory is cleared.

        Raises
        ------
        NetworkError
            If the precision is not float32: a perceptron computes in its dtype.
        """
        if precision != FLOAT32:
            raise NetworkError(f"the perceptron computes in float32 only, found precision {precision}")
        self._optimizer = optimizer_of(optimizer)

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step of gradient descent on a batch; return its mean loss before the step."""
        loss, gradients = self.gradients(images, targets, weights)
        self._optimizer.update(self.parameters, gradients, learning_rate)
        return loss

    def logit_gradients(self, pixels: Array, targets: NDArray[np.int64]) -> Array:
        """Return how each pixel moves its target's logit: d a2[n, target_n] / d x[n].

        Parameters
        ----------
        pixels : ndarray of float, shape (N, H, W, C)
            0..1.
        targets : ndarray of int64, shape (N,)
            The class whose logit is meant, one per image.

        Returns
        -------
        ndarray of the network's dtype, shape (N, H, W, C)
        """
        x = np.asarray(pixels, self.dtype).reshape(len(pixels), -1)  # (N, D)
        f1, _ = self.forward(x)
        d_a2 = np.eye(self.n_classes, dtype=self.dtype)[targets]  # (N, K)
        d_a1 = sigmoid_backward(affine_backward_input(d_a2, self.parameters["W2"]), f1)  # (N, H)
        return affine_backward_input(d_a1, self.parameters["W1"]).reshape(pixels.shape)

    # --- one image, every number in sight ----------------------------------------------------------------------

    def jacobians(self, image: NDArray[np.uint8]) -> dict[str, Array]:
        """Return the six Jacobians of the network at one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, C)

        Returns
        -------
        dict of str to ndarray
            The first axis is the output, the others are those of what it is derived by:
            "da2_db2" (K, K), "da2_dW2" (K, H, K), "da2_df1" (K, H), "df1_da1" (H, H), "da1_db1" (H, H),
            "da1_dW1" (H, D, H).
        """
        check_images(self, image[np.newaxis])
        x = self.inputs(image[np.newaxis])
        f1, _ = self.forward(x)
        outputs, units = (np.eye(size, dtype=self.dtype) for size in (self.n_classes, self.hidden))
        return {
            "da2_db2": outputs.copy(),  # a2_k moves with b2_k alone
            "da2_dW2": np.einsum("h,kj->khj", f1[0], outputs),  # da2_k / dW2_hj = f1_h [j = k]
            "da2_df1": self.parameters["W2"].T.copy(),  # da2_k / df1_h = W2_hk
            "df1_da1": np.diag(f1[0] * (1 - f1[0])),  # s' = s (1 - s), unit by unit
            "da1_db1": units.copy(),
            "da1_dW1": np.einsum("d,hj->hdj", x[0], units),  # da1_h / dW1_dj = x_d [j = h]
        }

    def trace(self, image: NDArray[np.uint8], label: int) -> dict[str, Array]:
        """Walk one image forward and back, and return every intermediate by name, in the order of the computation.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, C)
        label : int

        Returns
        -------
        dict of str to ndarray
            Forward "x" (1, D), "a1" (1, H), "f1" (1, H), "a2" (1, K), "y_hat" (1, K), "loss" (); backward
            "dL_da2", "dL_dW2", "dL_db2", "dL_df1", "dL_da1", "dL_dW1", "dL_db1", each shaped as what follows
            the d. The gradients are contractions of the six Jacobians, not the batched shortcuts of `gradients`.
        """
        if not 0 <= label < self.n_classes:
            raise NetworkError(f"a label must lie in 0..{self.n_classes - 1}, found {label}")
        jacobian = self.jacobians(image)
        x = self.inputs(image[np.newaxis]).copy()
        w = self.parameters
        a1 = affine(x, w["W1"], w["b1"])
        f1 = sigmoid(a1)
        a2 = affine(f1, w["W2"], w["b2"])
        y_hat = softmax(a2)
        one_hot = np.eye(self.n_classes, dtype=self.dtype)[[label]]
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

    # --- state -------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return copies of the parameters, the pixel scale, and the optimiser's memory."""
        arrays: State = {name: array.copy() for name, array in self.parameters.items()}
        arrays["pixel_scale"] = np.asarray([self.pixel_scale])
        arrays.update({OPTIMIZER + name: array for name, array in self._optimizer.state().items()})
        return arrays

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over parameters, pixel scale and, where present, the optimiser's memory.

        Raises
        ------
        NetworkError
            If a name is missing or unknown, a shape or dtype does not fit, or a number is not finite.
        """
        own = self.state()
        expected = {name: own[name] for name in (*self.parameters, "pixel_scale")}
        memory = {OPTIMIZER + name: array for name, array in self._optimizer.shapes(self.parameters).items()}
        check_state(state, expected, memory)
        self.parameters = {name: np.array(state[name]) for name in self.parameters}
        self.pixel_scale = state["pixel_scale"][0]
        self._optimizer.load_state(
            {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name.startswith(OPTIMIZER)}
        )
