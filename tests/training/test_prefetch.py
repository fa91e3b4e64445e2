"""Batches prepared by another thread: the same, in the same order, and the thread ends whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from inkling.errors import TrainingError
from inkling.images.augment import Augmentation
from inkling.images.dataset import Splits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.training.learning_rate_range import learning_rate_range
from inkling.training.loop import train
from inkling.training.prefetch import prefetch
from inkling.training.settings import TrainingSettings

AUGMENTED = TrainingSettings(epochs=2, batch_size=4, augmentation=Augmentation(shift=0.5))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def fails() -> Iterator[int]:
    yield 1
    raise ValueError("broken")


def test_the_same_items_in_the_same_order_and_errors_come_through() -> None:
    assert list(prefetch(iter([1, 2, 3]))) == [1, 2, 3]
    assert list(prefetch(iter(()))) == []
    ahead = prefetch(fails())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_another_thread_prepares() -> None:
    names = list(prefetch(threading.current_thread().name for _ in range(3)))
    assert threading.current_thread().name not in names


def test_an_abandoned_generator_ends_its_thread() -> None:
    ahead = prefetch(iter(range(100)))
    assert [next(ahead), next(ahead)] == [0, 1]
    ahead.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, None])
def test_an_interrupted_epoch_ends_its_thread_though_its_frames_are_kept(error: Any, tiny_splits: Splits) -> None:
    class Broken(Perceptron):
        steps = 0

        def train_step(self, *arguments: Any) -> float:
            self.steps += 1
            if self.steps == 3:
                if error is None:
                    return float("nan")
                raise error
            return super().train_step(*arguments)

    with pytest.raises(error or TrainingError) as caught:
        next(train(Broken((4, 4, 1), 3), tiny_splits, AUGMENTED))
    # The traceback, which holds the frames of the loop, is still here.
    assert caught.tb is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def test_a_range_test_that_ends_early_ends_its_thread(tiny_splits: Splits) -> None:
    class Diverging(Perceptron):
        def train_step(self, images: Any, targets: Any, learning_rate: float, weights: Any = None) -> float:
            return 100.0 if learning_rate > 0.1 else 1.0 - learning_rate

    assert learning_rate_range(Diverging((4, 4, 1), 3), tiny_splits.train, AUGMENTED).diverged_at is not None
