"""A two-layer perceptron written out in NumPy: forward beside backward, one training step, its saved arrays.

Images are row vectors, so that a batch is a matrix with one image per row:

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
from inkling.networks.checks import check_batch, check_images, check_parameters, check_sizes, check_state
from inkling.networks.numpy.equations import (
    Array,
    affine,
    affine_backward,
    affine_backward_input,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_and_cross_entropy,
    softmax_cross_entropy_backward,
)
from inkling.networks.numpy.jacobians import jacobians, trace
from inkling.networks.numpy.optimizers import OptimizerSettings, make_optimizer
from inkling.networks.protocols import FLOAT32, OPTIMIZER, HiddenLayer, Layer, State, Targets, weights_only
from inkling.networks.steps import Step, Steps, as_float32

_PREDICTION_BATCH = 256


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
        self._optimizer = make_optimizer(OptimizerSettings())
        # Reused from step to step: the pages of fresh arrays of this size cost more than what is written into them.
        self._batch_memory = np.empty((0, inputs), self.dtype)
        self._gradient_memory: Array | None = None

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
        """Return the weight vectors of the hidden units as images, (hidden, H, W, C)."""
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
        """Return x, the pixels as rows of numbers in 0..1, shape (N, D)."""
        return self._scaled(images, np.empty((len(images), self.parameters["W1"].shape[0]), self.dtype))

    def _scaled(self, images: NDArray[np.uint8], memory: Array) -> Array:
        """Write x into the first rows of an array, and return them."""
        x = memory[: len(images)]
        np.copyto(x, images.reshape(x.shape))  # apart from the product: one pass of mixed types takes longer than both
        x *= self.pixel_scale
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
        # Of this call alone: several threads may predict at once.
        memory = np.empty((min(len(images), _PREDICTION_BATCH), self.parameters["W1"].shape[0]), self.dtype)
        for start in range(0, len(images), _PREDICTION_BATCH):
            part = slice(start, start + _PREDICTION_BATCH)
            probabilities[part] = softmax(self.forward(self._scaled(images[part], memory))[1])
        return probabilities

    def proba_on_features(self, features: Array) -> NDArray[np.float32]:
        """Return p, float32 of shape (N, K), for inputs x (N, D) of any range."""
        probabilities = np.empty((len(features), self.n_classes), np.float32)
        for start in range(0, len(features), _PREDICTION_BATCH):
            part = slice(start, start + _PREDICTION_BATCH)
            probabilities[part] = softmax(self.forward(np.asarray(features[part], self.dtype))[1])
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
            Labels, integers (N,) in 0..K-1, or probabilities of the classes, float (N, K).
        weights : ndarray of float, shape (N,), optional
            The loss is sum(weights * cross-entropy) / N; without weights, the mean.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            "W1", "b1", "W2", "b2", in the shapes of the parameters.
        """
        check_batch(self, images, targets, weights)
        return self._gradients(self.inputs(images), targets, weights)

    def _gradients(
        self, x: Array, targets: Targets, weights: Array | None, memory: Array | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return loss and gradients; that of W1 lies in `memory` (D, H) where it is given."""
        n = len(targets)
        share = np.full(n, 1 / n, self.dtype) if weights is None else (np.asarray(weights) / n).astype(self.dtype)
        f1, a2 = self.forward(x)
        p, losses = softmax_and_cross_entropy(a2, targets)  # (N, K), (N,)
        loss = float(share @ losses)
        d_a2 = softmax_cross_entropy_backward(p, targets, share)  # (N, K)
        d_w2, d_b2 = affine_backward(d_a2, f1)
        d_a1 = sigmoid_backward(affine_backward_input(d_a2, self.parameters["W2"]), f1)  # (N, H)
        d_w1, d_b1 = affine_backward(d_a1, x, memory)
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
        self._optimizer = make_optimizer(optimizer)

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step of gradient descent on a batch; return its mean loss before the step.

        Raises
        ------
        NetworkError
            If images, targets or weights do not fit, or there is no image.
        """
        check_batch(self, images, targets, weights)
        if len(self._batch_memory) < len(images):
            self._batch_memory = np.empty((len(images), self.parameters["W1"].shape[0]), self.dtype)
        return self._step(self._scaled(images, self._batch_memory), targets, learning_rate, weights)

    def step_on_features(
        self,
        features: Array,
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step on a batch of inputs x (N, D) of any range; return its mean loss before the step."""
        return self._step(np.asarray(features, self.dtype), targets, learning_rate, weights)

    def _step(
        self, x: Array, targets: Targets, learning_rate: float, weights: NDArray[np.floating[Any]] | None
    ) -> float:
        if self._gradient_memory is None:
            self._gradient_memory = np.empty_like(self.parameters["W1"])
        loss, gradients = self._gradients(x, targets, weights, self._gradient_memory)
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
        """Return the six Jacobians at one image (H, W, C): see `inkling.networks.numpy.jacobians.jacobians`."""
        return jacobians(self.parameters, self._one(image))

    def trace(self, image: NDArray[np.uint8], label: int) -> dict[str, Array]:
        """Return every intermediate of one image by name: see `inkling.networks.numpy.jacobians.trace`."""
        return trace(self.parameters, self._one(image), label)

    def _one(self, image: NDArray[np.uint8]) -> Array:
        """Return one image as x, (1, D)."""
        check_images(self, image[np.newaxis])
        return self.inputs(image[np.newaxis])

    # --- for other programs ------------------------------------------------------------------------------------

    parity_tolerance = 1e-5
    """By which a probability may move when another program computes it; the order of sums moves it by a tenth of it."""

    def onnx_model(self, opset: int) -> Any:
        """Return the network as ONNX: see `inkling.networks.numpy.portable.onnx_model`."""
        from inkling.networks.numpy.portable import onnx_model

        return onnx_model(self.parameters, np.asarray([self.pixel_scale]), self.image_shape, opset)

    def steps(self) -> Steps:
        """Return what it computes in plain steps, float32."""
        height, width, channels = self.image_shape
        first = self.parameters["W1"].reshape(height, width, channels, self.hidden).transpose(3, 2, 0, 1)
        inputs, last = int(np.prod(self.image_shape)), self.parameters["W2"].T
        dense = [
            Step("dense", {"inputs": n, "outputs": len(bias)}, {"weights": weights, "bias": bias})
            for n, weights, bias in (
                (inputs, as_float32(first.reshape(self.hidden, -1)), as_float32(self.parameters["b1"][0])),
                (self.hidden, as_float32(last), as_float32(self.parameters["b2"][0])),
            )
        ]
        return Steps(float(self.pixel_scale), (dense[0], Step("sigmoid"), dense[1]))

    def torch_function(self) -> tuple[str, State]:
        """Return the body of a function of `w` and `images`, and its arrays: see `Portable`."""
        from inkling.networks.numpy.portable import TORCH_FUNCTION

        return TORCH_FUNCTION, weights_only(self.state())

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

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles are made of: the memory for a batch is taken anew."""
        return {**self.__dict__, "_batch_memory": self._batch_memory[:0].copy(), "_gradient_memory": None}
