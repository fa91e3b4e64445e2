"""Recipes: found by the family of a network, and fitted, with a note, to the number of training images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import inkling
from inkling.errors import NetworkError, SettingsError
from inkling.networks import catalogue
from inkling.networks.catalogue import CATALOGUE, NETWORKS
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.recipes import convolutional, perceptron, photos
from inkling.training.recipes.recipe import Recipe
from inkling.training.recipes.registry import RECIPE_NAMES, find_recipe, plan_settings, recipe, recipes_of
from inkling.training.settings import TrainingSettings


def test_every_network_has_the_recipes_of_its_family() -> None:
    assert recipes_of("perceptron") is perceptron.RECIPES
    for network in ("reference-cnn", "cnn", "small-cnn"):
        assert recipes_of(network) is convolutional.RECIPES
    assert recipes_of("photo-cnn") is photos.RECIPES
    assert RECIPE_NAMES == ("reference", "strong", "distil", "fast")
    for network in NETWORKS:
        for name, found in recipes_of(network).items():
            assert name == found.name
            assert found.settings.problems() == []


def test_photos_are_mirrored_and_digits_are_not() -> None:
    for network in ("perceptron", "reference-cnn", "cnn", "small-cnn", "photo-cnn"):
        for chosen in recipes_of(network).values():
            assert chosen.settings.augmentation.flip == (network == "photo-cnn")


def test_settings_written_before_there_were_photos_still_load() -> None:
    written = {"shift": 2.0, "rotation": 15.0, "scale": 0.15, "shear": 15.0, "elastic": 0.0}
    loaded = TrainingSettings.from_dict({"recipe": "strong", "augmentation": written}).augmentation
    assert loaded == convolutional.strong().settings.augmentation


def test_adding_a_recipe_touches_its_family_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Recipe(TrainingSettings(recipe="mine", epochs=3))
    monkeypatch.setattr(perceptron, "RECIPES", {**perceptron.RECIPES, mine.name: mine})
    assert recipe("mine", "perceptron") == mine.settings
    with pytest.raises(SettingsError, match="no recipe of the cnn is called 'mine'"):
        find_recipe("mine", "cnn")


def test_a_new_network_has_recipes_by_its_entry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(CATALOGUE["perceptron"], name="wide", build=lambda **_: Perceptron(hidden=512))
    monkeypatch.setattr(catalogue, "CATALOGUE", {**CATALOGUE, "wide": entry})
    assert recipe("strong", "wide") == recipe("strong", "perceptron")


def test_a_batch_shrinks_to_the_training_images_and_says_so() -> None:
    settings, notes = plan_settings("reference", "reference-cnn", 63)
    assert settings.batch_size == 63
    assert notes == (
        "batch size 100 -> 63: the recipe reference needs whole batches, and there are 63 training images",
    )
    assert settings == recipe("reference", "reference-cnn", 63)
    assert settings == recipe("reference", "reference-cnn", 63, batch_size=63), "what is recorded does not repeat it"
    assert plan_settings("reference", "reference-cnn", 63, batch_size=63).notes == ()
    assert plan_settings("reference", "reference-cnn", 63, batch_size=80).settings.batch_size == 63
    assert plan_settings("reference", "reference-cnn", 100).notes == ()
    assert plan_settings("reference", "reference-cnn").settings.batch_size == 100
    assert plan_settings("strong", "cnn", 10).settings.batch_size == 10
    assert plan_settings("reference", "perceptron", 63).settings.batch_size == 256  # normalises no batch


def test_a_small_run_trains_records_its_batch_and_resumes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ("train", "digits", "--network", "reference-cnn", "--train-size", 63, "--epochs", 2)
    done = inkling(*words, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/run.json").read_text())["settings"]["batch_size"] == 63
    again = inkling(*words, "--out", tmp_path / "run", "--resume")
    assert again.returncode == 0, again.stderr


def test_a_small_cell_of_a_study_says_how_to_repeat_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ("study", "digits", "--networks", "reference-cnn", "--train-sizes", "40", "--seeds", "0", "--epochs", 1)
    done = inkling(*words, "--out", tmp_path / "study")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "study/runs").iterdir()
    info = json.loads((run / "run.json").read_text())
    assert info["settings"]["batch_size"] == 40
    assert "--batch-size 40" in info["command"]


def test_unknown_recipes_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"'refrence' \(did you mean 'reference'\?\)"):
        find_recipe("refrence", "perceptron")
    with pytest.raises(
        SettingsError, match="no recipe of the perceptron is called 'fast': choose from reference, strong"
    ):
        recipe("fast", "perceptron")
    with pytest.raises(NetworkError, match=r"'percetron' \(did you mean 'perceptron'\?\)"):
        recipe("reference", "percetron")
    with pytest.raises(SettingsError, match="epochs must be 1 or more"):
        recipe("reference", epochs=0)


def test_changes_of_another_name_or_type_are_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'epoch' \(did you mean 'epochs'\?\)"):
        recipe("reference", epoch=3)
    for change in ({"epochs": "3"}, {"learning_rate": "high"}, {"batch_size": 2.5}):
        with pytest.raises(SettingsError):
            recipe("reference", **change)
