"""Settings by name: found, read from words, and put into the settings of a recipe."""

from __future__ import annotations

import pytest

from inkling.errors import SettingsError
from inkling.images.augment import Augmentation
from inkling.training.recipes.registry import recipe
from inkling.training.variation import TRAINING, apply_variant, find_setting, read_value, value_word, variants


@pytest.mark.parametrize("name", ["weight_decay", "weight-decay", "optimizer.weight_decay"])
def test_a_setting_has_a_plain_and_a_dotted_name(name: str) -> None:
    assert find_setting(name, "perceptron").path == ("optimizer", "weight_decay")


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"wieght_decay": ["0"]}, "unknown setting 'wieght_decay' .did you mean 'weight_decay'"),
        ({"dropout": ["0.5"]}, "perceptron has no setting 'dropout', which reference-cnn has"),
        ({"seed": ["1"]}, "give several seeds"),
        ({"augmentation": ["afine"]}, "found 'afine' .did you mean 'affine'"),
        ({"hidden": ["many"]}, "hidden must be a whole number, found 'many'"),
        ({"flip": ["maybe"]}, "flip must be yes or no, found 'maybe'"),
        ({"weight_decay": ["1e-4", "0.0001"]}, "varied over different values, found 0.0001, 0.0001"),
        ({"weight_decay": []}, "varied over different values, found none"),
        ({"augmentation": ["none"], "shift": ["1"]}, "augmentation sets shift too"),
        ({"weight_decay": ["0"], "optimizer.weight_decay": ["1"]}, "varied twice"),
    ],
)
def test_what_cannot_be_varied_is_one_line(vary: dict[str, list[str]], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        variants(vary, "perceptron")
    assert "\n" not in str(raised.value)


def test_every_combination_is_there_with_the_last_setting_changing_fastest() -> None:
    found = variants({"weight_decay": [0, 1e-4], "hidden": ["16", 64]}, "perceptron", ["reference", "strong"])
    assert len(found) == 8
    assert found[:2] == [
        {"hidden": "16", "recipe": "reference", "weight_decay": "0"},
        {"hidden": "64", "recipe": "reference", "weight_decay": "0"},
    ]
    assert variants({}, "perceptron") == [{}]


def test_every_setting_takes_its_own_value_back() -> None:
    settings = recipe("strong")
    for name, setting in TRAINING.items():
        if name == "augmentation":
            continue
        value = settings.to_dict()
        for part in setting.path:
            value = value[part]
        assert read_value(setting, value_word(value)) == value, name
        assert apply_variant(settings, {name: value_word(value)}, "perceptron").settings == settings, name


def test_what_another_setting_makes_impossible_follows_it() -> None:
    strong = recipe("strong")
    adam, _ = apply_variant(strong, {"optimizer": "adam"}, "perceptron")
    assert (adam.optimizer.momentum, adam.optimizer.nesterov) == (0.9, False)
    assert not apply_variant(strong, {"momentum": "0"}, "perceptron").settings.optimizer.nesterov
    assert apply_variant(strong, {"schedule": "constant"}, "perceptron").settings.schedule.warmup == 0
    plain = apply_variant(strong, {"augmentation": "none", "hidden": "7"}, "perceptron")
    assert plain.settings.augmentation == Augmentation()
    assert plain.network_options == {"hidden": 7}
    with pytest.raises(SettingsError, match="weight decay must lie in"):
        apply_variant(strong, {"weight_decay": "2"}, "perceptron")
