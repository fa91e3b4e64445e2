"""Plain steps give the probabilities of their network, for every built-in one, and say what they cannot express."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inkling.errors import NetworkError
from inkling.networks.catalogue import build_network
from inkling.networks.steps import Step, Steps, Stepwise, multiply_adds


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["perceptron", "small-cnn", "cnn", "reference-cnn", "photo-cnn"])
def test_steps_agree_with_the_network(name: str, channels: int) -> None:
    if name != "perceptron":
        pytest.importorskip("torch")
    shape = (32, 29, channels)
    network: Any = build_network(name, shape, 7)
    if name != "perceptron":
        shake(network)
    images = np.random.default_rng(0).integers(0, 256, (9, *shape)).astype(np.uint8)
    assert isinstance(network, Stepwise)
    np.testing.assert_allclose(network.steps().predict_proba(images), network.predict_proba(images), atol=2e-6)


def shake(network: Any) -> None:
    """Give batch normalisation statistics and weights that are not those of a fresh network, negative ones too."""
    import torch

    torch.manual_seed(1)
    for layer in network.module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.weight, 0, 1)
            torch.nn.init.normal_(layer.bias, 0, 0.5)
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)


def test_batch_normalisation_is_a_part_of_the_convolution_before_it() -> None:
    pytest.importorskip("torch")
    network: Any = build_network("cnn", (28, 28, 1), 10)
    kinds = [step.kind for step in network.steps().steps]
    assert kinds.count("affine") == 3, "behind pooling, which its negative weights would turn into the minimum"
    assert kinds.count("convolution") == 4
    assert [step.kind for step in network.steps().steps[kinds.index("sum")].inside] == [
        "convolution",
        "relu",
        "convolution",
    ]
    assert multiply_adds(network.steps().steps, (28, 28, 1)) == sum(layer.multiply_adds for layer in network.layers())


def test_own_sequences_of_such_layers_are_steps_too() -> None:
    torch = pytest.importorskip("torch")
    from inkling.networks.torch.network import TorchNetwork

    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, stride=2), torch.nn.Sigmoid(), torch.nn.MaxPool2d(3, 2), torch.nn.Flatten(),
        torch.nn.Linear(3 * 4 * 4, 5),
    )  # fmt: skip
    network = TorchNetwork(module, (20, 20, 1), 5, "own")
    images = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 1)).astype(np.uint8)
    np.testing.assert_allclose(network.steps().predict_proba(images), network.predict_proba(images), atol=2e-6)


def test_what_steps_cannot_express_is_refused() -> None:
    torch = pytest.importorskip("torch")
    from inkling.networks.torch.network import TorchNetwork

    dilated = torch.nn.Conv2d(1, 2, 3, dilation=2)
    for layer in (dilated, torch.nn.GELU(), torch.nn.MaxPool2d(2, ceil_mode=True), torch.nn.Conv2d(1, 2, (3, 5))):
        module = torch.nn.Sequential(layer, torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(), torch.nn.LazyLinear(3))
        module(torch.zeros(1, 1, 12, 12))
        with pytest.raises(NetworkError, match=r"cannot be written as plain steps.*--format onnx"):
            TorchNetwork(module, (12, 12, 1), 3, "own").steps()

    class Own(torch.nn.Sequential):
        pass

    own = Own(torch.nn.Flatten(), torch.nn.Linear(144, 3))
    with pytest.raises(NetworkError, match="its module is a Own"):
        TorchNetwork(own, (12, 12, 1), 3, "own").steps()


def test_a_step_by_hand() -> None:
    convolution = Step(
        "convolution",
        {"inputs": 1, "outputs": 1, "size": 3, "stride": 1, "padding": 1},
        {"weights": np.ones((1, 1, 3, 3), np.float32), "bias": np.zeros(1, np.float32)},
    )
    pool, mean = Step("pool", {"size": 2, "stride": 2}), Step("mean")
    dense = Step("dense", {"inputs": 1, "outputs": 2}, {"weights": np.array([[1], [0]], np.float32),
                                                        "bias": np.zeros(2, np.float32)})  # fmt: skip
    image = np.zeros((1, 4, 4, 1), np.uint8)
    image[0, 0, 0, 0] = 1  # 1 in four sums, all of the first square of four: its maximum is 1, the mean 1/4
    probabilities = Steps(1.0, (convolution, pool, mean, dense)).predict_proba(image)
    np.testing.assert_allclose(probabilities[0, 0], 1 / (1 + np.exp(-0.25)), rtol=1e-6)
