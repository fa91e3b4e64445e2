"""The best of several runs by test accuracy: its interval, what the choice adds, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import Simulated
from inkling.diagnosis.best_of_runs import best_of_runs, expected_maximum
from inkling.errors import DataError
from inkling.metrics.intervals import simultaneous_intervals


@pytest.mark.parametrize(("count", "expected"), [(1, 0.0), (2, 0.56419), (10, 1.53875), (100, 2.50759)])
def test_expected_maxima_are_those_of_the_tables(count: int, expected: float) -> None:
    assert expected_maximum(count) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("runs", "n", "p"), [(2, 30, 0.9), (12, 360, 0.97), (50, 100, 0.6)])
def test_the_adjusted_interval_holds_the_best_of_equal_runs(runs: int, n: int, p: float, simulated: Simulated) -> None:
    rng, times = np.random.default_rng(0), 400
    found = [best_of_runs(rng.random((runs, n)) < p) for _ in range(times)]
    held = float(np.mean([each.interval.low <= p <= each.interval.high for each in found]))
    simulated(f"The adjusted interval of the best of {runs} equal runs holds its accuracy, n = {n}", held, times)
    assert held >= 0.95 - 2 * (0.95 * 0.05 / times) ** 0.5
    raised = np.array([each.accuracy - p - each.inflation for each in found])
    assert raised.mean() < 3 * raised.std() / times**0.5


def test_one_run_is_chosen_from_nothing() -> None:
    found = best_of_runs(np.arange(100)[np.newaxis] < 90)
    assert found.inflation == pytest.approx(0.0, abs=1e-9)
    assert [found.interval] == simultaneous_intervals([90], [100])


def test_more_runs_than_are_here_count() -> None:
    right = np.arange(360)[np.newaxis] < 350
    alone, of_many = best_of_runs(right), best_of_runs(right, 20)
    assert of_many.interval.low < alone.interval.low
    assert "for this run, 97.2% (n = 360)" in of_many.verdict
    assert "the best of 20 runs" in of_many.verdict
    assert of_many.to_dict()["known"] == 1
    assert "for the best, 97.2%" in best_of_runs(np.concatenate([right, right])).verdict
    assert "for the best here, 97.2%" in best_of_runs(np.concatenate([right, right]), 3).verdict


def test_runs_without_a_mistake_are_not_certain() -> None:
    assert best_of_runs(np.ones((10, 50), bool)).inflation > 0


@pytest.mark.parametrize(("shape", "runs"), [((0, 5), None), ((3, 0), None), ((3, 5), 2)])
def test_what_is_no_runs_is_refused(shape: tuple[int, int], runs: int | None) -> None:
    with pytest.raises(DataError, match="best of runs"):
        best_of_runs(np.zeros(shape, bool), runs)
