"""What a network can do, as protocols: every other package asks for an ability and never for a class.

    Classifier            predicts
    ├── Trainable         learns in steps, and its arrays are saved and loaded
    ├── Differentiable    says how its logits move with the pixels
    ├── Inspectable       shows its layers, first weights, feature maps and hidden units
    ├── FeatureExtractor  makes features of images that are kept
    ├── FeatureTrainable  learns from what its first operation makes of images, where that is given in their place
    ├── Preparable        makes itself ready for its training images before the first epoch
    └── Portable          says how it computes, for programs without Inkling

A `Network`, which is what the catalogue builds, has all of these abilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inkling.images.progress import Progress
from inkling.networks.numpy.optimizers import OptimizerSettings

State = dict[str, NDArray[Any]]
"""Named arrays. Names that start with `OPTIMIZER` are the optimiser's; all others make the network what it is."""

OPTIMIZER = "optimizer."

Targets = NDArray[Any]
"""What images shall be predicted as: labels, integers (N,), or a probability of every class, float (N, K)."""

FLOAT32, BFLOAT16 = "float32", "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)
"""Arithmetic of training steps. Predictions are always computed in float32."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network, for one image."""

    kind: str  # "convolution", "batch normalisation", "relu", "max-pool", "mean-pool", "dropout", "dense", …
    detail: str  # the same with its sizes, in words
    output_shape: tuple[int, ...]  # (H, W, C) of an image, (N,) of a vector
    parameters: int  # numbers that are trained
    multiply_adds: int  # multiplications with a weight, each with its addition
    around: int = 0  # of a residual sum: how many of the layers before it its second summand leaves out


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """The last hidden layer of a network whose logits are activations @ weights + bias."""

    activations: NDArray[np.floating[Any]]  # (N, H)
    weights: NDArray[np.floating[Any]]  # (H, K) from the hidden units to the logits
    bias: NDArray[np.floating[Any]]  # (K,) of the logits


@runtime_checkable
class Classifier(Protocol):
    """What predicts the classes of images: a network, or several of them.

    Images go in as uint8 (N, H, W, C). Scaling is the network's own first operation and is kept with its weights.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images it takes."""
        ...

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        ...

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        ...


@runtime_checkable
class Trainable(Classifier, Protocol):
    """A classifier that learns in steps: all that training, checkpoints and run folders need of a network."""

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda:0", "mps"."""
        ...

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule and the arithmetic of training steps; the optimiser's memory is cleared."""
        ...

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on a mini-batch and return its mean loss before the step.

        The loss is a float where that costs nothing, and otherwise a value that `float` takes: a GPU computes on while
        its last loss is not asked for, so a loop that calls `float` once an epoch never waits for a step.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        targets : ndarray
            Labels, integers of shape (N,) in 0..K-1, or probabilities of the classes, float of shape (N, K), whose
            rows sum to 1.
        learning_rate : float
        weights : ndarray of float, shape (N,), optional
            How much each image counts, 0 or more; 1 is the default.

        Raises
        ------
        NetworkError
            If images, targets or weights are not as said, or there is no image.
        """
        ...

    def state(self) -> State:
        """Return copies of all named arrays: weights, and the optimiser's under `OPTIMIZER`."""
        ...

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over named arrays; raises NetworkError if names, shapes or dtypes do not fit."""
        ...

    def description(self) -> dict[str, Any]:
        """Return what `networks.catalogue.build_network` needs to make such a network again, as JSON values."""
        ...


@runtime_checkable
class Differentiable(Classifier, Protocol):
    """A classifier whose logits have gradients for the pixels: all that attribution maps need."""

    def logit_gradients(
        self, pixels: NDArray[np.floating[Any]], targets: NDArray[np.int64]
    ) -> NDArray[np.floating[Any]]:
        """Return how each pixel moves the logit of one class: d logit[n, targets[n]] / d pixels[n].

        Parameters
        ----------
        pixels : ndarray of float, shape (N, H, W, C)
            0..1, as uint8 images are after the network's own scaling.
        targets : ndarray of int64, shape (N,)
            The class whose logit is meant, one per image.

        Returns
        -------
        ndarray of float, shape (N, H, W, C)
            Logits per unit of pixel, where 1 is the way from black to white.
        """
        ...


@runtime_checkable
class Inspectable(Classifier, Protocol):
    """A classifier that can be looked into."""

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers from first to last."""
        ...

    def first_layer(self) -> NDArray[np.floating[Any]] | None:
        """Return the weights of each unit or filter of the first layer as an image, (units, h, w, C), or None."""
        ...

    def feature_maps(self, image: NDArray[np.uint8]) -> list[tuple[Layer, NDArray[np.floating[Any]]]]:
        """Return what each layer makes of one image (H, W, C), where that is an image (h, w, channels) itself."""
        ...

    def hidden_layer(self, images: NDArray[np.uint8]) -> HiddenLayer | None:
        """Return the one hidden layer behind the logits for images (N, H, W, C), N from 0; None for deeper networks."""
        ...


