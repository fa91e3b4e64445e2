"""What is inside a PyTorch module: filters, feature maps, layers of modules of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.networks.catalogue import build_network

torch = pytest.importorskip("torch")

from inkling.networks.torch.network import TorchNetwork  # noqa: E402


def test_feature_maps_and_first_filters() -> None:
    network = build_network("cnn", (8, 10, 3), 3)
    assert isinstance(network, TorchNetwork)
    filters = network.first_layer()
    assert filters is not None
    assert filters.shape == (32, 3, 3, 3)
    np.testing.assert_array_equal(filters[5, :, :, 2], network.state()["0.weight"][5, 2])
    maps = network.feature_maps(np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8))
    assert maps[0][0].kind == "convolution"
    assert all(array.shape == layer.output_shape for layer, array in maps)
    after_relu = [array for layer, array in maps if layer.kind == "relu"]
    assert after_relu
    assert all((array >= 0).all() for array in after_relu)
    assert (
        TorchNetwork(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)), (8, 8, 1), 3).first_layer()
        is None
    )


def test_layers_of_a_module_of_ones_own() -> None:
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, stride=2),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.3),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 3),
    )
    layers = TorchNetwork(module, (8, 8, 1), 3).layers()
    assert [layer.kind for layer in layers] == [
        "scale",
        "convolution",
        "Tanh",
        "dropout",
        "flatten",
        "dense",
        "softmax",
    ]
    assert layers[1].detail == "convolution 3x3, 4 filters, stride 2"
    assert layers[3].detail == "dropout 0.3"
    assert [layer.output_shape for layer in layers[1:6]] == [(3, 3, 4), (3, 3, 4), (3, 3, 4), (36,), (3,)]
    assert [layer.parameters for layer in layers if layer.parameters] == [40, 111]


def test_looking_inside_leaves_no_hook_behind() -> None:
    network = build_network("cnn", (8, 8, 1), 3)
    assert isinstance(network, TorchNetwork)
    network.layers()
    network.feature_maps(np.zeros((8, 8, 1), np.uint8))
    assert all(not part._forward_hooks for part in network.module.modules())
