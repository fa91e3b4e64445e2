"""Drawings become images as those of the set were made: sizes measured, the round trip, and what is no drawing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from inkling.images.dataset import Splits
from inkling.images.drawings import BOX, FRAME, INK, MASS, draw, ink_of_picture, measure_drawings
from inkling.images.sources.digits import load_digits


def like_mnist(n: int = 60) -> NDArray[np.uint8]:
    """Blots of 20 pixels along their longer side, their centre of mass in the middle of 28x28."""
    rng, images = np.random.default_rng(0), np.zeros((n, 28, 28, 1), np.uint8)
    for image in images:
        blot = np.zeros((20, 12))
        blot[:, 0:3], blot[0:3] = 255, 255
        blot[rng.integers(3, 17) :, 9:] = 200
        if rng.random() < 0.5:
            blot = blot.T
        rows, columns = np.indices(blot.shape) + 0.5
        top, left = (int(np.floor(14.5 - (blot * place).sum() / blot.sum() + 0.5)) for place in (rows, columns))
        image[top : top + blot.shape[0], left : left + blot.shape[1], 0] = blot
    return images


def large(image: NDArray[np.uint8], times: int = 9, top: int = 20, left: int = 31) -> NDArray[np.float32]:
    """An image drawn large and off the middle."""
    blown = np.kron(image[..., 0], np.ones((times, times)))
    return np.pad(blown, ((top, 5), (left, 0))).astype(np.float32)


def test_paths_are_measured() -> None:
    path = measure_drawings(like_mnist())
    assert (path.kind, path.light_on_dark, path.longest, path.centre, path.aim) == (INK, True, 20, MASS, (14.5, 14.5))
    assert "fitted into 20x20 pixels" in path.rule
    dark = measure_drawings(255 - like_mnist())
    assert (dark.kind, dark.light_on_dark, dark.longest, dark.aim) == (INK, False, 20, (14.5, 14.5))
    digits = measure_drawings(load_digits().train.images)
    assert (digits.kind, digits.longest, digits.centre, digits.aim) == (INK, 8, BOX, (4.0, 4.0))


def test_the_path_of_mnist(mnist: Splits) -> None:
    path = measure_drawings(mnist.train.images)
    assert (path.kind, path.light_on_dark, path.longest, path.centre, path.aim) == (INK, True, 20, MASS, (14.5, 14.5))


def test_sets_without_a_size_of_ink_are_framed() -> None:
    rng = np.random.default_rng(0)
    sizes = np.zeros((50, 16, 16, 1), np.uint8)
    for image in sizes:
        side = rng.integers(2, 15)
        image[:side, :side] = 255
    for images in (sizes, rng.integers(0, 256, (50, 8, 8, 3)).astype(np.uint8), np.zeros((5, 8, 8, 1), np.uint8)):
        assert measure_drawings(images).kind == FRAME


@pytest.mark.parametrize("dark", [False, True])
def test_an_image_drawn_large_somewhere_becomes_itself(dark: bool) -> None:
    images = like_mnist(12)
    path = measure_drawings(255 - images if dark else images)
    for image in images:
        drawn = draw(large(image), path, (28, 28, 1))
        assert drawn is not None
        np.testing.assert_array_equal(drawn, 255 - image if dark else image)


def test_digits_drawn_large_become_themselves() -> None:
    splits = load_digits()
    path, images = measure_drawings(splits.train.images), splits.test.images
    same = [np.array_equal(draw(large(image), path, (8, 8, 1)), image) for image in images]
    assert np.mean(same) > 0.6  # the others are not in the middle from left to right, or touch one side more faintly


def test_nothing_drawn_is_no_image() -> None:
    path = measure_drawings(like_mnist())
    assert draw(np.zeros((50, 50), np.float32), path, (28, 28, 1)) is None
    assert draw(np.full((50, 50), 20, np.float32), path, (28, 28, 1)) is None


PATHS = (measure_drawings(like_mnist(20)), measure_drawings(load_digits().train.images[:50]))


@given(arrays(np.float32, (12, 17), elements=st.floats(0, 255, width=32)))
def test_any_ink_gives_an_image_or_none(ink: NDArray[np.float32]) -> None:
    for path in PATHS:
        side = 28 if path.longest == 20 else 8
        image = draw(ink, path, (side, side, 1))
        assert (image is None) == (not (ink > 32).any())
        assert image is None or (image.shape, image.dtype) == ((side, side, 1), np.uint8)


def test_ink_is_what_stands_out_from_the_border() -> None:
    paper = np.full((40, 40), 200, np.uint8)
    paper[::2, ::3] -= 10  # grain
    written = paper.copy()
    written[10:30, 18:22] = 30
    for picture in (written, 255 - written):
        ink = ink_of_picture(picture)
        assert ink[10:30, 18:22].min() > 250
        ink[10:30, 18:22] = 0
        assert ink.max() == 0
    assert ink_of_picture(paper).max() == 0
