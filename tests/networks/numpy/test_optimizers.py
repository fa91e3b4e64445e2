"""The update rules, step by step, against torch.optim.SGD in float64 and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.networks.numpy.optimizers import SGD, OptimizerSettings, make_optimizer
from inkling.training.settings import TrainingSettings

SHAPES = {"W1": (4, 3), "b1": (1, 3), "W2": (3, 2), "b2": (1, 2)}
SETTINGS = [
    OptimizerSettings(),
    OptimizerSettings(weight_decay=0.05),
    OptimizerSettings(momentum=0.9),
    OptimizerSettings(momentum=0.9, weight_decay=0.05),
    OptimizerSettings(momentum=0.8, nesterov=True),
    OptimizerSettings(momentum=0.8, nesterov=True, weight_decay=0.05),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equals_torch(settings: OptimizerSettings) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    theirs = {name: torch.tensor(array.copy(), requires_grad=True) for name, array in ours.items()}
    groups = [
        {"params": [theirs["W1"], theirs["W2"]], "weight_decay": settings.weight_decay},
        {"params": [theirs["b1"], theirs["b2"]], "weight_decay": 0.0},
    ]
    reference = torch.optim.SGD(groups, lr=1.0, momentum=settings.momentum, nesterov=settings.nesterov)
    optimizer = SGD(settings)
    for step in range(10):
        rate = 0.3 / (1 + step)  # the rate changes, as under a schedule
        gradients = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(gradients[name].copy())
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        optimizer.update(ours, gradients, rate)
        for name, array in ours.items():
            np.testing.assert_allclose(array, theirs[name].detach().numpy(), rtol=1e-12, atol=1e-14)


def test_adam_without_more_words_is_torchs_adam() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    theirs = {name: torch.tensor(array.copy(), requires_grad=True) for name, array in ours.items()}
    reference, optimizer = torch.optim.Adam(theirs.values(), lr=0.01), make_optimizer(OptimizerSettings("adam"))
    for _ in range(10):
        gradients = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(gradients[name].copy())
        reference.step()
        optimizer.update(ours, gradients, 0.01)
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name].detach().numpy(), rtol=1e-9)


def test_momentum_left_out_is_each_rules_own() -> None:
    assert OptimizerSettings() == OptimizerSettings("sgd", 0.0)
    assert OptimizerSettings("adam") == OptimizerSettings("adam", 0.9)
    assert OptimizerSettings("adam", 0.0).momentum == 0.0
    settings = TrainingSettings(optimizer=OptimizerSettings("adam"))
    assert settings.to_dict()["optimizer"]["momentum"] == 0.9
    assert TrainingSettings.from_dict(settings.to_dict()) == settings
    kept = TrainingSettings(optimizer=OptimizerSettings("adam", 0.0))
    assert TrainingSettings.from_dict(kept.to_dict()).optimizer.momentum == 0.0


def test_two_steps_by_hand() -> None:
    optimizer = SGD(OptimizerSettings(momentum=0.5, weight_decay=0.1))
    parameters = {"W": np.array([2.0]), "b": np.array([2.0])}
    optimizer.update(parameters, {"W": np.array([1.0]), "b": np.array([1.0])}, 0.5)
    assert parameters["W"] == pytest.approx(2 - 0.5 * (1 + 0.2))  # 1.4
    assert parameters["b"] == pytest.approx(1.5)  # not decayed
    optimizer.update(parameters, {"W": np.array([1.0]), "b": np.array([1.0])}, 0.5)
    assert parameters["W"] == pytest.approx(1.4 - 0.5 * (0.5 * 1.2 + 1 + 0.14))
    assert parameters["b"] == pytest.approx(1.5 - 0.5 * 1.5)


def test_memory_comes_back_as_a_copy() -> None:
    optimizer, twin = SGD(SETTINGS[5]), SGD(SETTINGS[5])
    parameters = {"W": np.ones((2, 2))}
    optimizer.update(parameters, {"W": np.ones((2, 2))}, 0.1)
    state = optimizer.state()
    twin.load_state(state)
    copies = {"W": parameters["W"].copy()}
    optimizer.update(parameters, {"W": np.ones((2, 2))}, 0.1)
    twin.update(copies, {"W": np.ones((2, 2))}, 0.1)
    np.testing.assert_array_equal(parameters["W"], copies["W"])
    np.testing.assert_allclose(state["W"], 1 + 0.05)  # neither optimiser wrote into it


def test_float32_stays_float32() -> None:
    parameters = {"W": np.ones((2, 2), np.float32)}
    optimizer = SGD(SETTINGS[5])
    optimizer.update(parameters, {"W": np.ones((2, 2), np.float32)}, 0.1)
    assert parameters["W"].dtype == np.float32
    assert optimizer.memory["W"].dtype == np.float32


def test_problems_are_all_named() -> None:
    assert OptimizerSettings().problems() == []
    found = OptimizerSettings(momentum=1.0, weight_decay=-1.0).problems()
    assert len(found) == 2
    assert "momentum must lie in 0..1 (1 excluded), found 1.0" in found
    assert OptimizerSettings(nesterov=True).problems() == ["nesterov needs a momentum above 0"]
    assert len(OptimizerSettings(momentum=float("nan")).problems()) == 1
