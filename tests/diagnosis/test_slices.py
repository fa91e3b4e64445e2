"""Slices: columns cut as stated, nothing said of equal slices, intervals that hold together, what stands out found."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Simulated
from inkling.diagnosis.slices import FEWEST, MISSING, SlicedColumn, measure_slices
from inkling.errors import DataError


def sliced(values: object, n: int | None = None) -> SlicedColumn:
    n = len(list(values)) if n is None else n  # type: ignore[call-overload]
    return measure_slices(np.ones(n, bool), {"x": values}).columns[0]


def names(column: SlicedColumn) -> list[tuple[str, int]]:
    return [(each.value, each.n) for each in column.slices]


def test_words_are_slices_and_missing_values_are_one_of_their_own() -> None:
    assert names(sliced(["b", "a", "", "NA", None, float("nan"), " a "])) == [("a", 2), ("b", 1), (MISSING, 4)]
    assert names(sliced([True, False, True])) == [("False", 1), ("True", 2)]
    assert names(sliced([10, 9, 10])) == [("9", 1), ("10", 2)]
    many = names(sliced([f"w{k:02}" for k in range(30) for _ in range(31 - k)]))
    assert len(many) == 20
    assert many[-1] == ("11 other values", sum(31 - k for k in range(19, 30)))
    alone = sliced(["a", "a"])
    assert alone.p_equal is None
    assert not alone.differs


def test_many_numbers_are_cut_at_the_quartiles() -> None:
    assert names(sliced(np.arange(1, 101) / 10)) == [
        ("0.1 to 2.5", 25),
        ("2.6 to 5", 25),
        ("5.1 to 7.5", 25),
        ("7.6 to 10", 25),
    ]
    # A value that is most of a column is in one slice, whole.
    column = sliced([*["0"] * 70, *map(str, range(1, 31)), ""])
    assert names(column) == [("0", 70), ("1 to 5", 5), ("6 to 30", 25), (MISSING, 1)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-5, 40), st.floats(), st.sampled_from(["a", "b", "é", "NA"])),
            st.booleans(),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_slices_are_disjoint_and_hold_every_image(images: list[tuple[object, bool]]) -> None:
    found = measure_slices(np.array([right for _, right in images]), {"x": [value for value, _ in images]})
    slices = found.columns[0].slices
    assert sum(each.n for each in slices) == len(images)
    assert sum(each.correct for each in slices) == found.correct
    assert all(each.n and each.interval.low <= each.accuracy <= each.interval.high for each in slices)
    assert len({each.value for each in slices}) == len(slices)
    assert "\n" not in found.verdict
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["verdict"] == found.verdict


def columns(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {
        "camera": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        "light": rng.choice(["day", "night"], n),
        "hour": rng.uniform(0, 24, n),
        "rare": rng.choice(["x", "y"], n, p=[0.97, 0.03]),
    }


def test_equal_slices_are_called_different_or_worst_in_5_percent_of_all_files_at_most(simulated: Simulated) -> None:
    rng = np.random.default_rng(0)
    said = 0
    for accuracy in (0.99, 0.9) * 50:
        found = measure_slices(rng.random(300) < accuracy, columns(rng, 300))
        said += any(column.differs or column.worst for column in found.columns)
    simulated("A slice is worst or accuracy differs: four columns, all equal, n = 300", said / 100, 100)
    assert said / 100 <= 0.05


def test_intervals_of_slices_of_30_hold_together(simulated: Simulated) -> None:
    rng = np.random.default_rng(1)
    groups = {"x": np.repeat(np.arange(5), 30), "y": np.tile(np.arange(5), 30)}
    held = 0
    for _ in range(100):
        found = measure_slices(rng.random(150) < 0.99, groups)
        held += all(s.interval.low <= 0.99 <= s.interval.high for column in found.columns for s in column.slices)
    simulated("The 95% intervals of all ten slices of 30 hold their accuracy, 0.99", held / 100, 100)
    assert held / 100 >= 0.95


def test_what_stands_out_is_named_and_a_rare_slice_never_is() -> None:
    light, rng = np.repeat(["dusk", "day", "night"], [FEWEST - 1, 200, 200]), np.random.default_rng(0)
    correct = np.concatenate([np.zeros(FEWEST - 1, bool), np.ones(200, bool), np.arange(200) % 4 > 0])
    found = measure_slices(correct, {"light": light, "side": rng.choice(["left", "right"], len(light))})
    worst = found.columns[0].worst
    assert worst is not None
    assert worst.value == "night"
    assert found.columns[0].slices[1].rare
    assert found.verdict == (
        "On 409 test images, of light, night is worst (75.0% of 200 images correct, less than in every other slice "
        "of 10 images or more, p < 0.001), p adjusted for 2 columns."
    )
    correct[:] = light != "dusk"
    found = measure_slices(correct, {"light": light})
    assert found.columns[0].differs
    assert found.columns[0].worst is None
    assert found.verdict == "On 409 test images, accuracy differs between slices of light (p < 0.001)."
    equal = measure_slices(np.ones(20, bool), {"light": light[:20], "one": ["a"] * 20})
    assert (
        equal.verdict == "Accuracy is not shown to differ between slices of light on 20 test images (light: p = 1.00)."
    )
    assert measure_slices(np.ones(2, bool), {"one": ["a"] * 2}).verdict.startswith("Nothing is compared")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_slices([1, 0], {"x": "ab"}), "must be booleans of shape"),
        (lambda: measure_slices(np.zeros(0, bool), {"x": []}), "must be booleans of shape"),
        (lambda: measure_slices([True], {}), "a column of attributes at least"),
        (lambda: measure_slices([True], {"x": ["a", "b"]}), "1 images but 2 values in the column 'x'"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
