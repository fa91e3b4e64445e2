"""Studies whose grid has settings: folders, resuming, several jobs, and what is read back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command_line import inkling_process, last_json
from inkling.errors import NetworkError, RunError, SettingsError
from inkling.images.sources.digits import load_digits
from inkling.networks.catalogue import build_network, rebuild
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder, load_runs
from inkling.studies.plan import StudyPlan, train_command
from inkling.studies.study import run_study
from inkling.studies.summary import read_study


def plan(**vary: list[object]) -> StudyPlan:
    return StudyPlan.from_recipe("digits", ["perceptron"], [50], [0, 1], epochs=2, vary=vary)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run_study(plan(hidden=[4, 8], weight_decay=[0, 1e-3]), tmp_path / "study")
    return tmp_path / "study"


def test_a_plain_study_is_written_as_ever(tmp_path: Path) -> None:
    run_study(StudyPlan.from_recipe("digits", ["perceptron"], [50], [0], epochs=1), tmp_path / "study")
    assert [path.name for path in (tmp_path / "study" / "runs").iterdir()] == ["perceptron-50-seed0"]
    assert json.loads((tmp_path / "study" / "study.json").read_text())["cells"][0].keys() == {
        "network", "train_size", "settings",
    }  # fmt: skip
    assert "variant" not in Run(tmp_path / "study" / "runs" / "perceptron-50-seed0").info


def test_varied_runs_say_what_is_varied(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "runs").iterdir())
    assert names[:2] == [f"perceptron-50-hidden=4-weight_decay=0-seed{seed}" for seed in (0, 1)]
    assert len(names) == 8
    run = Run(folder / "runs" / names[0])
    assert run.variant == {"hidden": "4", "weight_decay": "0"}
    assert run.label == "perceptron (hidden 4, weight decay 0)"
    assert run.info["network"]["hidden"] == 4
    assert run.predict(load_digits().test.images[:3]).shape == (3, 10)


def test_a_varied_study_is_read_cell_by_cell(folder: Path) -> None:
    study = read_study(folder)
    assert [cell.variant for cell in study.cells] == [
        {"hidden": hidden, "weight_decay": decay} for hidden in ("4", "8") for decay in ("0", "0.001")
    ]
    assert all(cell.seeds == (0, 1) for cell in study.cells)
    assert study.table()[1][0] == "perceptron (hidden 4, weight decay 0)"
    assert study.to_dict()["cells"][3]["variant"] == {"hidden": "8", "weight_decay": "0.001"}


def test_a_second_start_does_what_is_missing_in_any_order_of_settings(folder: Path) -> None:
    there = {run.folder.name: run.weights_digest() for run in load_runs(folder)}
    run_study(plan(weight_decay=[1e-3, 0], hidden=[8, 16]), folder, jobs=2)
    now = {run.folder.name: run.weights_digest() for run in load_runs(folder)}
    assert len(now) == 12
    assert there.items() <= now.items()
    assert StudyFolder(folder).unfinished_runs() == []


def test_a_run_of_another_variant_is_noticed(folder: Path) -> None:
    runs = folder / "runs"
    (runs / "perceptron-50-hidden=4-weight_decay=0-seed0").rename(runs / "away")
    (runs / "perceptron-50-hidden=8-weight_decay=0-seed0").rename(runs / "perceptron-50-hidden=4-weight_decay=0-seed0")
    with pytest.raises(RunError, match=r"expected the run of perceptron \(hidden 4, .*found perceptron \(hidden 8"):
        load_runs(folder)


def test_the_command_of_a_varied_run_repeats_it(folder: Path, tmp_path: Path) -> None:
    run = Run(folder / "runs" / "perceptron-50-hidden=8-weight_decay=0.001-seed1")
    words = run.info["command"].split()
    assert words[0] == "inkling"
    done = inkling_process(*(tmp_path / "again" if word == "RUN" else word for word in words[1:]))
    assert done.returncode == 0, done.stderr
    assert Run(tmp_path / "again").weights_digest() == run.weights_digest()
    for cell in plan(augmentation=["none", "shift"], batch_size=[16, 32]).cells():
        assert "--set" in train_command(cell)


def test_two_recipes_are_a_setting() -> None:
    both = StudyPlan.from_recipe("digits", ["perceptron"], [50], [0], recipes=["reference", "strong"], epochs=2)
    assert [cell.variant for cell in both.grid()] == [{"recipe": "reference"}, {"recipe": "strong"}]
    assert [cell.settings.optimizer.momentum for cell in both.grid()] == [0.0, 0.9]


def test_what_cannot_work_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="epochs is given and varied"):
        StudyPlan.from_recipe("digits", ["perceptron"], [50], [0], epochs=2, vary={"epochs": [1, 2]})
    with pytest.raises(NetworkError, match="needs hidden units, found 0"):
        run_study(plan(hidden=[0, 4]), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_the_command_varies_settings(tmp_path: Path) -> None:
    words = ("study", "digits", "--networks", "perceptron", "--train-sizes", 50, "--seeds", 0, "--epochs", 2)
    vary = ("--recipes", "reference,strong", "--vary", "augmentation=none,shift")
    done = last_json(inkling_process(*words, *vary, "--out", tmp_path / "study", "--json"))
    assert [cell["variant"] for cell in done["cells"]] == [
        {"augmentation": augmentation, "recipe": recipe}
        for recipe in ("reference", "strong")
        for augmentation in ("none", "shift")
    ]
    refused = inkling_process(*words, "--vary", "hiden=4", "--out", tmp_path / "other")
    assert refused.returncode == 2
    assert re.search(r"unknown setting 'hiden' \(did you mean 'hidden'\?\)", refused.stderr)


def test_sizes_of_a_convolutional_network_are_kept_in_its_description() -> None:
    pytest.importorskip("torch")
    network = build_network("reference-cnn", (8, 8, 1), 3, hidden=20, dropout=0.2)
    assert network.description() == {
        "network": "reference-cnn", "image_shape": [8, 8, 1], "n_classes": 3, "hidden": 20, "dropout": 0.2,
    }  # fmt: skip
    assert rebuild(network.description()).state().keys() == network.state().keys()
    with pytest.raises(NetworkError, match=r"no option 'droput' \(did you mean 'dropout'\?\)"):
        build_network("reference-cnn", (8, 8, 1), 3, droput=0.2)
    with pytest.raises(NetworkError, match=r"dropout in 0\.\.1"):
        build_network("reference-cnn", (8, 8, 1), 3, dropout=1.0)
