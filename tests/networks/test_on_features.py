"""Networks that are given features in the place of images: the same numbers lead to the same steps."""

from __future__ import annotations

import copy
import importlib.util
import pickle

import numpy as np
import pytest

from inkling import OptimizerSettings, build_network
from inkling.networks.on_features import OnFeatures
from inkling.networks.protocols import FeatureTrainable, Trainable

NAMES = ["perceptron", *(["small-cnn"] if importlib.util.find_spec("torch") else [])]


@pytest.mark.parametrize("name", NAMES)
def test_pixels_as_features_are_learnt_as_images_are(name: str) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (30, 8, 8, 1), np.uint8), rng.integers(0, 3, 30)
    weights = rng.random(30)
    network = build_network(name, (8, 8, 1), 3, device="cpu")
    assert isinstance(network, FeatureTrainable)
    network.configure(OptimizerSettings(momentum=0.9))
    on_features = OnFeatures(copy.deepcopy(network))
    assert isinstance(on_features, Trainable)
    assert (on_features.image_shape, on_features.n_classes, on_features.device) == ((8, 8, 1), 3, "cpu")
    assert on_features.description() == network.description()
    pixels = images.reshape(30, -1).astype(np.float32) * np.float32(1 / 255)
    for _ in range(3):
        loss = float(network.train_step(images, labels, 0.1, weights))
        assert float(on_features.train_step(pixels, labels, 0.1, weights)) == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(on_features.predict_proba(pixels), network.predict_proba(images), atol=1e-5)
    for array_name, array in network.state().items():
        np.testing.assert_allclose(on_features.state()[array_name], array, atol=1e-5)


def test_a_pickled_perceptron_has_no_memory_of_its_batches() -> None:
    network = build_network("perceptron", (28, 28, 1), 10)
    before = len(pickle.dumps(network))
    network.train_step(np.zeros((256, 28, 28, 1), np.uint8), np.zeros(256, np.int64), 0.1)
    assert len(pickle.dumps(network)) == before
    network.train_step(np.zeros((256, 28, 28, 1), np.uint8), np.zeros(256, np.int64), 0.1)
