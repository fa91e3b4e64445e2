"""A plain NumPy class of a person's own made a Network: it gives logits and gradients, the rest is added here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.checks import check_batch, check_images, check_parameters, check_sizes, check_state
from inkling.networks.faults import fault, file_of
from inkling.networks.numpy.equations import Array, softmax
from inkling.networks.numpy.optimizers import OptimizerSettings, make_optimizer
from inkling.networks.protocols import FLOAT32, OPTIMIZER, Layer, State, Targets

_PREDICTION_BATCH = 256
_MOST_NUDGED = 4096  # numbers in an image up to which its gradient is found by nudging each
_NUDGE = 1e-4
_MOST_CALLS = 256

Result = TypeVar("Result")


@runtime_checkable
class NumpyClass(Protocol):
    """What a class must offer: named arrays, logits, and the gradients of the mean loss."""

    @property
    def parameters(self) -> Mapping[str, NDArray[Any]]:
        """Arrays of float32 or float64 by name, which training changes in place. Names with "b" in front are biases."""
        ...

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return logits (N, K) of x (N, D), pixels in 0..1; or of (N, H, W, C) where the class says `takes_images`."""
        ...

    def gradients(self, x: NDArray[Any], targets: NDArray[np.int64]) -> tuple[float, Mapping[str, NDArray[Any]]]:
        """Return the mean cross-entropy of labels (N,), and its gradient for each parameter by name."""
        ...


