"""What a network sees in images, beside pixels and answers: features that tell one set of images from another.

A perceptron's hidden layer is left out: it told fewer altered images of MNIST apart than the pixels alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.shift import plain_features
from inkling.networks.prediction import predict_in_parts
from inkling.networks.protocols import Classifier, FeatureExtractor, Inspectable


def sees_features(network: Classifier) -> bool:
    """Whether a network has features of its own: a pretrained backbone, or layers that give feature maps."""
    if isinstance(network, FeatureExtractor):
        return True
    if not isinstance(network, Inspectable):
        return False
    return bool(network.feature_maps(np.zeros(network.image_shape, np.uint8)))


def network_features(
    network: Classifier, images: NDArray[np.uint8], answers: NDArray[np.floating[Any]] | None = None
) -> NDArray[np.float64]:
    """Return the plain features of images, the network's answers included, and what the network sees in them.

    That is the features of its backbone, or else the mean of each channel of each layer that gives a feature map.
    Of 30 draws of 100 images of MNIST turned by 8 degrees against 100 others, plain features and answers of a small CNN
    told 70% apart and with its feature maps 100%, blurred ones 100% and 100%, strokes made thicker 53% and 93%; of
    photos of flowers, turned, blurred or shifted, 5 to 10% and with the features of a pretrained backbone 100%.

    Parameters
    ----------
    network : Classifier
    images : ndarray of uint8, shape (N, H, W, C)
    answers : ndarray of float, shape (N, K), optional
        What the network predicts for them, where it is known already.

    Returns
    -------
    ndarray of float64, shape (N, D)
    """
    plain = plain_features(images, predict_in_parts(network, images) if answers is None else answers)
    if isinstance(network, FeatureExtractor):
        return np.concatenate([plain, network.features(images)], axis=1)
    if not sees_features(network) or not isinstance(network, Inspectable):
        return plain
    means = [np.concatenate([maps.mean(axis=(0, 1)) for _, maps in network.feature_maps(image)]) for image in images]
    return np.concatenate([plain, np.stack(means)], axis=1)
