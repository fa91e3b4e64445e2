"""Corruptions: what each does to pixels, by hand, and that the same seed gives the same images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.errors import DataError
from inkling.images.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkling.images.sources.digits import load_digits


@given(
    st.sampled_from(sorted(CORRUPTIONS)), st.sampled_from(SEVERITIES), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([1, 3]), st.integers(0, 3),
)  # fmt: skip
def test_any_image_becomes_one_like_it(name: str, severity: int, h: int, w: int, c: int, n: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n, h, w, c), dtype=np.uint8)
    before = images.copy()
    worse = corrupt(images, name, severity, seed=3)
    assert (worse.dtype, worse.shape) == (np.uint8, images.shape)
    np.testing.assert_array_equal(worse, corrupt(images, name, severity, seed=3))
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "JPEG"])
def test_severities_change_more_and_more(name: str) -> None:
    images = load_digits().test.images[:100].repeat(4, axis=1).repeat(4, axis=2)
    changes = [np.abs(corrupt(images, name, severity).astype(float) - images).mean() for severity in SEVERITIES]
    assert changes == sorted(changes)
    assert changes[0] > 0


def test_pixels_by_hand() -> None:
    grey = np.full((1, 4, 4, 1), 100, np.uint8)
    assert (corrupt(grey, "brightness", 1) == 125).all()  # 125.5, in floating point a little less
    assert (corrupt(grey, "contrast", 5) == 100).all()
    halves = np.repeat(np.array([0, 200], np.uint8), 8).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(np.unique(corrupt(halves, "contrast", 1)), [60, 140])
    colour = np.full((1, 4, 4, 3), (200, 100, 50), np.uint8)
    brighter = corrupt(colour, "brightness", 5)[0, 0, 0].astype(int)  # white at most; hue and saturation stay
    assert np.abs(brighter - [255, 127.5, 63.75]).max() <= 0.5
    assert (corrupt(np.zeros((1, 4, 4, 3), np.uint8), "brightness", 2) == 51).all()


def test_a_digit_of_28_pixels_is_shifted_by_whole_pixels_and_edges_repeat() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    for image, shifted in zip(images, corrupt(images, "shift", 3), strict=True):
        padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="edge")
        places = [padded[down : down + 28, right : right + 28] for down in (0, 6) for right in (0, 6)]
        assert any(np.array_equal(shifted, place) for place in places)


def test_noise_has_the_deviation_that_it_says() -> None:
    grey = np.full((20, 32, 32, 1), 128, np.uint8)
    assert corrupt(grey, "noise", 1).std() / 255 == pytest.approx(0.08, rel=0.02)
    assert not np.array_equal(corrupt(grey, "noise", 1), corrupt(grey, "noise", 1, seed=1))


def test_what_is_no_corruption_is_refused() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    with pytest.raises(DataError, match="did you mean 'blur'"):
        corrupt(images, "blurr", 1)
    with pytest.raises(DataError, match="severity of 1 to 5, found 0"):
        corrupt(images, "blur", 0)
    with pytest.raises(DataError, match=r"found float64 of shape \(2, 8, 8, 1\)"):
        corrupt(images / 255, "blur", 1)