class NumpyNetwork:
    """A network whose mathematics is an object with `parameters`, `forward(x)` and `gradients(x, targets)`.

    Parameters
    ----------
    network : NumpyClass
        It is taken over: training changes its arrays in place.
    image_shape : tuple of int
        (H, W, C) of the images.
    n_classes : int
        K.
    name : str
        What it is called in results.
    options : mapping, optional
        More of its description.

    Raises
    ------
    NetworkError
        If something is missing, or logits or gradients for blank images have other names, shapes or types than said.

    Notes
    -----
    `gradients` is given labels. Weighted images, and targets that are probabilities (label smoothing), become several
    calls, one for each weight and class: cross-entropy is linear in both. Calls from several threads take turns, since
    a class may keep what it computes.

    The gradient for the pixels, which attribution maps need, is found by central differences of the logits, or by the
    object's own `logit_gradients(x, targets)` where it has one.
    """

    def __init__(
        self,
        network: NumpyClass,
        image_shape: tuple[int, int, int],
        n_classes: int,
        name: str = "custom",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._image_shape, self._n_classes = check_sizes(image_shape, n_classes)
        self.network, self.name, self._options = network, name, dict(options or {})
        self.takes_images = bool(getattr(network, "takes_images", False))
        self._lock = threading.RLock()
        self._check()
        self.pixel_scale: Any = np.asarray(1 / 255, self.dtype)[()]
        self._optimizer = make_optimizer(OptimizerSettings())

    def _check(self) -> None:
        """Raise NetworkError unless the object does on blank images what it is to do."""
        lacks = [what for what in ("parameters", "forward", "gradients") if not hasattr(self.network, what)]
        if lacks:
            raise NetworkError(
                f"{self.name} lacks {', '.join(lacks)}: a network in NumPy offers parameters, forward(x) and "
                "gradients(x, targets)"
            )
        parameters = self.network.parameters
        if not isinstance(parameters, Mapping) or not parameters:
            raise NetworkError(f"{self.name}.parameters must be arrays by name, found {_found(parameters)}")
        for what, array in parameters.items():
            if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
                raise NetworkError(
                    f"{self.name}.parameters['{what}'] must be an array of float32 or float64, found {_found(array)}"
                )
        self.dtype = np.result_type(*(array.dtype for array in parameters.values()))
        size = sum(array.size for array in parameters.values())
        check_parameters(size, self.name, self.image_shape, self.n_classes)
        blank = self._shaped(np.zeros((2, *self.image_shape), self.dtype))
        logits = self.logits(blank)
        if logits.shape != (2, self.n_classes):
            raise NetworkError(
                f"{self.name}.forward must give logits of shape (2, {self.n_classes}) for x of shape {blank.shape}, "
                f"found {logits.shape}"
            )
        self._user_gradients(blank, np.zeros(2, np.int64))

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

    @property
    def parameters(self) -> Mapping[str, NDArray[Any]]:
        """The object's own arrays by name."""
        return self.network.parameters

    def __repr__(self) -> str:
        return f"NumpyNetwork({self.name}, {sum(array.size for array in self.parameters.values()):,} parameters)"

    def description(self) -> dict[str, Any]:
        """Return the settings that build such a network again."""
        sizes = {"network": self.name, "image_shape": list(self.image_shape), "n_classes": self.n_classes}
        return {**sizes, **self._options}

    # --- what the object computes ------------------------------------------------------------------------------

    def inputs(self, images: NDArray[np.uint8]) -> Array:
        """Return x of images: pixels in 0..1, (N, D), or (N, H, W, C) where the class takes images."""
        return self._shaped(images * self.pixel_scale)

    def _on_features(self, features: NDArray[np.floating[Any]]) -> Array:
        """Return x of rows of numbers that stand in the place of scaled pixels."""
        return self._shaped(np.asarray(features, self.dtype).reshape(-1, *self.image_shape))

    def _shaped(self, pixels: Array) -> Array:
        return pixels if self.takes_images else pixels.reshape(len(pixels), -1)

    def logits(self, x: Array) -> Array:
        """Return the object's own logits (N, K) for x as `inputs` gives it."""
        logits: Any = self._theirs(lambda: self.network.forward(x))
        if not isinstance(logits, np.ndarray) or logits.ndim != 2 or logits.dtype.kind != "f":
            raise NetworkError(f"{self.name}.forward must return logits, floats (N, K), found {_found(logits)}")
        return logits

    def named_gradients(self, x: Array, labels: NDArray[np.int64]) -> tuple[float, dict[str, Array]]:
        """Return the object's own loss, and copies of its gradients, one for each parameter, in whatever shapes."""
        given: Any = self._theirs(lambda: self.network.gradients(x, labels))
        if not isinstance(given, tuple) or len(given) != 2 or not isinstance(given[1], Mapping):
            raise NetworkError(
                f"{self.name}.gradients must return the loss and gradients by name, found {_found(given)}"
            )
        loss, gradients = given
        if np.ndim(loss) != 0:
            raise NetworkError(f"{self.name}.gradients must return one loss, the batch's mean, found {_found(loss)}")
        if np.asarray(loss).dtype.kind not in "fiub":
            raise NetworkError(f"{self.name}.gradients must return a number as the loss, found {_found(loss)}")
        wrong = sorted(set(self.parameters) ^ set(gradients), key=str)
        if wrong:
            raise NetworkError(
                f"{self.name}.gradients must return a gradient for each of {', '.join(self.parameters)}; "
                f"{wrong[0]} is {'missing' if wrong[0] in self.parameters else 'no parameter'}"
            )
        try:
            arrays = {what: np.array(gradients[what]) for what in self.parameters}
        except ValueError as error:  # rows of different lengths
            raise NetworkError(f"{self.name}.gradients must return arrays by name ({error})") from None
        for what, array in arrays.items():
            if array.dtype.kind not in "fiub":
                raise NetworkError(f"{self.name}.gradients must return numbers for '{what}', found {_found(array)}")
        return float(loss), arrays

    def _user_gradients(self, x: Array, labels: NDArray[np.int64]) -> tuple[float, dict[str, Array]]:
        loss, gradients = self.named_gradients(x, labels)
        for what, array in self.parameters.items():
            if gradients[what].shape != array.shape:
                raise NetworkError(
                    f"{self.name}.gradients must return '{what}' of shape {array.shape}, that of the parameter, "
                    f"found {gradients[what].shape}: 'inkling gradcheck' says what is likely wrong"
                )
        return loss, {what: gradients[what].astype(array.dtype) for what, array in self.parameters.items()}

    def called(self, method: str, *values: Any) -> Any:
        """Return what a further method of the object gives, as `jacobians`."""
        return self._theirs(lambda: getattr(self.network, method)(*values))

    def _theirs(self, call: Callable[[], Result]) -> Result:
        """Return what the object computes; what it raises becomes a NetworkError with the line at fault."""
        try:
            with self._lock:
                return call()
        except Exception as error:  # code of a person's own can fail in any way
            raise NetworkError(fault(error, file_of(type(self.network)))) from error

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K), for uint8 images (N, H, W, C)."""
        check_images(self, images)
        return self._proba(images, self.inputs)

    def proba_on_features(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return p, float32 (N, K), for rows of numbers (N, H * W * C) in the place of scaled pixels."""
        return self._proba(features, self._on_features)

    def _proba(self, inputs: NDArray[Any], prepared: Callable[[NDArray[Any]], Array]) -> NDArray[np.float32]:
        probabilities = np.empty((len(inputs), self.n_classes), np.float32)
        for start in range(0, len(inputs), _PREDICTION_BATCH):
            part = slice(start, start + _PREDICTION_BATCH)
            probabilities[part] = softmax(self.logits(prepared(inputs[part])))
        return probabilities

    # --- learning ----------------------------------------------------------------------------------------------

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule; its memory is cleared.

        Raises
        ------
        NetworkError
            If the precision is not float32: such a network computes in the dtype of its arrays.
        """
        if precision != FLOAT32:
            raise NetworkError(f"a network in NumPy computes in its own dtype, found precision {precision}")
        self._optimizer = make_optimizer(optimizer)

    def gradients(
        self, images: NDArray[np.uint8], targets: Targets, weights: NDArray[np.floating[Any]] | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the mean loss of a batch and its gradient for each parameter, as `Perceptron.gradients` does."""
        check_batch(self, images, targets, weights)
        return self._gradients(self.inputs(images), targets, weights)

    def _gradients(
        self, x: Array, targets: Targets, weights: NDArray[np.floating[Any]] | None
    ) -> tuple[float, dict[str, Array]]:
        n = len(targets)
        if weights is None and targets.ndim == 1:
            return self._user_gradients(x, np.asarray(targets, np.int64))
        loss, total = 0.0, {what: np.zeros_like(array) for what, array in self.parameters.items()}
        for rows, labels, weight in _calls(targets, weights):
            part, gradients = self._user_gradients(x[rows], labels)
            share = weight * len(rows) / n
            loss += share * part
            for what, gradient in gradients.items():
                total[what] += gradient.dtype.type(share) * gradient
        return loss, total

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
        loss, gradients = self.gradients(images, targets, weights)
        self._optimizer.update(self.parameters, gradients, learning_rate)
        return loss

    def step_on_features(
        self,
        features: NDArray[np.floating[Any]],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step on rows of numbers (N, H * W * C) in the place of scaled pixels."""
        loss, gradients = self._gradients(self._on_features(features), targets, weights)
        self._optimizer.update(self.parameters, gradients, learning_rate)
        return loss

    # --- looking inside ----------------------------------------------------------------------------------------

    def layers(self) -> tuple[Layer, ...]:
        """Return scale, the whole class as one layer, and softmax."""
        size = sum(array.size for array in self.parameters.values())
        kind = type(self.network).__name__
        return (
            Layer("scale", "pixels / 255", self.image_shape, 0, 0),
            Layer("custom", kind, (self.n_classes,), size, 0),
            Layer("softmax", "softmax", (self.n_classes,), 0, 0),
        )

    def first_layer(self) -> Array | None:
        """Return the first matrix with a row or a column for every pixel as images, (units, H, W, C), or None."""
        inputs = int(np.prod(self.image_shape))
        for array in self.parameters.values():
            if array.ndim == 2 and inputs in array.shape:
                units = array.T if array.shape[0] == inputs else array
                return units.reshape(-1, *self.image_shape).copy()
        return None

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, Array]]:
        """Return nothing: what the class computes on the way is not known."""
        check_images(self, image[np.newaxis])
        return []

    def hidden_layer(self, images: NDArray[np.uint8]) -> None:
        """Return None: what the class computes on the way is not known."""
        check_images(self, images)

    def logit_gradients(self, pixels: NDArray[np.floating[Any]], targets: NDArray[np.int64]) -> Array:
        """Return how each pixel moves its target's logit, d logit[n, targets[n]] / d pixels[n], (N, H, W, C).

        Raises
        ------
        NetworkError
            If images hold more than 4,096 numbers, and the class has no `logit_gradients` of its own.
        """
        pixels = np.asarray(pixels, np.float64)
        own = getattr(self.network, "logit_gradients", None)
        if own is not None:
            return np.asarray(self._theirs(lambda: own(self._shaped(pixels), targets))).reshape(pixels.shape)
        size = int(np.prod(self.image_shape))
        if size > _MOST_NUDGED:
            raise NetworkError(
                f"images of {size:,} numbers are too many to find by differences how each moves the logits of "
                f"{self.name}: give it logit_gradients(x, targets), which returns an array like x"
            )
        gradients = np.empty((len(pixels), size))
        nudges = np.eye(size).reshape(size, *self.image_shape) * _NUDGE
        for place, (image, target) in enumerate(zip(pixels, targets, strict=True)):
            above, below = (self.logits(self._shaped(image + sign * nudges))[:, target] for sign in (1, -1))
            gradients[place] = (above.astype(np.float64) - below) / (2 * _NUDGE)
        return gradients.reshape(pixels.shape)

    # --- state -------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return copies of the parameters, the pixel scale, and the optimiser's memory."""
        arrays: State = {name: array.copy() for name, array in self.parameters.items()}
        arrays["pixel_scale"] = np.asarray([self.pixel_scale])
        return arrays | {OPTIMIZER + name: array for name, array in self._optimizer.state().items()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over parameters, pixel scale and, where present, the optimiser's memory.

        Raises
        ------
        NetworkError
            If a name is missing or unknown, a shape or dtype does not fit, or a number is not finite.
        """
        expected: State = {**self.parameters, "pixel_scale": np.asarray([self.pixel_scale])}
        memory = {OPTIMIZER + name: array for name, array in self._optimizer.shapes(self.parameters).items()}
        check_state(state, expected, memory)
        for name, array in self.parameters.items():
            array[...] = state[name]
        self.pixel_scale = state["pixel_scale"][0]
        self._optimizer.load_state(
            {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name.startswith(OPTIMIZER)}
        )

    def __getstate__(self) -> dict[str, Any]:
        """What copies are made of: a lock cannot be copied."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())


def _calls(
    targets: Targets, weights: NDArray[np.floating[Any]] | None
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64], float]]:
    """Yield rows with one label each and one weight for all, which add up to what targets and weights ask for."""
    of_images = np.ones(len(targets)) if weights is None else np.asarray(weights, np.float64)
    if targets.ndim == 1:
        parts = [(of_images, np.asarray(targets, np.int64))]
    else:
        parts = [(of_images * share, np.full(len(targets), k)) for k, share in enumerate(targets.T)]
    calls = [
        (given == weight, labels, float(weight)) for given, labels in parts for weight in np.unique(given) if weight
    ]
    if len(calls) > _MOST_CALLS:
        raise NetworkError(
            "a network in NumPy is given labels, and probabilities as targets would take a call for each image and "
            "class: choose a recipe without a teacher"
        )
    for chosen, labels, weight in calls:
        yield np.flatnonzero(chosen), labels[chosen], weight


def _found(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__
