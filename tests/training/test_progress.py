"""How far an epoch is: told a few times a second, of every image, and without a trace in the results."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inkling.images.dataset import Splits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.networks.protocols import weights_only
from inkling.training import progress as pacing
from inkling.training.learning_rate_range import learning_rate_range
from inkling.training.loop import train
from inkling.training.progress import MEASURING, TEACHER, TRAINING, EpochProgress, ProgressMeter
from inkling.training.settings import TrainingSettings
from inkling.training.targets import Distillation

SETTINGS = TrainingSettings(epochs=2, batch_size=16)  # 60 images: 16, 16, 16, 12


class Slow(Perceptron):
    """Takes its time for each step."""

    def train_step(self, *arguments: Any) -> float:
        time.sleep(0.06)
        return super().train_step(*arguments)


def test_every_image_of_every_stage_is_told(tiny_splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "SECONDS", 0.0)
    told: list[EpochProgress] = []
    teacher = Perceptron((4, 4, 1), 3)
    settings = replace(SETTINGS, distillation=Distillation(1.0))
    list(train(Perceptron((4, 4, 1), 3), tiny_splits, settings, teacher=teacher, progress=told.append))
    steps = [(TRAINING, 16, 60), (TRAINING, 32, 60), (TRAINING, 48, 60), (TRAINING, 60, 60)]
    measured = [(MEASURING, 60, 90), (MEASURING, 90, 90)]
    assert [(one.stage, one.done, one.total) for one in told] == [(TEACHER, 60, 60)] + 2 * (steps + measured)
    assert [(one.epoch, one.epochs) for one in told] == [(1, 2)] * 7 + [(2, 2)] * 6


def test_a_few_calls_a_second_and_the_same_bits(tiny_splits: Splits) -> None:
    told: list[float] = []
    plain, watched = Perceptron((4, 4, 1), 3), Slow((4, 4, 1), 3)
    list(train(plain, tiny_splits, SETTINGS))
    began = time.monotonic()
    list(train(watched, tiny_splits, SETTINGS, progress=lambda _: told.append(time.monotonic())))
    assert 1 <= len(told) <= (time.monotonic() - began) / pacing.SECONDS
    assert min(np.diff([began, *told])) >= 0.9 * pacing.SECONDS
    for name, array in weights_only(plain.state()).items():
        np.testing.assert_array_equal(array, watched.state()[name])


def test_many_images_are_measured_in_parts() -> None:
    told: list[EpochProgress] = []
    report = ProgressMeter(told.append, epochs=5).stage(3, MEASURING, total=100, before=40)
    report(10, 60)
    assert told == [], "told at once, with nothing to wait for"
    time.sleep(pacing.SECONDS)
    report(20, 60)
    report(30, 60)
    assert told == [EpochProgress(3, 5, 60, 100, MEASURING)]


def test_the_range_test_says_how_many_steps_are_taken(tiny_splits: Splits) -> None:
    told: list[tuple[int, int]] = []
    found = learning_rate_range(
        Perceptron((4, 4, 1), 3),
        tiny_splits.train,
        SETTINGS,
        lowest=1e-3,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (200, 200) or found.diverged_at is not None
    assert all(total == 200 for _, total in told)


def test_telling_costs_next_to_nothing() -> None:
    report = ProgressMeter(lambda _: None, epochs=1).stage(1, TRAINING, 10**6)
    began = time.perf_counter()
    for done in range(10_000):
        report(done, 10**6)
    assert (time.perf_counter() - began) / 10_000 < 20e-6  # a step takes 200 and more
