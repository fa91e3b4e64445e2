"""The learning-rate range test: on a network whose loss is known, and on real ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import inkling
from inkling.errors import SettingsError, TrainingError
from inkling.images.dataset import Splits
from inkling.images.sources.registry import load_images
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.learning_rate_range import LearningRateRange, learning_rate_range
from inkling.training.recipes.registry import recipe
from inkling.training.settings import TrainingSettings

SETTINGS = TrainingSettings(batch_size=16)


class Valley(Perceptron):
    """A network whose loss is a function of the learning rate: it falls fastest at 0.01 and diverges above 1."""

    def __init__(self, highest: float = 1.0) -> None:
        super().__init__((4, 4, 1), 3, hidden=2)
        self.highest = highest
        self.rates: list[float] = []

    def train_step(self, images: Any, targets: Any, learning_rate: float, weights: Any = None) -> float:
        self.rates.append(learning_rate)
        if learning_rate > self.highest:
            return 100.0
        return 1.5 - math.tanh(2 * math.log10(learning_rate / 0.01))


def find(network: Perceptron, splits: Splits, **changes: Any) -> LearningRateRange:
    return learning_rate_range(network, splits.train, SETTINGS, **changes)


def test_the_steepest_place_of_a_known_loss_is_found(tiny_splits: Splits) -> None:
    found = find(Valley(), tiny_splits)
    assert found.suggestion == pytest.approx(0.01, rel=0.2)
    assert found.suggestion < found.lowest_loss_at <= 1.0
    assert found.diverged_at == pytest.approx(1.0, rel=0.2)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 200


def test_rates_grow_by_one_factor_through_as_many_epochs_as_they_need(tiny_splits: Splits) -> None:
    network = Valley(highest=math.inf)
    found = find(network, tiny_splits, lowest=1e-4, highest=1.0, steps=50)  # 4 batches an epoch
    assert tuple(network.rates) == found.rates
    assert (found.rates[0], found.rates[-1]) == (1e-4, pytest.approx(1.0))
    factors = np.divide(found.rates[1:], found.rates[:-1])
    np.testing.assert_allclose(factors, factors[0])
    assert found.diverged_at is None
    assert json.loads(json.dumps(found.to_dict()))["suggestion"] == found.suggestion


def test_a_loss_that_is_not_finite_ends_the_test(tiny_splits: Splits) -> None:
    class Broken(Valley):
        def train_step(self, images: Any, targets: Any, learning_rate: float, weights: Any = None) -> float:
            return super().train_step(images, targets, learning_rate) if learning_rate < 1 else math.nan

    assert find(Broken(), tiny_splits).diverged_at == pytest.approx(1.0, rel=0.2)
    with pytest.raises(TrainingError, match=r"does not fall at any learning rate from 0\.1: begin the range lower"):
        find(Valley(highest=0.1), tiny_splits, lowest=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lowest": 0.0}, "must rise from above 0, found 0.0 to 10.0"),
        ({"lowest": 1.0, "highest": 0.1}, "must rise"),
        ({"highest": math.inf}, "must rise"),
        ({"steps": 5}, "20 steps or more, found 5"),
    ],
)
def test_useless_ranges_are_refused(changes: dict[str, float], message: str, tiny_splits: Splits) -> None:
    with pytest.raises(SettingsError, match=message):
        find(Valley(), tiny_splits, **changes)


def test_the_suggestion_is_a_rate_that_trains_the_perceptron() -> None:
    digits = load_images("digits")
    settings = recipe("reference")
    found = learning_rate_range(Perceptron((8, 8, 1), 10), digits.train, settings)
    assert 0.2 < found.suggestion < 10
    momentum = TrainingSettings(batch_size=64, optimizer=OptimizerSettings(momentum=0.9))
    assert learning_rate_range(Perceptron((8, 8, 1), 10), digits.train, momentum).suggestion < found.suggestion


@pytest.mark.parametrize("network", ["perceptron", "reference-cnn"])
def test_the_command_suggests_a_rate_and_draws_a_plot(network: str, tmp_path: Path) -> None:
    if network != "perceptron":
        pytest.importorskip("torch")
    done = inkling("find-lr", "digits", "--network", network, "--out", tmp_path / "lr.png", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["rates"][0] < values["suggestion"] <= values["lowest_loss_at"]
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    refused = inkling("find-lr", "digits", "--network", network, "--lowest", -1, "--out", tmp_path / "no.png")
    assert (refused.returncode, (tmp_path / "no.png").exists()) == (2, False)
    assert refused.stderr.count("\n") == 1
