"""What every network offers, whatever computes it: the only face of a network that the training loop knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inkling.networks.optimizers import OptimizerSettings

State = dict[str, NDArray[Any]]
"""Named arrays. Names that start with `OPTIMIZER` are the optimiser's; all others make the network what it is."""

OPTIMIZER = "optimizer."


@runtime_checkable
class Network(Protocol):
    """A classifier of uint8 images that learns in steps.

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

    def configure(self, optimizer: OptimizerSettings) -> None:
        """Choose the update rule; the optimiser's memory is cleared."""
        ...

    def train_step(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> float:
        """Take one step on a mini-batch and return its mean loss before the step.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        labels : ndarray of int64, shape (N,)
        learning_rate : float
        weights : ndarray of float, shape (N,), optional
            How much each image counts; 1 is the default.
        """
        ...

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        ...

    def state(self) -> State:
        """Return copies of all named arrays: weights, and the optimiser's under `OPTIMIZER`."""
        ...

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over named arrays; raises NetworkError if names, shapes or dtypes do not fit."""
        ...

    def description(self) -> dict[str, Any]:
        """Return what `networks.catalogue.build` needs to make such a network again, as JSON values."""
        ...


def weights_only(state: Mapping[str, NDArray[Any]]) -> State:
    """Return the arrays that are not the optimiser's."""
    return {name: array for name, array in state.items() if not name.startswith(OPTIMIZER)}
