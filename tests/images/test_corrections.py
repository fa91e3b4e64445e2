"""Corrections of labels: a file that is read back, checked line by line, and found again by whoever opens the run."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.errors import DataError, RunError
from inkling.images.corrections import Suspect, correct, describe, read_corrections, to_csv
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.images.sources.registry import load_images
from inkling.report.page import build_report
from inkling.runs.execute import RunPlan, train_run
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.training.recipes.registry import recipe

Write = Callable[[str], Path]
HEAD = "split,index,label,correct_label\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "corrections.csv"
        path.write_bytes(text.encode())
        return path

    return to_file


def test_confirmed_labels_replace_those_of_the_source(tiny_splits: Splits, write: Write) -> None:
    path = write(HEAD + "train,0,top,lower\ntrain,1,upper,\ntest,2,lower,top\nvalidation,0,top,top\n")
    changed = correct(tiny_splits, path)
    assert changed.train.labels[0] == 2
    assert changed.test.labels[2] == 0
    for split, before in tiny_splits.items():
        after = dict(changed.items())[split]
        assert np.count_nonzero(before.labels != after.labels) == {"train": 1, "validation": 0, "test": 1}[split]
        assert np.array_equal(before.images, after.images)
    assert changed.fingerprint != tiny_splits.fingerprint
    assert describe(path) == {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "labels": 2}


def test_a_class_named_by_an_escape_sequence_is_written_out_and_known_again(tiny_splits: Splits, write: Write) -> None:
    evil = "a\x1b[31mb<script>"
    names = (evil, *tiny_splits.train.class_names[1:])
    train, validation, test = (replace(part, class_names=names) for _, part in tiny_splits.items())
    splits = replace(tiny_splits, train=train, validation=validation, test=test)
    to_evil = int(np.flatnonzero(train.labels != 0)[0])
    label = names[train.labels[to_evil]]
    path = write(to_csv([Suspect("train", to_evil, f"{evil}/1.png", label, evil, 0.1, evil)]))
    assert "\x1b" not in path.read_text()
    assert correct(splits, path).train.labels[to_evil] == 0
    (row,) = read_corrections(path, names)
    assert (row.suggested, row.correct_label) == (evil, evil)
    path = write(to_csv([Suspect("train", 0, "", names[train.labels[0]], evil, 0.1, names[1])]))
    assert correct(splits, path).train.labels[0] == 1


def test_corrected_images_keep_their_files(tiny_splits: Splits, write: Write) -> None:
    files = tuple(f"top/{i}.png" for i in range(60))
    named = replace(tiny_splits, train=replace(tiny_splits.train, files=files))
    assert correct(named, write(HEAD + "train,0,top,lower\n")).train.files == files


def test_a_file_in_which_nothing_is_confirmed_changes_nothing(tiny_splits: Splits, write: Write) -> None:
    assert correct(tiny_splits, write(HEAD + "train,0,top,\n")).fingerprint == tiny_splits.fingerprint


def test_a_spreadsheet_may_add_a_byte_order_mark_and_columns(tiny_splits: Splits, write: Write) -> None:
    path = write('\ufeffnote,correct_label,label,index,split\r\n"said, twice",lower,top,0,train\r\n')
    assert correct(tiny_splits, path).train.labels[0] == 2


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=2, max_size=5, unique=True
    )
)
def test_any_class_names_and_file_names_come_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    part = ImageDataset(np.zeros((len(names), 2, 2), np.uint8), np.arange(len(names)), tuple(names))
    splits = Splits(part, part, part)
    rows = [Suspect("test", i, f"{name}/1.png", name, names[i - 1], 0.1, names[i - 1]) for i, name in enumerate(names)]
    path = tmp_path_factory.mktemp("names") / "corrections.csv"
    path.write_bytes(to_csv(rows).encode())
    assert correct(splits, path).test.labels.tolist() == [(i - 1) % len(names) for i in range(len(names))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an empty file"),
        ("split,index\ntrain,0\n", "columns split, index, label, correct_label"),
        (HEAD + "trian,0,top,lower\n", "did you mean 'train'"),
        (HEAD + "train,60,top,lower\n", "one of 60 train images.*found '60'"),
        (HEAD + "train,-1,top,lower\n", "found '-1'"),
        (HEAD + "train,first,top,lower\n", "found 'first'"),
        (HEAD + "train,0,lower,top\n", "line 2: train image 0 is a 'top' in the source, the file says 'lower'"),
        (HEAD + "train,0,top,\ntrain,1,upper,lowr\n", "line 3: no class is called 'lowr'.*did you mean 'lower'"),
        (HEAD + "train,0,top,lower\ntrain,0,top,upper\n", "twice"),
        (HEAD + "train,0\n", "the file says ''"),
        (HEAD + '"train,0,top,lower\n', "cannot be read"),
    ],
)
def test_what_a_file_can_get_wrong(tiny_splits: Splits, write: Write, text: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        correct(tiny_splits, write(text))


def test_a_file_that_is_no_text_or_not_there(tiny_splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "binary.csv", tmp_path / "missing.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            correct(tiny_splits, path)


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    """Three of the digits' training labels and a test label made others."""
    digits = load_digits()
    rows = [("train", i, digits.train.labels[i]) for i in (0, 5, 9)] + [("test", 3, digits.test.labels[3])]
    path = tmp_path / "fixed.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "index", "label", "correct_label"])
        writer.writerows((split, i, label, (label + 1) % 10) for split, i, label in rows)
    return path


