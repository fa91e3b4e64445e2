"""Training dynamics: the figures by hand, planted wrong labels, and a run that keeps and resumes them bit by bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.diagnosis.dynamics import diagnose_dynamics
from inkling.errors import DataError, RunError
from inkling.figures.dynamics import DataMapDisplay
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.networks.catalogue import build_network
from inkling.report.page import write_report
from inkling.runs.dynamics import read_dynamics
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.dynamics import TrainingDynamics
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe

PLAN = RunPlan("digits", "perceptron", recipe("reference", epochs=8), 200, dynamics=True)


def test_the_figures_of_an_image_by_hand() -> None:
    labels = np.array([0, 1, 0, 1])
    of_label = np.array([[0.9, 0.2, 0.6, 0.9], [0.9, 0.2, 0.4, 0.9], [0.9, 0.2, 0.6, 0.9], [0.9, 0.2, 0.4, 0.9]])
    epochs = np.where(labels[:, None] == np.arange(2), of_label[..., None], 1 - of_label[..., None])
    found = diagnose_dynamics(TrainingDynamics.from_probabilities(labels, epochs))
    np.testing.assert_allclose(found.confidence, [0.9, 0.2, 0.5, 0.9], rtol=1e-6)
    np.testing.assert_allclose(found.variability, [0, 0, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(found.correctness, [1, 0, 0.5, 1])
    np.testing.assert_array_equal(found.forgotten, [0, 0, 2, 0])
    assert found.most_predicted[1] == 0
    assert found.ambiguous(1) == [2]
    assert found.hard(1) == [1]
    assert "the labels of 1 of 4 training images were predicted after none of 4 epochs" in found.verdict
    assert found.to_dict()["never_learnt"] == 1
    learnt = diagnose_dynamics(TrainingDynamics.from_probabilities(labels, np.eye(2)[np.tile(labels, (3, 1))]))
    assert "ach of the 4 labels was predicted after some epoch of 3" in learnt.verdict
    assert "hard" not in learnt.verdict
    with pytest.raises(DataError, match="one epoch"):
        TrainingDynamics.from_probabilities(labels, [])


def recorded(splits: Splits, epochs: int = 40) -> TrainingDynamics:
    network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes, 0)
    seen: list[np.ndarray] = []
    settings = recipe("reference", epochs=epochs)
    for record in train(network, splits, settings, observe=lambda _, probabilities: seen.append(probabilities)):
        right = np.mean(seen[-1].argmax(axis=1) == splits.train.labels)
        assert record.train_accuracy == right, "what is observed is what is measured"
    return TrainingDynamics.from_probabilities(splits.train.labels, seen)


def test_planted_wrong_labels_are_hard_and_called_mislabelled() -> None:
    digits = load_digits()
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(digits.train), 60, replace=False)
    labels = digits.train.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, 60)) % 10
    planted = replace(digits, train=ImageDataset(digits.train.images, labels, digits.train.class_names))
    found = diagnose_dynamics(recorded(planted))
    assert np.isin(wrong, found.hard(60)).mean() >= 0.85
    called = found.hard_or_mislabelled()
    assert len(called) >= 20
    assert np.isin(called, wrong).mean() >= 0.9
    assert f"{len(called)} of 1,077 training images are hard: over 40 epochs" in found.verdict
    assert "so are right ones where classes overlap" in found.verdict, "of which wrong labels are not told apart"
    display = DataMapDisplay.from_diagnosis(found)
    assert display.mislabelled.sum() == len(called)
    assert display.plot(title="Digits").axes[0].get_legend() is not None


def test_right_labels_are_not_called_wrong() -> None:
    found = diagnose_dynamics(recorded(load_digits()))
    assert not found.hard_or_mislabelled()
    assert "No wrong training labels are shown" in found.verdict


def test_a_run_resumes_to_the_same_dynamics_whatever_was_written_after_its_checkpoint(tmp_path: Path) -> None:
    digits = load_digits()
    for _ in train_run(PLAN, digits, tmp_path / "whole"):
        pass
    records = train_run(PLAN, digits, tmp_path / "cut")
    for _ in range(3):
        next(records)
    records.close()
    path = tmp_path / "cut" / "dynamics.f16"
    path.write_bytes(path.read_bytes() + b"a torn epoch")
    for _ in train_run(PLAN, digits, tmp_path / "cut", resume=True):
        pass
    names = ("dynamics.safetensors", "weights.safetensors")
    assert all((tmp_path / "cut" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in names)
    assert not path.exists()
    run = Run(tmp_path / "cut")
    learnt = read_dynamics(run)
    assert (learnt.of_label.shape, learnt.mean.shape) == ((8, 200), (200, 10))
    right = (learnt.predicted == learnt.labels).mean(axis=1)
    np.testing.assert_allclose(right, [epoch["train_accuracy"] for epoch in run.history()], atol=0.011)
    (run.folder / "dynamics.safetensors").write_bytes(b"no arrays")
    with pytest.raises(RunError, match="damaged"):
        read_dynamics(run)


def test_too_few_epochs_and_another_plan_are_refused(tmp_path: Path) -> None:
    digits = load_digits()
    records = train_run(PLAN, digits, tmp_path / "run")
    next(records)
    records.close()
    with pytest.raises(RunError, match="whether training dynamics are recorded"):
        next(train_run(replace(PLAN, dynamics=False), digits, tmp_path / "run", resume=True))
    (tmp_path / "run" / "dynamics.f16").write_bytes(b"")
    with pytest.raises(RunError, match="fewer epochs than the checkpoint"):
        next(train_run(PLAN, digits, tmp_path / "run", resume=True))


def test_from_the_command_to_the_report_and_the_review_of_labels(tmp_path: Path) -> None:
    run, plain = tmp_path / "run", tmp_path / "plain"
    words = (*TRAIN_DIGITS, "--train-size", 200, "--epochs", 10)
    values = last_json(inkling(*words, "--dynamics", "--out", run, "--json"))
    assert values["dynamics"]["epochs"] == 10
    assert values["dynamics"]["n"] == 200
    write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<section id="dynamics">' in page
    assert "of 10 epochs as labelled" in page
    found = last_json(inkling("labels", "digits", "--run", run, "--limit", 20, "--out", tmp_path / "review", "--json"))
    assert found["n"] == 200
    digits, learnt = load_digits(), read_dynamics(Run(run))
    indices = digits.train.stratified_indices(200, 0)
    for suspect in found["suspects"]:
        (place,) = np.flatnonzero(indices == suspect["index"])
        assert suspect["score"] == pytest.approx(learnt.mean[place, int(suspect["label"])])
    assert "look wrong" not in found["verdict"] + (tmp_path / "review/labels.html").read_text(encoding="utf-8")
    assert inkling(*words, "--out", plain).returncode == 0
    assert_refused(inkling("labels", "digits", "--run", plain, "--out", tmp_path / "no"), "--dynamics")
    with pytest.raises(RunError, match="train with --dynamics"):
        read_dynamics(Run(plain))
