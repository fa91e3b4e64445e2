"""Attribution maps whose right answer is known, against an independent engine, and better than random."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkling.diagnosis.attribution.maps import METHODS, attribute
from inkling.diagnosis.deletion import STATED, deletion_test
from inkling.errors import NetworkError
from inkling.images.dataset import Splits
from inkling.images.sources.digits import load_digits
from inkling.networks.catalogue import build_network
from inkling.networks.ensemble import Ensemble
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe


@cache
def digits() -> Splits:
    return load_digits()


@cache
def trained(name: str) -> Network:
    """A network with a short training on the bundled digits."""
    splits = digits()
    network = build_network(name, splits.train.image_shape, splits.train.n_classes, seed=0)
    for _ in train(network, splits, recipe("reference", name, epochs=60 if name == "perceptron" else 12)):
        pass
    return network


def logit(network: Perceptron, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
    _, logits = network.forward(network.inputs(images))
    return logits[np.arange(len(images)), targets]


def test_the_gradient_of_a_logit_agrees_with_central_differences() -> None:
    network = Perceptron((3, 4, 1), 5, hidden=7, dtype=np.float64)
    rng = np.random.default_rng(0)
    x, targets = rng.random((2, 12)), np.array([1, 4])
    found = network.logit_gradients(x.reshape(2, 3, 4, 1), targets).reshape(2, 12)
    for d in range(12):
        step = np.zeros(12)
        step[d] = 1e-6
        difference = (network.forward(x + step)[1] - network.forward(x - step)[1]) / 2e-6
        np.testing.assert_allclose(found[:, d], difference[[0, 1], targets], rtol=1e-7, atol=1e-9)


def test_integrated_gradients_sum_to_the_difference_from_black() -> None:
    network, images = trained("perceptron"), digits().test.images[:40]
    assert isinstance(network, Perceptron)
    targets = np.arange(40) % 10
    maps = attribute(network, images, targets)
    assert (maps.shape, maps.dtype) == ((40, 8, 8), np.float32)
    difference = logit(network, images, targets) - logit(network, np.zeros_like(images), targets)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), difference, rtol=1e-3, atol=1e-3)


def captum_maps(
    network: Network, images: NDArray[np.uint8], targets: NDArray[np.int64], method: str
) -> NDArray[np.floating[Any]]:
    """The same maps by an engine that shares no line with ours."""
    torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    from inkling.networks.torch.network import TorchNetwork

    assert isinstance(network, TorchNetwork)
    network.module.eval()
    inputs = (torch.tensor(images).permute(0, 3, 1, 2) / 255).requires_grad_()
    engine, options = {
        "integrated-gradients": (attr.IntegratedGradients, {"n_steps": 32, "method": "gausslegendre"}),
        "input-x-gradient": (attr.InputXGradient, {}),
        "saliency": (attr.Saliency, {"abs": True}),
    }[method]
    maps: NDArray[np.floating[Any]] = (
        engine(network.module).attribute(inputs, target=targets.tolist(), **options).detach().sum(dim=1).numpy()
    )
    return maps


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_convolutional_network_agree_with_captums(method: str) -> None:
    pytest.importorskip("captum")
    images, targets = digits().test.images[:30], np.arange(30) % 10
    maps = attribute(trained("small-cnn"), images, targets, method)
    expected = captum_maps(trained("small-cnn"), images, targets, method)
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert maps.min() >= 0 if method == "saliency" else maps.min() < 0 < maps.max()


@pytest.mark.parametrize("method", METHODS)
def test_the_perceptrons_maps_agree_with_captums(method: str) -> None:
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("captum")
    from inkling.networks.torch.network import TorchNetwork

    ours = trained("perceptron")
    assert isinstance(ours, Perceptron)
    dense = [torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)]
    for layer, number in zip(dense, (1, 2), strict=True):
        layer.weight.data = torch.tensor(ours.parameters[f"W{number}"].T.copy())
        layer.bias.data = torch.tensor(ours.parameters[f"b{number}"][0].copy())
    module = torch.nn.Sequential(torch.nn.Flatten(), dense[0], torch.nn.Sigmoid(), dense[1])
    theirs = TorchNetwork(module, (8, 8, 1), 10, device="cpu")
    images, targets = digits().test.images[:30], np.arange(30) % 10
    found = attribute(ours, images, targets, method)
    np.testing.assert_allclose(found, captum_maps(theirs, images, targets, method), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found, attribute(theirs, images, targets, method), rtol=1e-3, atol=1e-4)
    assert found.min() >= 0 if method == "saliency" else found.min() < 0 < found.max()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_that_looks_at_one_pixel_has_its_whole_map_there(channels: int) -> None:
    network = Perceptron((3, 3, channels), 2, hidden=1)
    network.parameters["W1"][:] = 0
    network.parameters["W1"][4 * channels : 5 * channels] = 1
    network.parameters["W2"][:] = [[-2.0, 2.0]]
    images = np.full((2, 3, 3, channels), 200, np.uint8)
    for method in METHODS:
        maps = attribute(network, images, np.array([0, 1]), method)
        assert (np.abs(maps[:, 1, 1]) > 0.01).all()
        assert np.count_nonzero(maps) == 2
        assert maps[1, 1, 1] > 0
        assert method == "saliency" or maps[0, 1, 1] < 0


def test_maps_of_a_convolutional_network_leave_it_as_it_was() -> None:
    pytest.importorskip("torch")
    network, images = trained("small-cnn"), digits().test.images[:40]
    before, probabilities = network.state(), network.predict_proba(images)
    maps = attribute(network, images)
    np.testing.assert_array_equal(maps, attribute(network, images))
    np.testing.assert_allclose(maps[:7], attribute(network, images[:7]), rtol=1e-3, atol=1e-4)  # whatever the batch
    np.testing.assert_array_equal(network.predict_proba(images), probabilities)
    after = network.state()
    assert all(np.array_equal(after[name], before[name]) for name in before)
    np.testing.assert_array_equal(maps, attribute(network, images, probabilities.argmax(axis=1)))


def test_what_cannot_be_attributed_is_said() -> None:
    network, images = trained("perceptron"), digits().test.images[:2]
    with pytest.raises(NetworkError, match="did you mean 'saliency'"):
        attribute(network, images, method="salience")
    with pytest.raises(NetworkError, match="classes 0 to 9, found 3 to 10"):
        attribute(network, images, np.array([3, 10]))
    with pytest.raises(NetworkError, match="one for each of 2 images"):
        attribute(network, images, np.array([3]))
    with pytest.raises(NetworkError, match="takes uint8 images"):
        attribute(network, images[:, :4])
    with pytest.raises(NetworkError, match="found Ensemble: explain a single network"):
        attribute(Ensemble([network]), images)  # type: ignore[arg-type]
    assert attribute(network, images[:0]).shape == (0, 8, 8)


@pytest.mark.parametrize("name", ["perceptron", "small-cnn"])
@pytest.mark.parametrize("method", ["integrated-gradients", "input-x-gradient"])
def test_maps_of_trained_networks_beat_random(name: str, method: str) -> None:
    if name != "perceptron":
        pytest.importorskip("torch")
    network, images, labels = trained(name), digits().test.images[:100], digits().test.labels[:100]
    found = deletion_test(network.predict_proba, images, attribute(network, images, method=method), labels=labels)
    assert found.by_map.accuracy is not None
    assert found.by_map.accuracy[0] > 0.85
    assert found.shown
    assert found.gain > 0.1
    assert found.by_map.accuracy[STATED] < found.at_random.accuracy[STATED]  # type: ignore[index]
