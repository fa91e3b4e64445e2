"""Pixels of any kind of number become unsigned bytes, by one rule for each kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inkling.errors import DataError
from inkling.images.pixels import check_layout, to_bytes


@given(
    arrays(np.uint8, (3, 2, 2)), st.sampled_from([np.float16, np.float32, np.float64, np.int16, np.int64, np.uint16])
)
def test_bytes_come_back_from_every_type(pixels: np.ndarray, dtype: Any) -> None:
    scale = 255 if np.issubdtype(dtype, np.floating) else 1
    assert np.array_equal(to_bytes((pixels / scale).astype(dtype)), pixels)


def test_booleans_are_black_and_white() -> None:
    assert to_bytes(np.array([True, False])).tolist() == [255, 0]


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.linspace(0, 1, 30).reshape(5, 3, 2)
    whole = to_bytes(pixels)
    monkeypatch.setattr("inkling.images.pixels._BLOCK", 7)
    assert np.array_equal(to_bytes(pixels), whole)
    assert np.array_equal(whole, np.rint(pixels * 255))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ([0.0, 1.1], r"x: floats must lie in 0\.\.1 .*found 0\.\.1\.1: undo a normalisation"),
        ([-0.2, 0.4], r"found -0\.2\.\.0\.4"),
        ([0.0, np.nan], "no finite numbers"),
        ([0.0, np.inf], "no finite numbers"),
        ([0, 256], r"integers must lie in 0\.\.255, found 0\.\.256"),
        ([-1, 5], r"found -1\.\.5"),
        (["a"], "expected pixels as numbers, found <U1"),
        ([1j], "expected pixels as numbers, found complex128"),
    ],
)
def test_values_out_of_range_are_refused(pixels: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        to_bytes(np.array(pixels), "x")


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((5, 3, 8, 8), r"np\.moveaxis\(images, 1, -1\)"),
        ((5, 1, 8, 8), r"np\.moveaxis\(images, 1, -1\)"),
        ((5, 8, 8, 4), r"images\[\.\.\., :3\]"),
        ((5, 64), "reshape"),
        ((5, 8, 8, 2), "grey or RGB"),
        ((5,), "grey or RGB"),
    ],
)
def test_another_layout_is_refused_with_what_to_do(shape: tuple[int, ...], advice: str) -> None:
    with pytest.raises(DataError, match=advice):
        check_layout(shape)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 8, 3), (5, 3, 8, 3)])
def test_layouts_of_images(shape: tuple[int, ...]) -> None:
    check_layout(shape)
