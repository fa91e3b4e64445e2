"""Numbers in words: no more digits than the evidence carries, and none that rounds a mistake away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.metrics.formatting import mean_probability, percent, percent_interval, points, points_interval
from inkling.metrics.intervals import Interval


@pytest.mark.parametrize(
    ("value", "n", "said"),
    [
        (0.9751, 360, "97.5%"),
        (0.9751, 10_000, "97.51%"),
        (49_999 / 50_000, 50_000, "99.998%"),
        (1 / 50_000, 50_000, "0.002%"),
        (0.99996, 360, "99.996%"),
        (0.9996, 360, "99.96%"),
        (1.0, 360, "100.0%"),
        (1.0, 50_000, "100.00%"),
        (0.0, 50_000, "0.00%"),
        (0.1 + 0.2 + 0.7 - 1e-16, 360, "100.0%"),
        (1 - 0.9 - 0.1, 360, "0.0%"),
    ],
)
def test_percentages(value: float, n: int, said: str) -> None:
    assert percent(value, n) == said


@given(st.integers(1, 1_000_000), st.data())
def test_a_mistake_is_never_rounded_away(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    said = percent(count / n, n, "")
    assert (float(said) == 0) == (count == 0)
    assert (float(said) == 100) == (count == n)
    assert float(said) == pytest.approx(100 * count / n, abs=0.0501)


def test_intervals_and_points() -> None:
    assert percent_interval(Interval(0.99989, 1.0), 50_000) == "99.99–100.00%"
    assert percent_interval(Interval(0.999989, 1.0), 50_000) == "99.999–100.00%"
    assert points(0.0283, 360) == "2.8"
    assert points(-0.0283, 10_000) == "−2.83"
    assert points(-0.00001, 10_000) == "−0.001"
    assert points(-0.0, 360) == "0.0"
    assert points_interval(Interval(-0.0049, 0.0129), 360) == "[−0.5, 1.3]"


@pytest.mark.parametrize(
    ("value", "n", "said"),
    [
        (0.99999999995, 360, "above 99.9%"),
        (0.99999, 10_000, "above 99.99%"),
        (0.97512, 360, "97.5%"),
        (1.0, 9, "100.0%"),
    ],
)
def test_a_mean_probability_has_the_digits_of_its_images_and_is_not_all(value: float, n: int, said: str) -> None:
    assert mean_probability(value, n) == said
