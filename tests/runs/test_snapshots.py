"""The weights of every epoch: kept while a run trains, continued where it resumes, and what they answer."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkling.errors import RunError
from inkling.images.sources.digits import load_digits
from inkling.runs.arrays import file_sha256, load_arrays
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.runs.snapshots import snapshot_epochs, snapshot_network
from inkling.training.recipes.registry import recipe

PLAN = RunPlan(
    "digits", "perceptron", recipe("reference", network="perceptron", epochs=4), train_size=60, snapshots=True
)


def trained(folder: Path, plan: RunPlan = PLAN, resume: bool = False) -> Run:
    for _ in train_run(plan, load_digits(), folder, resume=resume):
        pass
    return Run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("runs") / "run")


def digests(run: Run) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in (run.folder / "snapshots").iterdir()}


def test_every_epoch_is_kept_without_the_optimiser(run: Run) -> None:
    assert snapshot_epochs(run) == [0, 1, 2, 3, 4]
    best, _ = load_arrays(run.folder / "weights.safetensors")
    best_epoch = (run.results or {})["best_epoch"]
    kept, metadata = load_arrays(run.folder / "snapshots" / f"epoch-{best_epoch:04d}.safetensors")
    assert metadata["epoch"] == str(best_epoch)
    assert kept.keys() == best.keys()
    for name, array in best.items():
        np.testing.assert_array_equal(kept[name], array)


def test_they_answer_as_the_history_says(run: Run) -> None:
    validation = load_digits().validation
    for epoch in run.history():
        predicted = snapshot_network(run, epoch["epoch"]).predict_proba(validation.images).argmax(axis=1)
        assert np.mean(predicted == validation.labels) == pytest.approx(epoch["validation_accuracy"])
    begun = snapshot_network(run, 0).predict_proba(validation.images)
    assert np.mean(begun.argmax(axis=1) == validation.labels) < 0.5


def test_without_the_option_nothing_is_kept(tmp_path: Path) -> None:
    other = trained(tmp_path / "other", replace(PLAN, snapshots=False))
    assert snapshot_epochs(other) == []
    assert not (other.folder / "snapshots").exists()
    with pytest.raises(RunError, match="has kept no weights of epoch 1: train with --snapshots"):
        snapshot_network(other, 1)


def test_resuming_goes_on_with_them_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    with closing(train_run(PLAN, load_digits(), stopped)) as records:
        next(records)
        next(records)
    late = stopped / "snapshots" / "epoch-0004.safetensors"  # of epochs that will be trained again
    late.write_bytes(b"old")
    again = trained(stopped, resume=True)
    assert digests(again) == digests(run)


def test_a_damaged_or_renamed_snapshot_is_refused(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, copy := tmp_path / "copy")
    first = copy / "snapshots" / "epoch-0001.safetensors"
    shutil.copy(first, copy / "snapshots" / "epoch-0003.safetensors")
    with pytest.raises(RunError, match="holds the weights of another epoch"):
        snapshot_network(Run(copy), 3)
    first.write_bytes(first.read_bytes()[:50])
    with pytest.raises(RunError, match="damaged"):
        snapshot_network(Run(copy), 1)
