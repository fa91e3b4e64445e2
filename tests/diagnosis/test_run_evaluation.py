"""Evaluation of runs: from stored predictions where there are some, with the same numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command_line import assert_refused, inkling, last_json
from inkling.diagnosis.run_evaluation import evaluate_runs
from inkling.errors import DataError
from inkling.runs.ledger import read_ledger
from inkling.runs.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds of a perceptron on 200 of the digits."""
    folder = tmp_path_factory.mktemp("evaluated")
    folders = [folder / f"seed{seed}" for seed in (0, 1)]
    for seed, out in enumerate(folders):
        words = ("--network", "perceptron", "--train-size", 200, "--epochs", 30, "--seed", seed, "--out", out)
        assert inkling("train", "digits", *words).returncode == 0
    return folders


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("count", [1, 2])
def test_stored_predictions_give_the_numbers_that_computing_gives(runs: list[Path], split: str, count: int) -> None:
    opened = [Run(folder) for folder in runs[:count]]
    stored, computed = (evaluate_runs(opened, split, device=device).to_dict() for device in ("auto", "cpu"))
    # Nothing says that two runs of different training images share their validation images: those are computed.
    assert stored.pop("predictions") == ("computed" if (split, count) == ("validation", 2) else "stored")
    assert computed.pop("predictions") == "computed"
    assert stored == computed


def test_stored_predictions_of_a_convolutional_network(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = (
        "--network",
        "small-cnn",
        "--train-size",
        200,
        "--epochs",
        2,
        "--batch-size",
        50,
        "--out",
        tmp_path / "run",
    )
    assert inkling("train", "digits", *words).returncode == 0
    run = Run(tmp_path / "run")
    stored, computed = evaluate_runs([run]).to_dict(), evaluate_runs([run], device="cpu").to_dict()
    assert (stored.pop("predictions"), computed.pop("predictions")) == ("stored", "computed")
    assert stored == computed


def test_training_images_and_other_images_are_computed_with_progress(runs: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    measured = evaluate_runs([Run(runs[0])], "train", progress=lambda done, total: told.append((done, total)))
    assert not measured.stored
    assert told[-1] == (200, 200)
    again = evaluate_runs([Run(runs[0])], data="digits")
    assert not again.stored
    # The run's own test images by another name are compared with nothing, and looked at all the same.
    assert (again.own_test, again.shift) == (True, None)
    looks = len(read_ledger(runs[0]).looks)
    assert "digits are the run's own test images" in inkling("evaluate", runs[0], "--data", "digits").stdout
    assert len(read_ledger(runs[0]).looks) == looks + 1
    with pytest.raises(DataError, match="did you mean 'test'"):
        evaluate_runs([Run(runs[0])], "tset")


def test_a_run_is_evaluated_though_its_source_is_gone(tmp_path: Path, write_idx: Callable[..., Path]) -> None:
    labels = np.arange(80, dtype=np.uint8) % 4
    for name in ("train", "t10k"):
        write_idx(tmp_path / f"data/{name}-images-idx3-ubyte", np.repeat(labels, 16).reshape(80, 4, 4) * 60)
        write_idx(tmp_path / f"data/{name}-labels-idx1-ubyte", labels)
    run = tmp_path / "run"
    assert inkling("train", tmp_path / "data", "--network", "perceptron", "--epochs", 3, "--out", run).returncode == 0
    before = last_json(inkling("evaluate", run, "--json"))
    shutil.rmtree(tmp_path / "data")
    after = last_json(inkling("evaluate", run, "--json"))
    assert after.pop("test_ledger")["looks"] == before.pop("test_ledger")["looks"] + 1
    assert after == before
    assert before["predictions"] == "stored"
    assert_refused(inkling("evaluate", run, "--split", "train"), str(tmp_path / "data"))


def test_predictions_that_are_missing_or_damaged_are_computed(runs: list[Path], tmp_path: Path) -> None:
    expected = last_json(inkling("evaluate", runs[0], "--json"))
    copy = Path(shutil.copytree(runs[0], tmp_path / "copy"))
    for damage in (lambda path: path.write_bytes(b"\xff" * 100), lambda path: path.unlink()):
        damage(copy / "predictions.safetensors")
        values = last_json(inkling("evaluate", copy, "--json"))
        assert values["predictions"] == "computed"
        assert values["accuracy"] == expected["accuracy"]


def test_every_class_that_is_misclassified_says_as_what(runs: list[Path]) -> None:
    values = last_json(inkling("evaluate", runs[0], "--json"))
    lines = inkling("evaluate", runs[0]).stdout.splitlines()
    for place, (name, missed) in enumerate(values["misses"].items()):
        row = next(line.split() for line in lines if line.split()[:1] == [name])
        counts = [count for other, count in enumerate(values["confusion"][place]) if other != place]
        assert row[2] == str(missed)
        most_often, scores = row[3 : 5 if missed else 3], row[5 if missed else 3 :]
        assert most_often == ([] if not missed else [row[3], f"({max(counts)})"])
        assert scores[0].endswith("%")  # recall, then its interval
