"""A network that is given features in the place of images: those of a pretrained backbone, or plain numbers."""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from inkling.networks.protocols import FeatureTrainable, Targets


class OnFeatures:
    """A network from its features (N, D) on, which it takes in the place of images; weights and state are its own.

    Parameters
    ----------
    network : FeatureTrainable
    """

    def __init__(self, network: FeatureTrainable) -> None:
        self._network = network
        self.configure, self.state, self.load_state = network.configure, network.state, network.load_state
        self.description = network.description

    def predict_proba(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (N, K)."""
        return self._network.proba_on_features(images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images that the features are of."""
        return self._network.image_shape

    @property
    def n_classes(self) -> int:
        """K."""
        return self._network.n_classes

    @property
    def device(self) -> str:
        """Where it computes."""
        return self._network.device

    def train_step(
        self,
        images: NDArray[Any],
        targets: Targets,
        learning_rate: float,
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> SupportsFloat:
        """Take one step on features (N, D)."""
        return self._network.step_on_features(images, targets, learning_rate, weights)
