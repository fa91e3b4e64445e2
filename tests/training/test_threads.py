"""One BLAS thread while a network trains, and never in the caller: not between epochs, not after, not in other runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from inkling.errors import TrainingError
from inkling.images.dataset import Splits
from inkling.networks.numpy.perceptron import Perceptron
from inkling.runs.execute import RunPlan, train_run
from inkling.training.learning_rate_range import learning_rate_range
from inkling.training.loop import train
from inkling.training.settings import TrainingSettings
from inkling.training.threads import one_blas_thread

SETTINGS = TrainingSettings(epochs=3, batch_size=16)


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def three_threads() -> Iterator[None]:
    """A caller that uses three threads, whatever the machine has."""
    with threadpool_limits(limits=3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("no BLAS library here whose threads can be counted")
        yield


class Watching(Perceptron):
    """Notes how many BLAS threads there are at each step and prediction."""

    def __init__(self) -> None:
        super().__init__((4, 4, 1), 3, hidden=2)
        self.threads: set[int] = set()

    def train_step(self, *arguments: object) -> float:  # type: ignore[override]
        self.threads |= blas_threads()
        return super().train_step(*arguments)  # type: ignore[arg-type]

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        self.threads |= blas_threads()
        return super().predict_proba(images)


@pytest.mark.usefixtures("three_threads")
def test_epochs_use_one_thread_and_the_caller_keeps_its_own_between_them(tiny_splits: Splits) -> None:
    network = Watching()
    for _ in train(network, tiny_splits, SETTINGS):
        assert blas_threads() == {3}
    assert network.threads == {1}
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_interleaved_runs_do_not_touch_each_others_threads(tiny_splits: Splits, tmp_path: Path) -> None:
    networks = [Watching(), Watching()]
    first, second = (train(network, tiny_splits, SETTINGS) for network in networks)
    plan = RunPlan("tiny", "perceptron", SETTINGS)
    third = train_run(plan, tiny_splits, tmp_path / "run")
    for generator in (first, second, third, second, first, third):
        next(generator)
        assert blas_threads() == {3}
    assert list(first)
    assert blas_threads() == {3}, "ending the first took the limit of the second back, or left its own"
    assert list(second)
    assert list(third)
    assert blas_threads() == {3}
    assert [network.threads for network in networks] == [{1}, {1}]


@pytest.mark.usefixtures("three_threads")
def test_an_abandoned_run_leaves_no_limit_behind(tiny_splits: Splits, tmp_path: Path) -> None:
    suspended = train(Perceptron((4, 4, 1), 3), tiny_splits, SETTINGS)
    next(suspended)
    assert blas_threads() == {3}
    saved = train_run(RunPlan("tiny", "perceptron", SETTINGS), tiny_splits, tmp_path / "run")
    next(saved)
    saved.close()
    assert blas_threads() == {3}
    recorded = json.loads((tmp_path / "run/run.json").read_text())["machine"]["threads"]
    assert {pool["num_threads"] for pool in recorded if pool["internal_api"] == "openblas"} <= {1}, "not as it trained"

    class Broken(Perceptron):
        def train_step(self, *arguments: object) -> float:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(train(Broken((4, 4, 1), 3), tiny_splits, SETTINGS))
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_the_range_test_uses_one_thread(tiny_splits: Splits) -> None:
    network = Watching()
    with suppress(TrainingError):  # whether so small a network has a good rate is no matter here
        learning_rate_range(network, tiny_splits.train, TrainingSettings(batch_size=16))
    assert network.threads == {1}
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_limits_can_be_nested() -> None:
    with one_blas_thread():
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
        with threadpool_limits(limits=2, user_api="blas"):
            with one_blas_thread():
                pass
            assert blas_threads() == {2}
        assert blas_threads() == {1}
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_the_last_of_several_threads_gives_the_caller_its_own_back() -> None:
    entered, leave = threading.Barrier(2, timeout=30), threading.Event()

    def long() -> None:
        with one_blas_thread():
            entered.wait()
            leave.wait(30)

    thread = threading.Thread(target=long)
    with one_blas_thread():
        thread.start()
        entered.wait()
    assert blas_threads() == {1}, "the limit was taken back while another thread needs it"
    leave.set()
    thread.join()
    assert blas_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_another_thread_than_the_one_that_set_a_limit_trains_with_one(tiny_splits: Splits) -> None:
    network = Watching()
    thread = threading.Thread(target=lambda: list(train(network, tiny_splits, SETTINGS)))
    thread.start()
    thread.join()
    assert network.threads == {1}
    assert blas_threads() == {3}


def test_a_limit_costs_next_to_nothing() -> None:
    with one_blas_thread():
        pass
    began = time.perf_counter()
    for _ in range(100):
        with one_blas_thread():
            pass
    assert (time.perf_counter() - began) / 100 < 1e-3
