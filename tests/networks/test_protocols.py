"""Who can do what: every built-in network all of it, combinations of networks predict only."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.images.augment import Augmentation
from inkling.networks import test_time_augmentation
from inkling.networks.catalogue import CATALOGUE, NETWORKS, build_network
from inkling.networks.ensemble import Ensemble
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Classifier, Differentiable, HiddenLayer, Inspectable, Network, Trainable

SHAPE = (9, 8, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_built_in_networks_have_every_ability(name: str) -> None:
    if CATALOGUE[name].needs_torch:
        pytest.importorskip("torch")
    network = build_network(name, SHAPE, 4, device="cpu")
    assert all(isinstance(network, ability) for ability in (Trainable, Differentiable, Inspectable, Network))
    assert network.device == "cpu"
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    gradients = network.logit_gradients(images / np.float32(255), np.array([0, 1, 3]))
    assert (gradients.shape, gradients.dtype) == (images.shape, np.float32)
    hidden = network.hidden_layer(images)
    assert isinstance(hidden, HiddenLayer) == (name == "perceptron")
    maps = network.feature_maps(images[0])
    assert [layer.output_shape for layer, _ in maps] == [array.shape for _, array in maps]
    assert bool(maps) == (name != "perceptron")
    assert network.layers()[-1].output_shape == (4,)


# Those of pretrained networks, which take seconds an image, are compared with differences in test_pretrained.py.
@pytest.mark.parametrize("name", [name for name in NETWORKS if not CATALOGUE[name].pretrained])
def test_gradients_of_a_logit_add_up_to_its_change(name: str) -> None:
    if CATALOGUE[name].needs_torch:
        pytest.importorskip("torch")
    network = build_network(name, SHAPE, 4, seed=3, device="cpu")
    images = np.zeros((2, *SHAPE), np.uint8)  # from black to noise
    images[1] = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    # Of differences of two logits, which the probabilities tell without their common constant.
    logs = np.log(network.predict_proba(images).astype(np.float64))
    odds = logs[:, 2] - logs[:, 1]
    steps = 400
    path = images[1] / np.float32(255) * ((np.arange(steps, dtype=np.float32) + 0.5) / steps)[:, None, None, None]
    slopes = network.logit_gradients(path, np.full(steps, 2)) - network.logit_gradients(path, np.full(steps, 1))
    change = float((slopes.mean(axis=0, dtype=np.float64) * images[1] / 255).sum())
    assert change == pytest.approx(odds[1] - odds[0], rel=0.01)
    assert abs(change) > 1e-3


def test_combinations_predict_and_do_no_more() -> None:
    member = Perceptron(SHAPE, 4, hidden=3)
    for combination in (
        Ensemble([member]),
        test_time_augmentation.TestTimeAugmentation(member, Augmentation(shift=1.0)),
    ):
        assert isinstance(combination, Classifier)
        assert not any(isinstance(combination, ability) for ability in (Trainable, Differentiable, Inspectable))
