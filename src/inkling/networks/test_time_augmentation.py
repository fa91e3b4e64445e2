"""Test-time augmentation: predictions averaged over slightly changed variants of each image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkling.images.augment import Augmentation, variants
from inkling.networks.protocols import Classifier


class TestTimeAugmentation:
    """The mean of a classifier's probabilities over `images.augment.variants` of each image.

    Variants are changed by half of what training changed at most: the network has seen many like them, and they differ
    enough for their errors to differ. (Krizhevsky, Sutskever and Hinton, 2012, averaged over ten crops.)

    Parameters
    ----------
    classifier : Classifier
    amounts : Augmentation
        What the classifier was trained with.
    """

    def __init__(self, classifier: Classifier, amounts: Augmentation) -> None:
        self.classifier, self.amounts = classifier, amounts
        self.image_shape, self.n_classes = classifier.image_shape, classifier.n_classes

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the mean probability of each class, float32 of shape (N, K)."""
        predictions = np.stack([self.classifier.predict_proba(variant) for variant in variants(images, self.amounts)])
        mean: NDArray[np.float32] = predictions.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean
