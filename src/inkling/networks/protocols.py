"""What every network offers, whatever computes it: the only face of a network that the training loop knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.numpy.optimizers import OptimizerSettings

State = dict[str, NDArray[Any]]
"""Named arrays. Names that start with `OPTIMIZER` are the optimiser's; all others make the network what it is."""

OPTIMIZER = "optimizer."

Targets = NDArray[Any]
"""What images shall be called: labels, int64 (N,), or a probability for every class, float (N, K)."""

FLOAT32, BFLOAT16 = "float32", "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)
"""Arithmetic of training steps. Predictions are always computed in float32."""


DEVICES = ("auto", "cpu", "cuda")
"""Where a network computes; "auto" is a GPU where there is one that it can use."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network, for one image."""

    kind: str  # "convolution", "batch normalisation", "relu", "max-pool", "mean-pool", "dropout", "dense", …
    detail: str  # the same with its sizes, in words
    output_shape: tuple[int, ...]  # (H, W, C) of a picture, (N,) of a vector
    parameters: int  # numbers that are trained
    multiply_adds: int  # multiplications with a weight, each with its addition
    around: int = 0  # of a residual sum: how many of the layers before it its second summand leaves out


class Classifier(Protocol):
    """What tells images apart: a network, or several of them.

    Images go in as uint8 (N, H, W, C). Scaling is the network's own first operation and is kept with its weights.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images it takes."""
        ...

    @property
    def n_classes(self) -> int:
        """K, the number of classes it tells apart."""
        ...

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        ...


class Trainable(Classifier, Protocol):
    """A classifier that learns in steps: all that training, checkpoints and run folders need of a network."""

    def configure(self, optimizer: OptimizerSettings, precision: str = FLOAT32) -> None:
        """Choose the update rule and the arithmetic of training steps; the optimiser's memory is cleared."""
        ...

    def train_step(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step on a mini-batch and return its mean loss before the step.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        targets : ndarray
            Labels, int64 of shape (N,), or probabilities of the classes, float of shape (N, K).
        learning_rate : float
        weights : ndarray of float, shape (N,), optional
            How much each image counts; 1 is the default.
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


class Inspectable(Protocol):
    """What can be looked into: its layers, first weights and feature maps."""

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers from first to last."""
        ...

    def first_layer(self) -> NDArray[np.floating[Any]] | None:
        """Return the weights of each unit or filter of the first layer as a picture, (units, h, w, C), if they are."""
        ...


class Network(Trainable, Inspectable, Protocol):
    """What the catalogue builds: it predicts, trains, and can be looked into."""


def weights_only(state: Mapping[str, NDArray[Any]]) -> State:
    """Return the arrays that are not the optimiser's."""
    return {name: array for name, array in state.items() if not name.startswith(OPTIMIZER)}


def check_device(name: str) -> None:
    """Raise NetworkError unless a device is called that."""
    if name not in DEVICES:
        raise NetworkError(f"a device is one of {', '.join(DEVICES)}, found '{name}'")


def check_images(network: Classifier, images: NDArray[np.uint8]) -> None:
    """Raise NetworkError unless the network takes such images."""
    if images.dtype != np.uint8 or images.shape[1:] != network.image_shape:
        raise NetworkError(
            f"this network takes uint8 images of shape {network.image_shape}, "
            f"found {images.dtype} of shape {images.shape[1:]}"
        )


def check_state(state: Mapping[str, NDArray[Any]], own: Mapping[str, NDArray[Any]], memory: Mapping[str, Any]) -> None:
    """Raise NetworkError unless arrays are what a network can take over.

    Parameters
    ----------
    state : mapping of str to ndarray
        What is to be loaded.
    own : mapping of str to ndarray
        All that must be there, in the right shapes and dtypes.
    memory : mapping of str to ndarray
        The optimiser's, which may be there, likewise.
    """
    for name, array in state.items():
        like = own.get(name, memory.get(name))
        if like is None:
            raise NetworkError(f"weights hold an array '{name}' that this network does not have")
        if array.shape != like.shape or array.dtype != like.dtype:
            raise NetworkError(
                f"weights '{name}' must be {like.dtype} of shape {like.shape}, found {array.dtype} of {array.shape}"
            )
        if not np.isfinite(array).all():
            raise NetworkError(f"weights '{name}' hold numbers that are not finite: the file is damaged")
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise NetworkError(f"weights lack {', '.join(missing)}")
