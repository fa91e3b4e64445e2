"""What users get wrong: exit status 2, one clear line, nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from command_line import STUDY_DIGITS, TRAIN_DIGITS, assert_refused, inkling


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = inkling(*TRAIN_DIGITS, "--train-size", 60, "--epochs", 3, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, n in (("train", 60), ("t10k", 20)):
        labels = np.arange(n, dtype=np.uint8) % 10
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(np.zeros((n, 4, 4), np.uint8)))
    return folder


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "truncated": (IMAGES, lambda data: data[:-1], "promises"),
    "truncated header": (IMAGES, lambda data: data[:6], "truncated"),
    "empty": (IMAGES, lambda data: b"", "empty"),
    "too long": (IMAGES, lambda data: data + b"x", "promises"),
    "wrong magic": (IMAGES, lambda data: b"\x00\x00\x09" + data[3:], "magic"),
    "labels where images belong": (IMAGES, lambda data: idx(np.zeros(60, np.uint8)), "magic"),
    "wrong count": (IMAGES, lambda data: data[:4] + (61).to_bytes(4, "big") + data[8:], "promises"),
    "huge promise": (IMAGES, lambda data: data[:4] + b"\xff\xff\xff\xff" * 3 + data[16:], "promises"),
    "truncated gzip": (IMAGES, lambda data: gzip.compress(data)[:-9], "gzip"),
    "labels do not pair": (LABELS, lambda data: idx(np.zeros(59, np.uint8)), "pair"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_idx_files(idx_folder: Path, tmp_path: Path, damage: str) -> None:
    name, change, word = DAMAGES[damage]
    path = idx_folder / name
    path.write_bytes(change(path.read_bytes()))
    assert_refused(inkling("train", idx_folder, "--out", tmp_path / "run"), word, str(idx_folder))
    assert not (tmp_path / "run").exists()


def test_a_name_in_gz_that_is_not_gzip(idx_folder: Path, tmp_path: Path) -> None:
    (idx_folder / IMAGES).rename(idx_folder / f"{IMAGES}.gz")
    (idx_folder / f"{IMAGES}.gz").write_bytes(b"<html>404</html>")
    assert_refused(inkling("train", idx_folder, "--out", tmp_path / "run"), "not gzip")


def test_labels_at_or_above_the_class_count(idx_folder: Path, tmp_path: Path) -> None:
    path = idx_folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    assert_refused(inkling("train", idx_folder, "--out", tmp_path / "run"), "0..9", "found 10")


def test_a_folder_without_images(tmp_path: Path) -> None:
    assert_refused(inkling("train", tmp_path, "--out", tmp_path / "run"), "IDX")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("digitz",), "did you mean 'digits'?"),
        (("mnst",), "did you mean 'mnist'?"),
        (("digits", "--network", "perceptorn"), "did you mean 'perceptron'?"),
        (("digits", "--recipe", "refernce"), "did you mean 'reference'?"),
        (("digits", "--train-size", 5000), "1,077"),
        (("digits", "--train-size", 9), "10 classes"),
        (("digits", "--seed", -1), "seed"),
    ],
)
def test_unknown_or_impossible_choices(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert_refused(inkling("train", *words, "--out", tmp_path / "run"), expected)
    assert not (tmp_path / "run").exists()


def test_all_settings_out_of_range_are_reported_at_once(tmp_path: Path) -> None:
    done = inkling(
        *TRAIN_DIGITS, "--epochs", 0, "--batch-size", 0, "--learning-rate", -1, "--momentum", 1,
        "--weight-decay", 5, "--patience", 0, "--out", tmp_path / "run",
    )  # fmt: skip
    assert_refused(done, "epochs", "batch size", "learning rate", "momentum", "weight decay", "patience")


def test_a_learning_rate_that_makes_the_loss_no_number(tmp_path: Path) -> None:
    done = inkling(*TRAIN_DIGITS, "--epochs", 5, "--learning-rate", "1e38", "--out", tmp_path / "run", "--quiet")
    assert_refused(done, "epoch", "1e+38", "lower learning rate")


def test_an_output_folder_that_holds_another_run(run_copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in run_copy.iterdir()}
    assert_refused(inkling(*TRAIN_DIGITS, "--out", run_copy), "holds a run already")
    other = inkling(*TRAIN_DIGITS, "--train-size", 60, "--epochs", 4, "--out", run_copy, "--resume")
    assert_refused(other, "epochs (3, now 4)")
    smaller = inkling(*TRAIN_DIGITS, "--train-size", 50, "--epochs", 3, "--out", run_copy, "--resume")
    assert_refused(smaller, "training size")
    assert {path.name: path.read_bytes() for path in run_copy.iterdir()} == before


def test_an_output_folder_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(inkling(*TRAIN_DIGITS, "--out", tmp_path), "not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "history.jsonl"])
def test_a_run_folder_with_a_missing_file(run_copy: Path, name: str) -> None:
    (run_copy / name).unlink()
    assert_refused(inkling("evaluate", run_copy), name)


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "history.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 40, b'{"format": 1}', b"[]"])
def test_a_run_folder_with_a_damaged_file(run_copy: Path, name: str, content: bytes) -> None:
    # Only the last line of the history may be torn; the first one may not.
    old = (run_copy / name).read_bytes()
    (run_copy / name).write_bytes(content + b"\n" + old if name == "history.jsonl" else content)
    assert_refused(inkling("evaluate", run_copy), name)


def test_missing_or_damaged_predictions(run_copy: Path) -> None:
    (run_copy / "predictions.safetensors").write_bytes(b"\xff" * 100)
    assert_refused(inkling("report", run_copy), "predictions.safetensors")
    assert not (run_copy / "report.html").exists()


def test_weights_whose_shapes_do_not_fit(run_copy: Path) -> None:
    path = run_copy / "weights.safetensors"
    arrays = safetensors.numpy.load_file(path)
    arrays["W1"] = arrays["W1"][:-1].copy()
    path.write_bytes(safetensors.numpy.save(arrays))
    assert_refused(inkling("evaluate", run_copy), "W1", "(64, 64)", "(63, 64)")


def test_settings_of_a_run_changed_by_hand(run_copy: Path) -> None:
    info = json.loads((run_copy / "run.json").read_text())
    info["settings"]["epochs"] = -3
    (run_copy / "run.json").write_text(json.dumps(info))
    assert_refused(inkling("evaluate", run_copy), "epochs must be 1 or more, found -3")


def test_not_a_run_folder(tmp_path: Path) -> None:
    for words in (("evaluate", tmp_path), ("report", tmp_path), ("gradcheck", tmp_path), ("evaluate", tmp_path / "no")):
        assert_refused(inkling(*words), "not a run folder")


def test_other_images_than_the_run_was_made_for(trained: Path, idx_folder: Path) -> None:
    assert_refused(inkling("evaluate", trained, "--data", idx_folder), "shape (8, 8, 1)")


def test_unreachable_mirrors_say_where_to_put_the_files(tmp_path: Path) -> None:
    env = {"INKLING_DATA": str(tmp_path / "data"), "INKLING_MIRROR": "http://127.0.0.1:9"}
    done = inkling("data", "fetch", "mnist", env=env)
    assert_refused(done, "by hand", str(tmp_path / "data/mnist"))
    assert not list((tmp_path / "data").rglob("*ubyte*"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "inkling"
    assert_refused(inkling(*TRAIN_DIGITS, "--epochs", 1, "--out", out), "cannot be written")
    assert_refused(inkling(*STUDY_DIGITS, "--train-sizes", "50", "--epochs", 1, "--out", out), "cannot be written")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a folder that nobody may write into")
def test_a_folder_that_nobody_may_write_into() -> None:
    out = "/proc/inkling"
    assert_refused(inkling(*TRAIN_DIGITS, "--epochs", 1, "--out", out), "cannot be written")
    assert_refused(inkling(*STUDY_DIGITS, "--train-sizes", "50", "--epochs", 1, "--out", out), "cannot be written")


def test_a_contact_sheet_or_report_that_cannot_be_written(trained: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert_refused(inkling("data", "show", "digits", "--out", missing / "sheet.png"), "cannot be written")
    assert_refused(inkling("report", trained, "--out", missing / "report.html"), "cannot be written")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert_refused(inkling(*TRAIN_DIGITS, "--epochs", 1, "--out", tmp_path / "run"), "cannot be written")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read anything")
def test_pictures_that_may_not_be_read_are_not_left_out_without_a_word(tmp_path: Path) -> None:
    for name in ("cat", "dog", "dog/more"):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("L", (4, 4), number).save(tmp_path / name / f"{number}.png")
    (tmp_path / "dog/more").chmod(0)
    try:
        assert_refused(inkling("data", "show", tmp_path), f"{tmp_path / 'dog/more'}: cannot be read")
    finally:
        (tmp_path / "dog/more").chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    import resource  # POSIX only

    # A limit on the size of files makes every larger write fail as a full disk does.
    limit = 20_000
    done = subprocess.run(
        [sys.executable, "-m", "inkling", *TRAIN_DIGITS, "--epochs", "3", "--out", str(tmp_path / "run"), "--quiet"],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert_refused(done, "cannot be written", "safetensors")
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".safetensors"]
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