@runtime_checkable
class FeatureExtractor(Classifier, Protocol):
    """A classifier whose first part, a backbone, makes features of images, computed once an image."""

    def features(self, images: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.float32]:
        """Return features (N, D) of images (N, H, W, C); `progress` is called with (images done, to compute)."""
        ...


@runtime_checkable
class FeatureTrainable(Trainable, Protocol):
    """A trainable classifier that takes features, numbers of any kind, where its first operation makes its own.

    Of a network that starts from pixels they are pixels, 0..1 as its own scaling makes them, or whatever numbers are to
    stand in their place; of a pretrained network they are those of its backbone, standardised.
    """

    def step_on_features(
        self,
        features: NDArray[np.floating[Any]],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on a mini-batch of features, float (N, D); else as `train_step`."""
        ...

    def proba_on_features(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K), for features, float (N, D)."""
        ...


@runtime_checkable
class Preparable(Classifier, Protocol):
    """A classifier that makes itself ready for its training images before the first epoch."""

    def prepare(
        self, images: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64], progress: Progress
    ) -> tuple[Trainable, list[NDArray[np.float32]]] | None:
        """Make ready to learn from the first of several sets of images, whose labels (N,) these are.

        Where the first part of the network, a backbone, stays as it is while the rest learns, return that rest, and
        for each set what it takes in the place of the images, (N, D), so that it is computed once. The rest shares its
        weights with the network, and its state is the network's. Else return None. `progress` is called with (images
        done, images in all).
        """
        ...


@runtime_checkable
class Portable(Classifier, Protocol):
    """A classifier that says how it computes, for programs without Inkling."""

    @property
    def parity_tolerance(self) -> float:
        """By which a probability may move when the same is computed by another program, which rounds elsewhere."""
        ...

    def onnx_model(self, opset: int) -> Any:
        """Return an `onnx.ModelProto`: "images", uint8 (N, H, W, C) -> "probabilities", float32 (N, K), for any N.

        Raises
        ------
        NetworkError
            If ONNX cannot express it.
        ModuleNotFoundError
            If a library that writes ONNX is not installed.
        """
        ...

    def torch_function(self) -> tuple[str, State]:
        """Return the body of a Python function that needs PyTorch alone, and the arrays that it looks up.

        Of `w`, a mapping to these arrays as tensors, and `images`, a uint8 tensor (N, H, W, C), it returns
        probabilities, float32 (N, K). It is indented by four spaces and may use torch, device, inf and nan.

        Raises
        ------
        NetworkError
            If PyTorch's exporter cannot follow it.
        """
        ...


@runtime_checkable
class Network(Trainable, Differentiable, Inspectable, Protocol):
    """What the catalogue builds."""


def weights_only(state: Mapping[str, NDArray[Any]]) -> State:
    """Return the arrays that are not the optimiser's."""
    return {name: array for name, array in state.items() if not name.startswith(OPTIMIZER)}
