"""Distillation: a student that learns from a teacher's probabilities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command_line import STUDY_DIGITS, TRAIN_DIGITS, inkling
from inkling.errors import RunError, SettingsError
from inkling.images.augment import Augmentation
from inkling.images.dataset import Splits
from inkling.images.ordering import epoch_batches
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.batches import MiniBatches
from inkling.training.loop import train
from inkling.training.settings import TrainingSettings
from inkling.training.targets import Distillation, smooth_labels, soft_targets

LABELS = np.array([2, 0])
TEACHER = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], np.float32)


def test_targets_by_hand() -> None:
    assert smooth_labels(LABELS, 3, 0.0) is LABELS
    np.testing.assert_allclose(smooth_labels(LABELS, 3, 0.3), [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(soft_targets(LABELS, TEACHER, Distillation(1.0)), TEACHER, atol=1e-6)
    half = soft_targets(LABELS, TEACHER, Distillation(0.5))
    np.testing.assert_allclose(half, [[0.05, 0.1, 0.85], [0.75, 0.25, 0.0]], atol=1e-6)
    sharp = soft_targets(LABELS, TEACHER, Distillation(1.0, temperature=0.5))
    np.testing.assert_allclose(sharp[0], np.array([0.01, 0.04, 0.49]) / 0.54, rtol=1e-5)
    warm = soft_targets(LABELS, TEACHER, Distillation(1.0, temperature=2.0))
    np.testing.assert_allclose(warm[0], np.sqrt([0.1, 0.2, 0.7]) / np.sqrt([0.1, 0.2, 0.7]).sum(), rtol=1e-5)


class Counting(Perceptron):
    """A teacher that counts the images it looks at."""

    seen = 0

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        self.seen += len(images)
        return super().predict_proba(images)


SETTINGS = TrainingSettings(
    epochs=3, batch_size=16, augmentation=Augmentation(shift=0.5), distillation=Distillation(1.0, 1.0)
)


def test_the_teacher_is_asked_once_about_every_image_as_it_is(tiny_splits: Splits) -> None:
    teacher = Counting((4, 4, 1), 3, seed=5)
    batches = MiniBatches(tiny_splits.train, SETTINGS, teacher=teacher)
    epochs = [list(batches.epoch(epoch)) for epoch in (1, 2)]
    assert teacher.seen == len(tiny_splits.train)
    answers = teacher.predict_proba(tiny_splits.train.images)
    for number, epoch in enumerate(epochs, 1):
        order = epoch_batches(len(tiny_splits.train), 16, SETTINGS.seed, number)
        for batch, chosen in zip(epoch, order, strict=True):
            np.testing.assert_allclose(batch.targets, answers[chosen], atol=1e-6)
    assert any((a.images != b.images).any() for a, b in zip(*epochs, strict=True))


def test_a_student_comes_to_agree_with_its_teacher(tiny_splits: Splits) -> None:
    teacher = Perceptron((4, 4, 1), 3, seed=5, weight_sd=0.5)
    student = Perceptron((4, 4, 1), 3, seed=6)
    images = tiny_splits.validation.images

    def distance() -> float:
        return float(np.abs(student.predict_proba(images) - teacher.predict_proba(images)).mean())

    before = distance()
    for _ in train(student, tiny_splits, replace(SETTINGS, epochs=60), teacher=teacher):
        pass
    after = distance()
    assert after < before


def test_a_teacher_and_its_weight_belong_together(tiny_splits: Splits) -> None:
    network = Perceptron((4, 4, 1), 3)
    with pytest.raises(SettingsError, match="distillation weight 1 needs a teacher, found none"):
        next(train(network, tiny_splits, SETTINGS))
    with pytest.raises(SettingsError, match="a teacher needs a distillation weight above 0"):
        next(train(network, tiny_splits, TrainingSettings(), teacher=network))
    with pytest.raises(SettingsError, match="the teacher must know 3 classes, found 4"):
        next(train(network, tiny_splits, SETTINGS, teacher=Perceptron((4, 4, 1), 4)))


def test_the_command_line_teaches(tmp_path: Path) -> None:
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    assert inkling(*TRAIN_DIGITS, "--epochs", 60, "--out", teacher).returncode == 0
    words = (*TRAIN_DIGITS, "--recipe", "distil", "--epochs", 12, "--teacher", teacher, "--train-size", 300)
    done = inkling(*words, "--out", student, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["validation_accuracy"] > 0.5
    info = json.loads((student / "run.json").read_text())
    assert info["teacher"]["run"] == str(teacher)
    assert len(info["teacher"]["weights_sha256"]) == 64
    other = tmp_path / "other"
    assert inkling(*TRAIN_DIGITS, "--epochs", 2, "--out", other).returncode == 0
    resumed = inkling(*(other if word == teacher else word for word in words), "--out", student, "--resume")
    assert resumed.returncode == 2
    assert "different in teacher" in resumed.stderr
    for wrong, message in (
        (("--recipe", "distil"), "distillation weight 1 needs a teacher, found none: add --teacher RUN"),
        (("--teacher", tmp_path / "nowhere"), "not a run folder"),
        (("--teacher", teacher), "a teacher needs a distillation weight above 0, found 0: use the recipe distil"),
        (("--precision", "bfloat16"), "the perceptron computes in float32 only"),
    ):
        refused = inkling(*TRAIN_DIGITS, "--epochs", 2, *wrong, "--out", tmp_path / "refused")
        assert refused.returncode == 2, wrong
        assert message in refused.stderr
        assert not (tmp_path / "refused").exists()


def test_a_study_with_a_teacher_says_how_to_repeat_a_run(tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    assert inkling(*TRAIN_DIGITS, "--epochs", 2, "--out", teacher).returncode == 0
    words = (*STUDY_DIGITS, "--train-sizes", 100, "--seeds", 0, "--recipe", "distil", "--epochs", 2)
    done = inkling(*words, "--teacher", teacher, "--out", tmp_path / "study")
    assert done.returncode == 0, done.stderr
    info = json.loads((tmp_path / "study/runs/perceptron-100-seed0/run.json").read_text())
    assert f"--teacher {teacher}" in info["command"]
    assert "--recipe distil --epochs 2" in info["command"]
    for wrong in (("--recipe", "reference", "--teacher", teacher), ("--recipe", "distil"),
                  ("--recipe", "distil", "--teacher", tmp_path / "nowhere"), ("--precision", "bfloat16")):  # fmt: skip
        refused = inkling(*STUDY_DIGITS, "--train-sizes", 100, "--epochs", 2, *wrong, "--out", tmp_path / "refused")
        assert refused.returncode == 2, wrong
        assert not (tmp_path / "refused").exists()


def test_a_teacher_of_other_images_is_refused(tmp_path: Path) -> None:
    from inkling.images.sources.digits import load_digits
    from inkling.runs.execute import Teacher

    teacher = tmp_path / "teacher"
    assert inkling(*TRAIN_DIGITS, "--epochs", 2, "--out", teacher).returncode == 0
    digits = load_digits()
    swapped = Splits(digits.train, digits.test, digits.validation, digits.name)
    with pytest.raises(RunError, match="must have been trained on the same source as its student"):
        Teacher(teacher, swapped, "cpu")
