"""What did it learn: maps whose right answer is known, units that add up, and deletion curves that can lose."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import Simulated
from inkling.diagnosis.attribution.maps import METHODS, attribute
from inkling.diagnosis.deletion import FRACTIONS, STATED, deletion_test
from inkling.diagnosis.hidden_units import contributions_of_units
from inkling.errors import DataError, NetworkError
from inkling.images.dataset import Splits
from inkling.images.sources.digits import load_digits
from inkling.networks.catalogue import build_network
from inkling.networks.ensemble import Ensemble
from inkling.networks.numpy.equations import softmax
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


# --- maps --------------------------------------------------------------------------------------------------------


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


# --- hidden units ------------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.integers(1, 9), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_contributions_and_bias_add_up_to_the_lead(n: int, h: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden, weights, bias = rng.random((n, h)), rng.standard_normal((h, k)), rng.standard_normal((1, k))
    found = contributions_of_units(hidden, weights, bias)
    logits = np.sort(hidden @ weights + bias, axis=1)
    np.testing.assert_allclose(found.leads, logits[:, -1] - logits[:, -2], atol=1e-12)
    np.testing.assert_allclose(found.contributions.sum(axis=1) + found.bias, found.leads, atol=1e-12)
    assert (found.classes != found.rivals).all()
    assert 1 <= found.half <= h
    asked = rng.integers(0, k, n)
    other = contributions_of_units(hidden, weights, bias, asked)
    np.testing.assert_allclose(other.contributions.sum(axis=1) + other.bias, other.leads, atol=1e-12)
    assert (other.classes == asked).all()
    assert ((other.leads < 0) == (asked != found.classes)).all()


def test_units_of_a_known_network() -> None:
    weights = np.array([[3.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    found = contributions_of_units(np.array([[1.0, 1.0, 0.0], [0.1, 1.0, 1.0]]), weights, np.zeros(3))
    assert found.classes.tolist() == [0, 1]
    assert found.rivals.tolist() == [1, 2]
    np.testing.assert_allclose(found.contributions, [[3, -1, 0], [0.1, 1, -0.5]])
    assert found.evidence_for.tolist() == [0, 1, 2]
    assert found.evidence_against.tolist() == [2, 0, 0]
    assert found.top(0, 2) == [0, 1]
    np.testing.assert_allclose(found.mean_absolute, [1.55, 1.0, 0.25])
    assert found.half == 1
    assert found.verdict == (
        "1 of 3 hidden units make up half of all contributions to the decisions; unit 0 contributes most, 1.55 logits "
        "on average to a mean lead of 1.30 (2 images)."
    )
    with pytest.raises(DataError, match="found"):
        contributions_of_units(np.ones((1, 4)), weights, np.zeros(3))


def test_units_of_a_trained_perceptron_give_its_own_margin() -> None:
    network, images = trained("perceptron"), digits().test.images
    assert isinstance(network, Perceptron)
    hidden, logits = network.forward(network.inputs(images))
    found = contributions_of_units(hidden, network.parameters["W2"], network.parameters["b2"])
    np.testing.assert_array_equal(found.classes, network.predict_proba(images).argmax(axis=1))
    ordered = np.sort(logits, axis=1)
    np.testing.assert_allclose(found.leads, ordered[:, -1] - ordered[:, -2], atol=1e-4)


# --- deletion ----------------------------------------------------------------------------------------------------


WEIGHTS = np.random.default_rng(7).standard_normal((36, 3))


def linear(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    """A classifier whose right map is known: pixel times weight."""
    return softmax(images.reshape(len(images), -1) / 255 @ WEIGHTS)


def pictures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return (rng.integers(1, 256, (n, 6, 6, 1)) * (rng.random((n, 6, 6, 1)) < 0.6)).astype(np.uint8)


def right_maps(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    weights = WEIGHTS[:, linear(images).argmax(axis=1)].T  # (N, 36)
    rest = (WEIGHTS.sum(axis=1)[np.newaxis] - weights) / 2
    return images[..., 0] / 255 * (weights - rest).reshape(-1, 6, 6)


def test_the_right_map_of_a_linear_classifier_beats_random_and_its_negative_loses() -> None:
    images = pictures(100)
    found = deletion_test(linear, images, right_maps(images))
    assert found.shown
    assert found.gain > 0.1
    assert found.by_map.probability[STATED] < found.at_random.probability[STATED] - 0.1
    assert found.verdict.startswith(
        "The attribution maps find the pixels that decide: removing the 10% of the non-black pixels"
    )
    before, after = found.by_map.probability[0], found.by_map.probability[STATED]
    assert f"from {before:.2f} to {after:.2f}" in found.verdict
    assert "(100 images)" in found.verdict
    opposite = deletion_test(linear, images, -right_maps(images))
    assert opposite.gain_interval is not None
    assert opposite.gain_interval.high < 0
    assert "The attribution maps are worse than random: " in opposite.verdict


def test_curves_begin_with_the_image_and_end_in_black() -> None:
    images, labels = pictures(50), np.arange(50) % 3
    found = deletion_test(linear, images, right_maps(images), labels=labels)
    intact = linear(images)
    for curve in (found.by_map, found.at_random):
        assert curve.probability[0] == pytest.approx(intact.max(axis=1).mean())
        assert curve.probability[-1] == pytest.approx(1 / 3)  # the classifier has no bias
        assert curve.accuracy is not None
        assert curve.accuracy[0] == pytest.approx(np.mean(intact.argmax(axis=1) == labels))
        assert curve.area == pytest.approx(np.trapezoid(curve.probability, FRACTIONS))
        assert curve.area_interval is not None
        assert curve.area_interval.low < curve.area < curve.area_interval.high
    assert found.gain == pytest.approx(found.at_random.area - found.by_map.area)


def test_a_map_that_only_finds_the_ink_gains_nothing() -> None:
    images = pictures(300)
    found = deletion_test(linear, images, (images[..., 0] > 0).astype(float))
    assert found.gain_interval is not None
    assert found.gain_interval.low < 0 < found.gain_interval.high
    assert not found.shown
    assert "No significant difference between the attribution maps and random orders: " in found.verdict


def test_random_maps_are_called_better_no_more_often_than_chance_allows(simulated: Simulated) -> None:
    images, rng = pictures(60), np.random.default_rng(3)
    outside = shown = 0
    for seed in range(200):
        found = deletion_test(linear, images, rng.random((60, 6, 6)), seed=seed)
        assert found.gain_interval is not None
        outside += not found.gain_interval.low <= 0 <= found.gain_interval.high
        shown += found.shown
    simulated("Random attribution maps are not called better than random", 1 - shown / 200, 200)
    assert outside / 200 <= 0.09  # 0.05 expected
    assert shown / 200 <= 0.06  # one side of it


def test_the_class_asked_about_is_followed_and_one_image_has_no_interval() -> None:
    images = pictures(1)
    found = deletion_test(linear, images, right_maps(images), targets=np.array([2]))
    assert found.by_map.probability[0] == pytest.approx(float(linear(images)[0, 2]))
    assert found.gain_interval is found.by_map.intervals is found.by_map.area_interval is None
    assert "the class asked about" in found.verdict
    assert "(1 image)" in found.verdict
    values = found.to_dict()
    assert values["fractions"] == list(FRACTIONS)
    assert values["by_map"]["accuracy"] is None


def test_a_black_image_has_nothing_to_remove() -> None:
    images = np.zeros((2, 6, 6, 1), np.uint8)
    found = deletion_test(linear, images, np.zeros((2, 6, 6)))
    assert found.gain == 0
    assert not found.shown
    assert found.by_map.probability == pytest.approx([1 / 3] * len(FRACTIONS))


def test_intervals_as_pairs_in_json() -> None:
    images = pictures(5)
    values = deletion_test(linear, images, right_maps(images)).to_dict()
    assert len(values["gain_interval"]) == len(values["by_map"]["area_interval"]) == 2
    assert np.array(values["by_map"]["intervals"]).shape == (len(FRACTIONS), 2)


def test_maps_that_do_not_fit_are_refused() -> None:
    images = pictures(2)
    with pytest.raises(DataError, match=r"found \(2, 6, 6, 1\) and \(2, 6, 5\)"):
        deletion_test(linear, images, np.zeros((2, 6, 5)))
    with pytest.raises(DataError, match="N at least 1"):
        deletion_test(linear, images[:0], np.zeros((0, 6, 6)))
    with pytest.raises(DataError, match="finite"):
        deletion_test(linear, images, np.full((2, 6, 6), np.nan))


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
