"""Intervals against published numbers, against statsmodels, and as often right as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from conftest import Simulated
from inkling.metrics.intervals import Interval, mean_interval, newcombe_interval, wilson_interval


def test_wilson_interval_of_a_published_example() -> None:
    # Newcombe (1998), Stat. Med. 17:857, table I, method 3: 81/263 and 0/20.
    assert wilson_interval(81, 263).low == pytest.approx(0.2553, abs=5e-5)
    assert wilson_interval(81, 263).high == pytest.approx(0.3662, abs=5e-5)
    assert wilson_interval(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def test_newcombe_interval_of_a_published_example() -> None:
    # Newcombe (1998), Stat. Med. 17:873, table II, method 10: 56/70 - 48/80.
    interval = newcombe_interval(56, 70, 48, 80)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_newcombe_interval_covers_as_often_as_it_says(simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.binomial(2000, 0.97, 1000), rng.binomial(1000, 0.95, 1000)
    covered = 0
    for x, y in zip(a, b, strict=True):
        interval = newcombe_interval(int(x), 2000, int(y), 1000)
        covered += interval.low <= 0.02 <= interval.high
    simulated("The 95% interval of a gap between two sets holds it", covered / 1000, 1000)
    assert 0.93 <= covered / 1000 <= 0.97


@given(st.data(), st.integers(1, 60_000), st.integers(1, 60_000), st.sampled_from([0.9, 0.95, 0.998]))
def test_newcombe_interval_is_that_of_statsmodels(data: st.DataObject, n_a: int, n_b: int, confidence: float) -> None:
    a, b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    interval = newcombe_interval(a, n_a, b, n_b, confidence)
    theirs = confint_proportions_2indep(a, n_a, b, n_b, method="newcomb", compare="diff", alpha=1 - confidence)
    assert (interval.low, interval.high) == pytest.approx(theirs, abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_mean_interval_is_that_of_scipy(values: list[float]) -> None:
    array = np.array(values)
    interval = mean_interval(array)
    assert interval is not None
    assert interval.low - 1e-9 <= array.mean() <= interval.high + 1e-9
    if array.std() > 1e-9:
        theirs = stats.t.interval(0.95, len(values) - 1, array.mean(), stats.sem(array))
        assert (interval.low, interval.high) == pytest.approx(theirs)


def test_a_single_value_has_no_interval() -> None:
    assert mean_interval(np.array([3.0])) is None


def test_an_end_below_one_is_not_written_as_one() -> None:
    assert str(Interval(0.97512, 1.0)) == "[0.9751, 1.0000]"
    assert str(wilson_interval(49_999, 50_000)) == "[0.9999, 0.999996]"
