"""A study folder: the grid in study.json says what belongs to it, and what it says is checked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inkling.errors import RunError
from inkling.images.sources.digits import load_digits
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.lock import folder_lock
from inkling.studies.folder import StudyFolder, load_runs
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.studies.summary import read_study
from inkling.training.recipes.registry import recipe


def plan(*seeds: int, sizes: tuple[int, ...] = (50,), epochs: int = 2) -> StudyPlan:
    return StudyPlan.from_recipe("digits", ["perceptron"], sizes, seeds or (0, 1), epochs=epochs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run_study(plan(), tmp_path / "study")
    return tmp_path / "study"


def test_finished_runs_only_are_listed(tmp_path: Path) -> None:
    study = StudyFolder.open(plan(epochs=5), tmp_path / "study", "")

    def train_cell(seed: int, epochs: int) -> Iterator[object]:
        cell = RunPlan("digits", "perceptron", recipe("reference", epochs=5, seed=seed), 50)
        records = train_run(cell, load_digits(), study.run_folder("perceptron", 50, seed))
        for _ in range(epochs):
            yield next(records)
        records.close()

    list(train_cell(0, 2))
    with pytest.raises(RunError, match="no finished run"):
        load_runs(study.folder)
    cell = RunPlan("digits", "perceptron", recipe("reference", epochs=5, seed=1), 50)
    for _ in train_run(cell, load_digits(), study.run_folder("perceptron", 50, 1)):
        pass
    assert [run.settings.seed for run in load_runs(study.folder)] == [1]
    assert StudyFolder(study.folder).unfinished_runs() == ["perceptron-50-seed0"]


def test_a_copied_run_folder_is_no_other_seed(folder: Path) -> None:
    before = read_study(folder).to_dict()
    shutil.copytree(folder / "runs/perceptron-50-seed0", folder / "runs/perceptron-50-seed0 copy")
    shutil.copytree(folder / "runs/perceptron-50-seed0", folder / "runs/perceptron-50-seed7")
    assert read_study(folder).to_dict() == before
    assert len(load_runs(folder)) == 2


def test_a_run_in_the_folder_of_another_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "runs/perceptron-50-seed1")
    shutil.copytree(folder / "runs/perceptron-50-seed0", folder / "runs/perceptron-50-seed1")
    with pytest.raises(
        RunError, match=r"expected the run of perceptron on 50 images with seed 1, found .* with seed 0"
    ):
        read_study(folder)


def test_a_study_that_goes_on_widens_its_grid(folder: Path) -> None:
    study = run_study(plan(1, 2, sizes=(50, 60)), folder)
    assert [(cell.train_size, cell.seeds) for cell in study.cells] == [(50, (0, 1, 2)), (60, (1, 2))]
    assert StudyFolder(folder).unfinished_runs() == ["perceptron-60-seed0"]
    with pytest.raises(RunError, match="other settings for perceptron on 50 images"):
        run_study(plan(epochs=3), folder)


def test_a_study_begun_before_a_setting_had_its_name_goes_on(folder: Path) -> None:
    info = json.loads((folder / "study.json").read_text())
    for cell in info["cells"]:
        del cell["settings"]["balance_classes"]
    (folder / "study.json").write_text(json.dumps(info))
    assert run_study(plan(0, 1, 2), folder).cells[0].seeds == (0, 1, 2)


def test_two_studies_in_one_folder_are_refused(folder: Path) -> None:
    before = (folder / "study.json").read_bytes()
    with folder_lock(folder, "a test"), pytest.raises(RunError, match="in use by a test"):
        run_study(plan(3), folder)
    assert (folder / "study.json").read_bytes() == before


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("cells", 0, "train_size"), "50", r"cells\[0\].train_size: expected int, got str"),
        (("cells", 0, "settings"), 1, r"cells\[0\].settings: expected object, got int"),
        (("cells",), {}, "cells: expected array, got object"),
        (("seeds",), ["0"], r"seeds\[0\]: expected int, got str"),
        (("seeds",), [0, 0], "there twice"),
        (("command",), 3, "command: expected str, got int"),
        (("failed",), [{"seed": 1}], r"failed\[0\]: object missing required field"),
        (("format",), 2, "format 2, this version reads 1"),
        (("source",), None, "source: expected str, got null"),
    ],
)
def test_a_value_that_no_study_writes_is_named(folder: Path, path: tuple[Any, ...], value: Any, message: str) -> None:
    info = json.loads((folder / "study.json").read_text())
    at = info
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    (folder / "study.json").write_text(json.dumps(info))
    with pytest.raises(RunError, match=rf"study\.json: damaged .*{message}"):
        StudyFolder(folder)


@pytest.mark.parametrize("text", ["", "[]", "[" * 200_000, '{"format": 1'])
def test_a_damaged_study_json_is_one_line(folder: Path, text: str) -> None:
    (folder / "study.json").write_text(text)
    with pytest.raises(RunError, match=r"study\.json"):
        load_runs(folder)
