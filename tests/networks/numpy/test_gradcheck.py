"""The gradient check passes on the real network, and fails on every network that is wrong."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import pytest

from inkling.errors import NetworkError
from inkling.networks.ensemble import Ensemble
from inkling.networks.numpy import gradcheck, perceptron
from inkling.networks.numpy.gradcheck import GradientCheck, check_gradients, relative_error
from inkling.networks.numpy.perceptron import Perceptron

JACOBIANS = ("da2_db2", "da2_dW2", "da2_df1", "df1_da1", "da1_db1", "da1_dW1")
INTERMEDIATES = tuple(f"trace dL_d{name}" for name in ("a2", "f1", "a1", "W1", "b1", "W2", "b2"))
BATCH = tuple(f"batch {name}" for name in ("W1", "b1", "W2", "b2"))
RNG = np.random.default_rng(2)
IMAGES = RNG.integers(0, 256, (5, 3, 2, 1), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 1, 2])

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name))


@pytest.fixture
def mnist_like() -> tuple[np.ndarray, np.ndarray]:
    images = RNG.integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
    images[:, :4] = 0  # MNIST's borders: inputs of 0, gradients of 0
    return images, np.array([3, 1, 4, 1])


def small() -> Perceptron:
    return Perceptron(image_shape=(3, 2, 1), n_classes=3, hidden=4, seed=1)


def by_name(checks: list[GradientCheck]) -> dict[str, GradientCheck]:
    return {check.name: check for check in checks}


def missed(checks: list[GradientCheck]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_the_studys_network_is_right(mnist_like: tuple[np.ndarray, np.ndarray]) -> None:
    network = Perceptron()
    before = network.state()
    checks = check_gradients(network, *mnist_like)
    assert tuple(check.name for check in checks) == JACOBIANS + INTERMEDIATES + BATCH
    for check in checks:
        assert check.passed, check
        assert check.entries == np.prod(check.shape), f"{check.name}: only {check.entries} entries were checked"
    assert by_name(checks)["da1_dW1"].shape == (64, 784, 64)
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, before[name])


@needs_torch
def test_torch_agrees() -> None:
    checks = check_gradients(small(), IMAGES, LABELS)
    assert all(check.torch_error is not None and check.torch_error <= 1e-10 for check in checks)
    assert all(check.difference_error <= 1e-6 for check in checks)


def test_works_without_torch(no_torch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "inkling.networks.torch.autograd", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = check_gradients(small(), IMAGES, LABELS)
    assert all(check.torch_error is None and check.passed for check in checks)


def test_nudged_columns_equal_whole_forward_passes() -> None:
    network = gradcheck._double(small())
    found = gradcheck._Nudged(network, IMAGES, LABELS).gradients()
    for name, parameter in network.parameters.items():
        for index in np.ndindex(parameter.shape):
            original, total = parameter[index], 0.0
            for offset, weight in gradcheck.STENCIL.items():
                parameter[index] = original + offset * gradcheck.STEP
                total += weight * network.gradients(IMAGES, LABELS)[0]
            parameter[index] = original
            assert found[name][index] == pytest.approx(total / gradcheck.STEP, rel=1e-9, abs=1e-12)


WRONG_RULES: dict[str, tuple[Callable[..., object], set[str]]] = {
    "sigmoid_backward": (lambda d_f, f: d_f * f * (1 + f), {"batch W1", "batch b1"}),
    "affine_backward_input": (lambda d_a, w: -(d_a @ w.T), {"batch W1", "batch b1"}),
    "affine_backward": (
        lambda d_a, x, out=None: (np.matmul(x.T, d_a, out=out), d_a.mean(axis=0, keepdims=True)),
        {"batch b1", "batch b2"},
    ),
    "softmax_cross_entropy_backward": (
        lambda p, labels, weights: p * weights[:, np.newaxis],
        set(BATCH),
    ),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_caught_without_torch(rule: str, no_torch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, expected = WRONG_RULES[rule]
    monkeypatch.setattr(perceptron, rule, wrong)
    checks = check_gradients(small(), IMAGES, LABELS)
    assert missed(checks) >= expected
    assert {check.name for check in checks if check.difference_error > 1e-6} >= expected
    assert not missed(checks) & set(JACOBIANS)


@needs_torch
def test_torch_alone_catches_a_tiny_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptron, "sigmoid_backward", lambda d_f, f: d_f * f * (1 - f) * (1 + 1e-9))
    checks = by_name(check_gradients(small(), IMAGES, LABELS))
    assert checks["batch W1"].difference_error < 1e-6
    assert not checks["batch W1"].passed
    assert not checks["trace dL_dW1"].passed, "trace and gradients differ, and nothing said so"


@pytest.mark.parametrize("name", JACOBIANS)
@pytest.mark.parametrize("entry", [0, -1])
def test_each_jacobian_broken_alone_is_caught(
    name: str, entry: int, no_torch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Perceptron.jacobians

    def broken(self: Perceptron, image: np.ndarray) -> dict[str, np.ndarray]:
        jacobians = original(self, image)
        jacobians[name].flat[entry] += 1e-5
        return jacobians

    monkeypatch.setattr(Perceptron, "jacobians", broken)
    assert missed(check_gradients(small(), IMAGES, LABELS)) & set(JACOBIANS) == {name}


def test_a_subclass_is_checked_as_itself(no_torch: None) -> None:
    class Wrong(Perceptron):
        def trace(self, image: np.ndarray, label: int) -> dict[str, np.ndarray]:
            steps = super().trace(image, label)
            return {**steps, "dL_da1": np.full((1, 4), np.nan), "dL_dW2": steps["dL_dW2"].T}

    network = Wrong(image_shape=(3, 2, 1), n_classes=3, hidden=4)
    assert missed(check_gradients(network, IMAGES, LABELS)) == {"trace dL_da1", "trace dL_dW2"}


def test_a_large_first_layer_is_sampled(no_torch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradcheck, "WORK", 0)
    network = Perceptron(image_shape=(30, 30, 1), n_classes=3, hidden=5)
    images = RNG.integers(0, 256, (2, 30, 30, 1), dtype=np.uint8)
    checks = by_name(check_gradients(network, images, np.array([0, 1])))
    assert checks["batch W1"].entries == 2000
    assert checks["batch W1"].shape == (900, 5)
    assert checks["da1_dW1"].entries == 400 * 25
    assert all(check.passed for check in checks.values())


def test_relative_error() -> None:
    a = np.array([1.0, 1e-9, 0.0])
    assert relative_error(a, a, 1e-6, 0.0) == 0
    assert relative_error(a, a + np.array([1e-3, 0, 0]), 1e-6, 0.0) == pytest.approx(1e-3, rel=1e-2)
    assert relative_error(a, a + np.array([0, 0, 1e-6]), 1e-6, 0.0) == pytest.approx(
        1e-3, rel=1e-2
    )  # against FLOOR * 1
    assert relative_error(a * 1e-20, a * 2e-20, 1e-6, 1e-13) < 1e-6  # below the reference's own rounding
    assert relative_error(a, a[:2], 1e-6, 0.0) == np.inf
    assert relative_error(np.array([np.nan]), np.array([1.0]), 1e-6, 0.0) == np.inf


@pytest.mark.parametrize(
    ("images", "labels"),
    [(IMAGES[:0], LABELS[:0]), (IMAGES, LABELS[:4]), (IMAGES, LABELS + 1), (IMAGES[:, :2], LABELS)],
)
def test_what_cannot_be_checked_is_refused(images: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(NetworkError, match="found"):
        check_gradients(small(), images, labels)


def test_a_network_without_written_jacobians_is_refused() -> None:
    with pytest.raises(NetworkError, match="needs a perceptron, whose Jacobians are written out, found"):
        check_gradients(Ensemble([small()]), IMAGES, LABELS)


def test_the_check_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[tuple[int, int]] = []
    network = small()
    check_gradients(network, IMAGES, LABELS, lambda done, total: seen.append((done, total)))
    steps = 2 * network.hidden  # each column of W1 for one image, then for the batch
    assert seen == [(done, steps) for done in range(1, steps + 1)]
