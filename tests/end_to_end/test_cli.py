"""The command line as a user types it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command_line import STUDY_DIGITS, TRAIN_DIGITS, inkling, inkling_process, last_json, run_inkling
from inkling.cli import progress


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = inkling(*TRAIN_DIGITS, "--train-size", 300, "--epochs", 60, "--out", folder, "--json")
    assert done.returncode == 0, done.stderr
    values = last_json(done)
    assert values["train_size"] == 300
    assert values["network"] == "perceptron"
    assert values["recipe"] == "reference"
    assert values["epochs"] == 60
    assert values["seed"] == 0
    assert values["run"] == str(folder)
    assert values["train_seconds"] < values["seconds"]
    assert 0.7 < values["validation_accuracy"] <= 1
    assert 0.7 < values["train_accuracy"] <= 1
    return folder


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys; import inkling; inkling.__all__; sys.argv = ['inkling', '--help']\n"
        "from inkling.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in ("train", "evaluate", "compare", "study", "report", "gradcheck", "data", "demo"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "compare", "labels", "study", "report", "gradcheck", "demo", "data show"]
)
def test_every_command_has_help_quiet_and_json(command: str) -> None:
    done = inkling(*command.split(), "--help")
    assert done.returncode == 0
    for option in ("--help", "--quiet", "--json"):
        assert option in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--version",),
        ("train", "--help"),
        ("train", "digitz"),
        ("train", "digits", "--sed", 1),
        ("train", "digits", "--epochs", "many"),
        ("data", "list", "--json"),
        ("evaluate", "run"),
        ("evaluate", "run", "--split", "validation", "--json"),
        ("compare", "run", "run"),
    ],
)
def test_a_command_in_the_process_of_the_tests_does_what_it_does_in_its_own(
    words: tuple[object, ...], run_folder: Path
) -> None:
    here, fresh = (run(*words, cwd=run_folder.parent) for run in (run_inkling, inkling_process))
    assert (here.returncode, here.stdout, here.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_run_folder_holds_what_is_promised(run_folder: Path) -> None:
    names = {path.name for path in run_folder.iterdir()}
    assert names == {
        "run.json", "history.jsonl", "weights.safetensors", "checkpoint.safetensors", "checkpoint.json",
        "predictions.safetensors", "test_ledger.jsonl",
    }  # fmt: skip
    info = json.loads((run_folder / "run.json").read_text())
    assert info["versions"]["numpy"] == np.__version__
    assert info["machine"]["cores"] >= 1
    assert len(info["data"]["fingerprint"]) == 64
    assert info["command"].startswith("inkling train digits")
    history = [json.loads(line) for line in (run_folder / "history.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in history] == list(range(1, 61))


def test_evaluate_counts_add_up(run_folder: Path) -> None:
    values = last_json(inkling("evaluate", run_folder, "--json"))
    assert values["split"] == "test"
    assert values["n"] == 360
    assert sum(values["misses"].values()) == values["n"] - values["correct"]
    assert values["correct"] / values["n"] == values["accuracy"]
    low, high = values["accuracy_interval"]
    assert low < values["accuracy"] < high
    assert set(values["misses"]) == set("0123456789")


def test_evaluate_agrees_with_what_training_said(run_folder: Path) -> None:
    trained = json.loads((run_folder / "run.json").read_text())["results"]
    for split in ("train", "validation"):
        values = last_json(inkling("evaluate", run_folder, "--split", split, "--json"))
        assert values["accuracy"] == trained[f"{split}_accuracy"]
        assert values["loss"] == trained[f"{split}_loss"]


def test_human_output_says_accuracy_with_n_and_interval_and_the_verdict(run_folder: Path) -> None:
    done = inkling("evaluate", run_folder)
    assert "(n = 360, majority baseline 10.3%)" in done.stdout
    assert "test accuracy" in done.stdout
    assert "verfit" in done.stdout
    assert inkling("evaluate", run_folder, "--quiet").stdout.count("\n") == 1


def test_progress_is_plain_lines_where_stderr_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    done = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 5, "--out", tmp_path / "run")
    assert "epoch 5/5" in done.stderr
    assert "\x1b" not in done.stderr
    quiet = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 5, "--out", tmp_path / "quiet", "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout.count("\n") == 1


def test_same_seed_gives_the_same_bytes(run_folder: Path, tmp_path: Path) -> None:
    inkling(*TRAIN_DIGITS, "--train-size", 300, "--epochs", 60, "--out", tmp_path / "again")
    assert (tmp_path / "again/weights.safetensors").read_bytes() == (run_folder / "weights.safetensors").read_bytes()


def test_report_of_a_run(run_folder: Path, tmp_path: Path) -> None:
    values = last_json(inkling("report", run_folder, "--out", tmp_path / "report.html", "--json"))
    page = Path(values["report"]).read_text()
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    assert "verfit" in page


def test_gradcheck_passes_and_prints_a_table(run_folder: Path) -> None:
    done = inkling("gradcheck", run_folder)
    assert done.returncode == 0
    for name in ("da2_db2", "da2_dW2", "da2_df1", "df1_da1", "da1_db1", "da1_dW1"):
        assert name in done.stdout
    assert "MISSED" not in done.stdout


def test_data_show_prints_the_facts_and_draws_a_contact_sheet(tmp_path: Path) -> None:
    values = last_json(inkling("data", "show", "digits", "--out", tmp_path / "sheet.png", "--json"))
    assert values["train"]["n"] == 1077
    assert values["train"]["image_shape"] == [8, 8, 1]
    assert sum(values["test"]["class_counts"].values()) == 360
    assert (tmp_path / "sheet.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert values["contact_sheet"] == str(tmp_path / "sheet.png")


def test_data_show_writes_nothing_unasked(tmp_path: Path) -> None:
    assert last_json(inkling("data", "show", "digits", "--json", cwd=tmp_path))["contact_sheet"] is None
    assert "contact sheet" not in inkling("data", "show", "digits", cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []
    assert inkling("data", "show", "digits", "--contact-sheet", "sheet.png", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_data_list(tmp_path: Path) -> None:
    values = last_json(inkling("data", "list", "--json"))
    assert [entry["name"] for entry in values["sets"]] == ["digits", "mnist", "fashion-mnist", "kmnist"]


def test_a_folder_of_idx_files_is_a_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, n in (("train", 60), ("t10k", 20)):
        labels = np.arange(n, dtype=np.uint8) % 3
        pixels = rng.integers(0, 60, (n, 6, 5), dtype=np.uint8) + (labels * 60)[:, None, None]
        for part, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (tmp_path / f"{name}-{part}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    out = tmp_path / "run"
    words = ("--network", "perceptron", "--epochs", 200, "--batch-size", 10)
    done = inkling("train", tmp_path, *words, "--out", out, "--json")
    assert last_json(done)["train_size"] == 50
    assert last_json(inkling("evaluate", out, "--json"))["n"] == 20


def test_a_source_given_by_a_relative_path_is_found_from_anywhere(
    tmp_path: Path, write_idx: Callable[..., Path]
) -> None:
    labels = np.arange(60, dtype=np.uint8) % 3
    write_idx(tmp_path / "shapes/train-images-idx3-ubyte", np.repeat(labels, 16).reshape(60, 4, 4) * 100)
    write_idx(tmp_path / "shapes/train-labels-idx1-ubyte", labels)
    assert (
        inkling("train", "shapes", "--network", "perceptron", "--epochs", 2, "--out", "run", cwd=tmp_path).returncode
        == 0
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert last_json(inkling("evaluate", "../run", "--json", cwd=elsewhere))["n"] == 10


def test_study_is_resumable_and_does_only_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "study"
    words = (*STUDY_DIGITS, "--train-sizes", "50,100", "--epochs", 8, "--out", out)
    first = last_json(inkling(*words, "--seeds", "0,1", "--json"))
    assert [(cell["train_size"], cell["test_accuracy"]["n"]) for cell in first["cells"]] == [(50, 2), (100, 2)]
    written = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*")}
    assert len(written) == 4 * 7
    more = last_json(inkling(*words, "--seeds", "0,1,2", "--jobs", "2", "--json"))
    assert [cell["seeds"] for cell in more["cells"]] == [[0, 1, 2], [0, 1, 2]]
    assert {path: path.stat().st_mtime_ns for path in written} == written
    alone = tmp_path / "alone"
    inkling(*STUDY_DIGITS, "--train-sizes", "50", "--epochs", 8, "--seeds", "2", "--out", alone)
    weights = "runs/perceptron-50-seed2/weights.safetensors"
    assert (alone / weights).read_bytes() == (out / weights).read_bytes()  # jobs do not change results
    other = inkling(*words[:-3], 9, "--out", out, "--seeds", "0")
    assert other.returncode == 2
    assert "holds a study with other settings for perceptron on 50 images: choose another --out" in other.stderr


def test_the_report_of_a_study_says_which_runs_are_missing(tmp_path: Path) -> None:
    out = tmp_path / "study"
    inkling(*STUDY_DIGITS, "--train-sizes", "50", "--epochs", 3, "--seeds", "0,1", "--out", out)
    assert "not finished" not in Path(last_json(inkling("report", out, "--json"))["report"]).read_text()
    (out / "runs/perceptron-50-seed1/run.json").unlink()
    page = Path(last_json(inkling("report", out, "--json"))["report"]).read_text()
    assert "1 of the study&#39;s runs is not finished" in page or "1 of the study's runs is not finished" in page
    assert "perceptron-50-seed1" in page


def test_demo_runs_the_study_and_writes_the_report(tmp_path: Path) -> None:
    done = inkling("demo", "--out", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    values = last_json(done)
    cells = {(cell["network"], cell["train_size"]): cell["test_accuracy"]["mean"] for cell in values["cells"]}
    assert list(cells) == [(name, size) for name in ("perceptron", "reference-cnn") for size in (200, 1077)]
    assert cells["perceptron", 1077] > 0.93
    assert cells["reference-cnn", 1077] > 0.97
    assert Path(values["report"]).stat().st_size > 50_000
