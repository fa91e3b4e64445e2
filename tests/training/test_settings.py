"""Settings: through JSON and back, and every mistake in them said in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from inkling.errors import SettingsError
from inkling.images.augment import Augmentation
from inkling.images.dataset import Splits
from inkling.networks.catalogue import NETWORKS
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe, recipes_of
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings

OTHERS = TrainingSettings(
    epochs=5,
    batch_size=16,
    seed=4,
    balance_classes=True,
    schedule=ScheduleSettings("cosine", learning_rate=0.4, warmup=0.2),
    label_smoothing=0.1,
    optimizer=OptimizerSettings(momentum=0.9, nesterov=True, weight_decay=1e-4),
    augmentation=Augmentation(shift=0.5, rotation=5, scale=0.1, shear=5),
)


def test_every_problem_is_reported_at_once(tiny_splits: Splits) -> None:
    wrong = TrainingSettings(
        epochs=0,
        batch_size=0,
        seed=-1,
        patience=0,
        schedule=ScheduleSettings("straight", learning_rate=-1.0),
        optimizer=OptimizerSettings(momentum=2.0),
        augmentation=Augmentation(shift=-1.0),
    )
    with pytest.raises(SettingsError) as caught:
        list(train(Perceptron((4, 4, 1), 3), tiny_splits, wrong))
    assert len(caught.value.problems) == 8
    for word in ("epochs", "batch size", "seed", "patience", "schedule", "learning rate", "momentum", "shift"):
        assert word in str(caught.value)


@pytest.mark.parametrize(("network", "name"), [(network, name) for network in NETWORKS for name in recipes_of(network)])
def test_settings_survive_json(network: str, name: str) -> None:
    chosen = replace(recipe(name, network, 2000), seed=11, patience=3)
    assert chosen.recipe == name
    assert TrainingSettings.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen
    assert TrainingSettings.from_dict(json.loads(json.dumps(OTHERS.to_dict()))) == OTHERS
    assert TrainingSettings.from_dict({}) == TrainingSettings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, r"unknown setting 'epoch' \(did you mean 'epochs'\?\)"),
        ({"optimizer": {"momentun": 0.5}}, r"'optimizer\.momentun' \(did you mean 'momentum'\?\)"),
        ({"schedule": 3}, "schedule. must be an object, found int"),
        ({"epochs": 0}, "epochs must be 1 or more, found 0"),
    ],
)
def test_wrong_json_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TrainingSettings.from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "3"}, "epochs: expected int, got str"),
        ({"epochs": 3.5}, "epochs: expected int, got float"),
        ({"epochs": True}, "epochs: expected int, got bool"),
        ({"patience": "x"}, r"patience: expected int \| null, got str"),
        ({"balance_classes": "no"}, "balance_classes: expected bool, got str"),
        ({"schedule": {"learning_rate": "0.5"}}, "schedule.learning_rate: expected float, got str"),
        ({"schedule": {"name": None}}, "schedule.name: expected str, got null"),
        ({"optimizer": {"momentum": None}}, "optimizer.momentum: expected float, got null"),
        ({"augmentation": {"shift": [1]}}, "augmentation.shift: expected float, got array"),
        ([1], "settings must be an object, found list"),
        ({3: 1}, "unknown setting '3'"),
    ],
)
def test_values_of_another_type_are_a_settings_error(values: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        TrainingSettings.from_dict(values)
    assert "\n" not in str(caught.value)


def test_whole_numbers_serve_where_fractions_may_stand() -> None:
    assert TrainingSettings.from_dict({"schedule": {"learning_rate": 1}}).schedule.learning_rate == 1
