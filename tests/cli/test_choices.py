"""`--network auto`: chosen by a stated rule, said aloud, recorded, and kept by what goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.errors import SettingsError
from inkling.runs.run import Run
from inkling.training.recipes.choice import choose_network_for, networks_of

QUICK = ("--train-size", 200, "--epochs", 1)


def test_the_recipe_decides_where_the_recommended_network_lacks_it() -> None:
    pytest.importorskip("torch")
    assert choose_network_for("strong", (8, 8, 1), 100)[0] == "cnn"
    assert choose_network_for("strong", (8, 8, 1), 100, preferred="small-cnn")[0] == "small-cnn"
    assert choose_network_for("strong", (7, 8, 1), 100)[0] == "perceptron"
    assert choose_network_for("distil", (8, 8, 1), 100) == ("perceptron", "perceptron: cnn has no recipe 'distil'")
    assert networks_of("reference") == (
        "perceptron",
        "reference-cnn",
        "cnn",
        "small-cnn",
        "photo-cnn",
        "pretrained",
        "finetuned",
    )
    with pytest.raises(SettingsError, match="did you mean 'strong'"):
        networks_of("stromg")


def test_training_chooses_a_network_and_says_why(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = inkling("train", "digits", *QUICK, "--out", tmp_path / "run", "--json")
    values = last_json(done)
    assert values["network"] == "cnn"
    assert values["network_choice"].startswith("cnn for 200 training images of 8x8 pixels: PyTorch is installed")
    assert f"--network auto: {values['network_choice']}\n" in done.stderr
    # The record repeats the run, whatever is installed then.
    assert json.loads((tmp_path / "run/run.json").read_text())["command"].endswith("--network cnn")
    assert inkling("train", "digits", *QUICK, "--out", tmp_path / "quiet", "-q").stderr == ""


def test_without_pytorch_the_perceptron_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Absent, as where it is not installed: libraries ask `sys.modules` for a torch to look into.
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    find = PathFinder.find_spec
    monkeypatch.setattr(PathFinder, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    done = inkling("train", "digits", *QUICK, "--out", tmp_path / "run", "--json")
    assert last_json(done)["network"] == "perceptron"
    assert "PyTorch, which cnn needs, is not installed" in done.stderr
    study = inkling(
        "study", "digits", "--train-sizes", 50, "--seeds", 0, "--epochs", 1, "--out", tmp_path / "study", "--json"
    )
    assert last_json(study)["cells"][0]["network"] == "perceptron"
    assert "PyTorch, which cnn needs, is not installed" in last_json(study)["network_choice"]
    rates = inkling("find-lr", "digits", "--steps", 20, "--out", tmp_path / "rates.png", "--json")
    assert last_json(rates)["network"] == "perceptron"
    assert "PyTorch, which cnn needs, is not installed" in last_json(rates)["network_choice"]


def test_a_network_that_the_user_names_is_no_choice(tmp_path: Path) -> None:
    done = inkling(*TRAIN_DIGITS, *QUICK, "--out", tmp_path / "run", "--json")
    assert last_json(done)["network_choice"] is None
    assert "auto" not in done.stderr


def test_a_mistake_is_one_line_under_auto_too(tmp_path: Path) -> None:
    assert_refused(inkling("train", "digits", "--train-size", 5000, "--out", tmp_path / "run"), "1,077")
    assert_refused(inkling("study", "digits", "--train-sizes", 5000, "--out", tmp_path / "run"), "1,077")


def test_a_run_and_a_study_that_go_on_keep_their_network(tmp_path: Path) -> None:
    """As runs do that were made when the perceptron was the default, by commands that name no network."""
    run, study = tmp_path / "run", tmp_path / "study"
    assert inkling(*TRAIN_DIGITS, *QUICK, "--out", run).returncode == 0
    assert last_json(inkling("train", "digits", *QUICK, "--out", run, "--resume", "--json"))["network"] == "perceptron"
    words = ("study", "digits", "--seeds", 0, "--epochs", 1, "--out", study)
    assert inkling(*words, "--networks", "perceptron", "--train-sizes", 50).returncode == 0
    more = last_json(inkling(*words, "--train-sizes", "50,100", "--json"))
    assert [(cell["network"], cell["train_size"]) for cell in more["cells"]] == [
        ("perceptron", 50),
        ("perceptron", 100),
    ]


def test_the_default_folder_names_network_and_recipe(tmp_path: Path) -> None:
    for recipe in ("reference", "strong"):
        done = inkling(*TRAIN_DIGITS, *QUICK, "--recipe", recipe, "--json", cwd=tmp_path)
        assert last_json(done)["run"] == str(Path("runs", f"digits-perceptron-{recipe}-200-seed0"))
        assert Run(tmp_path / last_json(done)["run"]).finished


def test_images_that_are_small_get_the_perceptron(tmp_path: Path, write_idx: Callable[..., Path]) -> None:
    labels = np.arange(60, dtype=np.uint8) % 3
    write_idx(tmp_path / "data/train-images-idx3-ubyte", np.repeat(labels, 16).reshape(60, 4, 4) * 100)
    write_idx(tmp_path / "data/train-labels-idx1-ubyte", labels)
    done = inkling("train", tmp_path / "data", "--epochs", 2, "--out", tmp_path / "run", "--json")
    assert last_json(done)["network"] == "perceptron"
    assert "cnn needs images of 8x8 or larger" in done.stderr


def test_a_batch_that_a_small_set_cannot_fill_is_shrunk_and_said(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ("--network", "small-cnn", "--train-size", 60, "--epochs", 1)
    done = inkling("train", "digits", *words, "--out", tmp_path / "run", "--json")
    assert last_json(done)["notes"][0].startswith("batch size 100 -> 60: ")
    assert f"{last_json(done)['notes'][0]}\n" in done.stderr
    grid = ("--networks", "small-cnn", "--train-sizes", 60, "--seeds", "0,1", "--epochs", 1)
    study = inkling("study", "digits", *grid, "--out", tmp_path / "study", "--json")
    assert last_json(study)["notes"] == last_json(done)["notes"]
    assert study.stderr.count("batch size 100 -> 60") == 1
