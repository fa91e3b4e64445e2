"""An ensemble: several classifiers whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.protocols import Classifier


class Ensemble:
    """The mean of the probabilities of several classifiers.

    Parameters
    ----------
    members : sequence of Classifier
        One or more, of the same image shape and number of classes.

    Raises
    ------
    NetworkError
        If there is none, or they do not fit together.
    """

    def __init__(self, members: Sequence[Classifier]) -> None:
        shapes = {(member.image_shape, member.n_classes) for member in members}
        if len(shapes) != 1:
            kinds = " and ".join(f"{n} classes of images {shape}" for shape, n in sorted(shapes)) or "none"
            raise NetworkError(f"an ensemble needs networks of one image shape and number of classes, found {kinds}")
        self.members = tuple(members)
        (self.image_shape, self.n_classes), = shapes  # fmt: skip

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the mean probability of each class, float32 of shape (N, K)."""
        total = np.zeros((len(images), self.n_classes), np.float64)
        for member in self.members:
            total += member.predict_proba(images)
        mean: NDArray[np.float32] = (total / len(self.members)).astype(np.float32)
        return mean