def test_a_run_keeps_its_corrections_whatever_becomes_of_the_file(corrections: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = (*TRAIN_DIGITS, "--epochs", 3, "--corrections", corrections, "--out", run)
    last_json(inkling(*command, "--json"))
    info = json.loads((run / "run.json").read_text())
    assert info["corrections"] == describe(corrections)
    assert info["data"]["fingerprint"] == load_images("digits", corrections=corrections).fingerprint
    assert info["data"]["fingerprint"] != load_images("digits").fingerprint
    assert (run / "corrections.csv").read_bytes() == corrections.read_bytes()
    settings = recipe("reference", epochs=3)
    with_them = load_images("digits", corrections=corrections)
    assert (
        list(train_run(RunPlan("digits", "perceptron", settings, corrections=corrections), with_them, run, True)) == []
    )
    with pytest.raises(RunError, match="data or training size"):
        list(train_run(RunPlan("digits", "perceptron", settings), load_images("digits"), run, resume=True))
    corrections.unlink()
    evaluated = last_json(inkling("evaluate", run, "--split", "train", "--json"))
    assert evaluated["accuracy"] == info["results"]["train_accuracy"]
    page = build_report(run)
    assert "4 by" in page
    assert info["corrections"]["sha256"] in page
    assert "The pictures are left out" not in page
    (run / "corrections.csv").unlink()
    assert "corrections cannot be read" in build_report(run)


def test_a_study_takes_corrections_and_holds_to_them(corrections: Path, tmp_path: Path) -> None:
    plan = StudyPlan.from_recipe("digits", ["perceptron"], [60], [0], corrections=corrections, epochs=2)
    run_study(plan, tmp_path / "study")
    info = json.loads((tmp_path / "study/runs/perceptron-60-seed0/run.json").read_text())
    assert info["corrections"]["labels"] == 4
    assert f"--corrections {corrections}" in info["command"]
    plain = StudyPlan.from_recipe("digits", ["perceptron"], [60], [0, 1], epochs=2)
    with pytest.raises(RunError, match="other corrections"):
        run_study(plain, tmp_path / "study")
    assert "--corrections" in inkling("study", "--help").stdout


def test_corrections_of_other_data_leave_nothing_behind(write: Write, tmp_path: Path) -> None:
    path = write(HEAD + "train,0,cat,dog\n")
    done = inkling(*TRAIN_DIGITS, "--corrections", path, "--out", tmp_path / "run")
    assert_refused(done, "line 2", "made for other images")
    assert not (tmp_path / "run").exists()
