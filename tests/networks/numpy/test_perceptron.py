"""The perceptron against hand arithmetic, SciPy, and its own promises."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from threadpoolctl import threadpool_limits

from inkling.errors import NetworkError
from inkling.networks.numpy.equations import affine, cross_entropy, sigmoid, softmax
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import Network

SHAPE = (3, 2, 1)
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (6, *SHAPE), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0])
DOCUMENT = Path(__file__).parents[3] / "docs/perceptron.md"

logits = arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4))


def small(**options: object) -> Perceptron:
    return Perceptron(**{"image_shape": SHAPE, "n_classes": 3, "hidden": 4, "dtype": np.float64, **options})  # type: ignore[arg-type]


def document_numbers() -> dict[str, np.ndarray]:
    blocks = re.findall(r"```text\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition(" = ") for block in blocks for line in block.splitlines()]
    return {name: np.array([row.split() for row in values.split(";")], float) for name, _, values in lines}


def test_document_is_recomputed() -> None:
    stated = document_numbers()
    network = Perceptron(image_shape=(1, 2, 1), n_classes=2, hidden=2, dtype=np.float64)
    network.parameters = {name: stated.pop(name) for name in ("W1", "b1", "W2", "b2")}
    image = np.array([[[255], [51]]], np.uint8)
    found = {**network.trace(image, 1), **network.jacobians(image)}
    network.train_step(image[np.newaxis], np.array([1]), 0.5)
    found |= {f"{name} after": array for name, array in network.parameters.items()}
    found |= {f"{name} after": network.trace(image, 1)[name] for name in ("y_hat", "loss")}
    assert len(stated) == 23
    for name, numbers in stated.items():
        np.testing.assert_allclose(found[name].ravel(), numbers.ravel(), atol=6e-7, rtol=0, err_msg=name)


@given(logits)
def test_forward_functions_equal_scipy(a: np.ndarray) -> None:
    np.testing.assert_allclose(sigmoid(a), expit(a), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(softmax(a), scipy_softmax(a, axis=1), rtol=1e-12)
    assert np.isfinite(cross_entropy(a, np.array([0, 1, 2]))).all()


def test_forward_equals_scipy() -> None:
    network = small()
    w = network.parameters
    x = IMAGES.reshape(6, -1) / 255
    expected = scipy_softmax(expit(x @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"], axis=1)
    probabilities = network.predict_proba(IMAGES)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_give_finite_loss_and_gradients(dtype: type) -> None:
    network = small(dtype=dtype)
    network.parameters["b2"][:] = [[1e4, -1e4, 0]]
    loss, gradients = network.gradients(IMAGES, np.array([1] * 6))
    assert loss == pytest.approx(2e4, rel=1e-3)
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())
    np.testing.assert_allclose(gradients["b2"], [[1, -1, 0]])


def test_shapes_are_as_stated() -> None:
    network = Perceptron(image_shape=(2, 3, 3), n_classes=5, hidden=4)
    image = np.zeros((2, 3, 3), np.uint8)
    d, h, k = 18, 4, 5
    assert {name: array.shape for name, array in network.jacobians(image).items()} == {
        "da2_db2": (k, k), "da2_dW2": (k, h, k), "da2_df1": (k, h),
        "df1_da1": (h, h), "da1_db1": (h, h), "da1_dW1": (h, d, h),
    }  # fmt: skip
    assert {name: array.shape for name, array in network.trace(image, 0).items()} == {
        "x": (1, d), "a1": (1, h), "f1": (1, h), "a2": (1, k), "y_hat": (1, k), "loss": (),
        "dL_da2": (1, k), "dL_dW2": (h, k), "dL_db2": (1, k), "dL_df1": (1, h), "dL_da1": (1, h),
        "dL_dW1": (d, h), "dL_db1": (1, h),
    }  # fmt: skip
    with pytest.raises(NetworkError, match=r"label must lie in 0\.\.4, found 5"):
        network.trace(image, 5)


def test_initial_weights() -> None:
    network = Perceptron(seed=3)
    assert {name: array.shape for name, array in network.parameters.items()} == {
        "W1": (784, 64), "b1": (1, 64), "W2": (64, 10), "b2": (1, 10),
    }  # fmt: skip
    w1, w2 = network.parameters["W1"], network.parameters["W2"]
    # Bounds of four standard errors: sd / sqrt(n) for the mean, sd / sqrt(2n) for the deviation.
    for weights in (w1, w2):
        assert abs(weights.mean()) < 4 * 0.1 / np.sqrt(weights.size)
        assert abs(weights.std() - 0.1) < 4 * 0.1 / np.sqrt(2 * weights.size)
    assert not network.parameters["b1"].any()
    assert not network.parameters["b2"].any()
    assert all(array.dtype == np.float32 for array in network.parameters.values())
    assert not np.array_equal(w1, Perceptron(seed=4).parameters["W1"])
    np.testing.assert_array_equal(w1, Perceptron(seed=3).parameters["W1"])


def test_pixels_become_zero_to_one() -> None:
    x = small().inputs(np.array([0, 51, 255, 1, 254, 128], np.uint8).reshape(1, *SHAPE))
    np.testing.assert_allclose(x, np.array([[0, 51, 255, 1, 254, 128]]) / 255, rtol=1e-15)


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any))
def test_weights_equal_duplication(counts: list[int]) -> None:
    network = small()
    weights = np.array(counts, float)
    copies = np.repeat(np.arange(6), counts)
    loss, gradients = network.gradients(IMAGES, LABELS, weights)
    expected_loss, expected = network.gradients(IMAGES[copies], LABELS[copies])
    # Both are sums over images; one is divided by 6, the other by the number of copies.
    factor = len(copies) / 6
    assert loss == pytest.approx(expected_loss * factor)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name] * factor, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_comes_back_and_continues(dtype: type) -> None:
    optimizer = OptimizerSettings(momentum=0.9, weight_decay=1e-3)
    network = small(dtype=dtype)
    network.configure(optimizer)
    network.train_step(IMAGES, LABELS, 0.5)
    state = network.state()
    assert {"W1", "b1", "W2", "b2", "pixel_scale", "optimizer.W1", "optimizer.b2"} <= state.keys()
    twin = small(dtype=dtype, seed=9)
    twin.configure(optimizer)
    twin.load_state(state)
    for _ in range(3):
        assert network.train_step(IMAGES, LABELS, 0.5) == twin.train_step(IMAGES, LABELS, 0.5)
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, twin.state()[name])


def test_state_is_a_copy_both_ways() -> None:
    network = small()
    state = network.state()
    before = {name: array.copy() for name, array in state.items()}
    network.load_state(state)
    network.train_step(IMAGES, LABELS, 0.5)
    for name, array in before.items():
        np.testing.assert_array_equal(state[name], array)
    state["W1"][:] = 7
    assert not (network.parameters["W1"] == 7).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W3": np.zeros((1, 3))}, "'W3' that this network does not have"),
        ({"optimizer.W3": np.zeros((1, 3))}, "'optimizer.W3'"),
        ({"W2": None}, "lack W2"),
        ({"W1": np.zeros((6, 5))}, r"'W1' must be float64 of shape \(6, 4\), found float64 of \(6, 5\)"),
        ({"b2": np.zeros((1, 3), np.float32)}, "'b2' must be float64"),
        ({"optimizer.b2": np.zeros((1, 4))}, "'optimizer.b2' must be"),
        ({"W1": np.full((6, 4), np.nan)}, "'W1' hold numbers that are not finite"),
        ({"optimizer.W1": np.full((6, 4), np.inf)}, "not finite"),
    ],
)
def test_load_state_refuses(change: dict[str, np.ndarray | None], message: str) -> None:
    network = small()
    before = network.state()
    state = {name: array for name, array in {**before, **change}.items() if array is not None}
    with pytest.raises(NetworkError, match=message):
        network.load_state(state)
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    "options", [{"hidden": 0}, {"n_classes": 1}, {"image_shape": (0, 2, 1)}, {"image_shape": (3, 2)}, {"dtype": "int8"}]
)
def test_impossible_networks_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(NetworkError, match="found"):
        small(**options)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NetworkError, match=r"uint8 images of shape \(3, 2, 1\), found float64"):
        small().predict_proba(IMAGES / 255)  # type: ignore[arg-type]
    with pytest.raises(NetworkError, match=r"found uint8 of shape \(2, 3, 1\)"):
        small().predict_proba(IMAGES.reshape(6, 2, 3, 1))


def test_double_precision_is_double() -> None:
    network = small()
    loss32, single = small(dtype=np.float32).gradients(IMAGES, LABELS)
    loss64, double = network.gradients(IMAGES, LABELS)
    assert loss32 == pytest.approx(loss64, rel=1e-5)
    for name, gradient in double.items():
        assert gradient.dtype == np.float64
        assert single[name].dtype == np.float32
        np.testing.assert_allclose(single[name], gradient, rtol=1e-3, atol=1e-6)
    assert affine(IMAGES.reshape(6, -1) / 255, network.parameters["W1"], network.parameters["b1"]).dtype == np.float64


def test_steps_reduce_the_loss() -> None:
    network = small()
    losses = [network.train_step(IMAGES, LABELS, 0.05) for _ in range(50)]
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_callers_arrays_are_never_changed() -> None:
    images, labels, weights = IMAGES.copy(), LABELS.copy(), np.linspace(0, 1, 6)
    network = small()
    network.configure(OptimizerSettings(momentum=0.9, nesterov=True, weight_decay=0.01))
    network.train_step(images, labels, 0.1, weights)
    network.predict_proba(images)
    network.trace(images[0], 1)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(weights, np.linspace(0, 1, 6))


def test_trace_survives_later_calls() -> None:
    network = small()
    steps = network.trace(IMAGES[0], 0)
    before = {name: array.copy() for name, array in steps.items()}
    network.train_step(IMAGES, LABELS, 0.5)
    for name, array in before.items():
        np.testing.assert_array_equal(steps[name], array)


def test_prediction_does_not_depend_on_the_batch() -> None:
    network = Perceptron(image_shape=SHAPE, n_classes=3, hidden=4)
    images = np.random.default_rng(0).integers(0, 256, (600, *SHAPE), dtype=np.uint8)
    together = network.predict_proba(images)
    np.testing.assert_allclose(together[500:], network.predict_proba(images[500:]), rtol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-6)


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads that take turns very often, each with linear algebra of its own: what goes wrong between them, does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with threadpool_limits(1):
        yield
    sys.setswitchinterval(before)


def test_threads_that_predict_at_once_get_their_own_predictions(busy_threads: None) -> None:
    network = Perceptron()
    batches = np.random.default_rng(0).integers(0, 256, (24, 64, 28, 28, 1), dtype=np.uint8)
    expected = [network.predict_proba(batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            for alone, together in zip(expected, threads.map(network.predict_proba, batches), strict=True):
                np.testing.assert_array_equal(alone, together)


def test_predictions_during_training_are_of_their_own_images(busy_threads: None) -> None:
    network = Perceptron()
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    expected, others = network.predict_proba(images), 255 - images
    with ThreadPoolExecutor(1) as threads:
        steps = threads.submit(lambda: [network.train_step(others, np.arange(64) % 3, 0.0) for _ in range(200)])
        while not steps.done():
            np.testing.assert_array_equal(network.predict_proba(images), expected)
        steps.result()


UNIFORM = np.full((6, 3), 1 / 3, np.float32)


@pytest.mark.parametrize(
    ("images", "targets", "weights", "message"),
    [
        (IMAGES / 255, LABELS, None, "takes uint8 images of shape"),
        (IMAGES.transpose(0, 3, 1, 2), LABELS, None, "found uint8 of shape"),
        (IMAGES.tolist(), LABELS, None, "images must be a NumPy array, found list"),
        (IMAGES, LABELS.tolist(), None, "targets must be a NumPy array, found list"),
        (IMAGES, LABELS, [1.0] * 6, "weights must be a NumPy array, found list"),
        (IMAGES[:0], LABELS[:0], None, "1 image or more"),
        (IMAGES, LABELS[:5], None, r"found 6 images and int64 of shape \(5,\)"),
        (IMAGES, LABELS - 1, None, r"labels must lie in 0\.\.2, found -1 to 1"),
        (IMAGES, LABELS + 1, None, r"labels must lie in 0\.\.2, found 1 to 3"),
        (IMAGES, LABELS.astype(float), None, "labels .whole numbers."),
        (IMAGES, LABELS.astype(str), None, "labels .whole numbers."),
        (IMAGES, np.eye(3, dtype=np.int64)[LABELS], None, "rows of 3 probabilities, found 6 images and int64"),
        (IMAGES, np.full((6, 4), 0.25), None, r"rows of 3 probabilities, found 6 images and float64 of shape \(6, 4\)"),
        (IMAGES, UNIFORM * 2, None, "each row's sum 1"),
        (IMAGES, UNIFORM - np.array([1, 0, -1]), None, "must be 0 or more"),
        (IMAGES, np.where(np.eye(6, 3), np.nan, UNIFORM), None, "each row's sum 1, found nan"),
        (IMAGES, LABELS, np.ones(5), "one number for each of 6 images"),
        (IMAGES, LABELS, np.ones((6, 1)), "one number for each of 6 images"),
        (IMAGES, LABELS, np.array([1, 1, 1, 1, 1, -0.1]), "0 or more, found -0.1"),
        (IMAGES, LABELS, np.array([1, 1, 1, 1, 1, np.nan]), "finite"),
        (IMAGES, LABELS, np.array([1, 1, 1, 1, 1, np.inf]), "finite"),
    ],
)
@pytest.mark.parametrize("name", ["perceptron", "torch"])
def test_what_is_no_batch_is_refused_and_changes_nothing(
    name: str, images: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, message: str
) -> None:
    network: Network = small()
    if name == "torch":
        torch = pytest.importorskip("torch")
        from inkling.networks.torch.network import TorchNetwork

        network = TorchNetwork(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3)), SHAPE, 3, device="cpu")
    before = network.state()
    with pytest.raises(NetworkError, match=message):
        network.train_step(images, targets, 0.1, weights)
    after = network.state()
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[array], before[array]) for array in before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_learns_what_the_original_would_and_leaves_it_alone(
    duplicate: Callable[[Perceptron], Perceptron],
) -> None:
    network = small()
    network.configure(OptimizerSettings("adam", momentum=0.9))
    network.train_step(IMAGES, LABELS, 0.1)
    twin, before = duplicate(network), network.state()
    losses = [twin.train_step(IMAGES, LABELS, 0.1) for _ in range(3)]
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, before[name])
    assert [network.train_step(IMAGES, LABELS, 0.1) for _ in range(3)] == losses


def test_what_the_units_and_maps_of_a_network_are() -> None:
    network = small()
    hidden = network.hidden_layer(IMAGES)
    logits = hidden.activations @ hidden.weights + hidden.bias
    np.testing.assert_allclose(scipy_softmax(logits, axis=1), network.predict_proba(IMAGES), rtol=1e-6)
    hidden.weights[:] = 0
    assert network.parameters["W2"].any()
    assert network.hidden_layer(IMAGES[:0]).activations.shape == (0, 4)
    assert network.feature_maps(IMAGES[0]) == []
    assert network.device == "cpu"


def test_the_document_names_functions_where_they_are() -> None:
    pytest.importorskip("torch")
    rows = re.findall(r"^\| .* \| (`.*`) \| `(\w+)\.py` \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 15
    for functions, file in rows:
        module = import_module(f"inkling.networks.{'torch' if file == 'autograd' else 'numpy'}.{file}")
        for name in re.findall(r"`([\w.]+)`", functions):
            owner = Perceptron if name.startswith("Perceptron.") else module
            assert attrgetter(name.removeprefix("Perceptron."))(owner), f"{file}.py has no {name}"
