"""Two runs before and after corrections: measured by the corrected labels, with the counts of what was corrected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, inkling, last_json
from inkling.diagnosis.run_comparison import compare_runs
from inkling.errors import RunError
from inkling.images.sources.digits import load_digits
from inkling.runs.run import Run


def trained(folder: Path, rows: list[tuple[str, int, int]], seed: int = 0) -> Run:
    """A run on the digits with labels (split, index, class) corrected."""
    splits = dict(load_digits().items())
    words = ["--train-size", 100, "--epochs", 4, "--seed", seed, "--out", folder]
    if rows:
        lines = [f"{split},{index},{splits[split].labels[index]},{to}\n" for split, index, to in rows]
        path = folder.with_suffix(".csv")
        path.write_text("split,index,label,correct_label\n" + "".join(lines))
        words += ["--corrections", path]
    assert inkling(*TRAIN_DIGITS, *words).returncode == 0
    return Run(folder)


def test_runs_before_and_after_corrections_are_measured_by_the_corrected_labels(tmp_path: Path) -> None:
    truth = load_digits()
    new = [(int(label) + 1) % 10 for label in truth.test.labels[:4]]
    train = [("train", i, (int(truth.train.labels[i]) + 1) % 10) for i in (0, 5)]
    before = trained(tmp_path / "before", [("test", 3, (new[3] + 1) % 10)])
    after = trained(tmp_path / "after", [*train, *(("test", i, to) for i, to in enumerate(new))], seed=1)
    found = compare_runs(before, after)
    kept = np.delete(np.arange(360), 3)
    labels = truth.test.labels.copy()
    labels[:4] = new
    for run, accuracy in ((before, found.accuracy.a_accuracy), (after, found.accuracy.b_accuracy)):
        predicted = run.predictions("test").probabilities.argmax(axis=1)
        assert accuracy == np.mean(predicted[kept] == labels[kept])
    assert found.labels is not None
    assert (found.labels.differ, found.labels.left_out, found.accuracy.n) == (4, 1, 359)
    assert found.labels.a_corrected == {"train": 0, "validation": 0, "test": 1}
    assert found.labels.b_corrected == {"train": 2, "validation": 0, "test": 4}
    values = last_json(inkling("compare", before.folder, after.folder, "--json"))
    assert values["corrections"]["verdict"] == found.labels.verdict
    assert "4 test labels differ between the two: both are measured by the corrected labels, without 1 on which" in (
        found.labels.verdict
    )
    printed = " ".join(inkling("compare", before.folder, after.folder).stdout.split())
    assert "2 training and 4 test were corrected for" in printed


def test_training_labels_alone_need_no_source_and_changed_images_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trained(tmp_path / "plain", [])
    taught = trained(tmp_path / "taught", [("train", 0, (int(load_digits().train.labels[0]) + 1) % 10)])
    tested = trained(tmp_path / "tested", [("test", 0, (int(load_digits().test.labels[0]) + 1) % 10)])
    labels = compare_runs(plain, taught).labels
    assert labels is not None
    assert labels.by_source is None
    assert "none were corrected for" in labels.verdict
    assert "1 training was corrected for" in labels.verdict
    monkeypatch.setattr(
        "inkling.runs.compatible.load_images", lambda source, options: load_digits().with_train_size(50, 0)
    )
    assert compare_runs(plain, tested).accuracy.n == 360
    digits = load_digits()
    swapped = type(digits)(digits.train, digits.validation, digits.train.subset(np.arange(360)))
    monkeypatch.setattr("inkling.runs.compatible.load_images", lambda source, options: swapped)
    with pytest.raises(RunError):
        compare_runs(plain, tested)
