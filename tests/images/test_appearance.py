"""How images look: what is measured, what tells turned pictures, and how often a run's own images are unlike it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkling.images.appearance import MEASURES, Appearance, border_pixels, measure_appearance
from inkling.images.dataset import Splits
from inkling.images.sources.digits import load_digits
from inkling.runs.schema import check


@pytest.fixture(scope="module")
def digits() -> Splits:
    return load_digits()


def test_the_measures_of_images_that_one_can_reckon() -> None:
    white, black = np.full((8, 8, 3), 255, np.uint8), np.zeros((8, 8, 3), np.uint8)
    framed, red = white.copy(), black.copy()
    framed[1:-1, 1:-1] = 0
    red[..., 0] = 255
    found = measure_appearance(np.stack([white, black, framed, red]))
    np.testing.assert_allclose(
        found,
        [[1, 1, 0, 0], [0, 0, 0, 0], [28 / 64, 1, np.sqrt(28 * 36) / 64, 0], [1 / 3, 1 / 3, 0, 1]],
        atol=1e-6,
    )


def test_blocks_change_nothing() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 700, 700, 1), np.uint8)
    expected = np.concatenate([measure_appearance(images[place : place + 1]) for place in range(5)])
    np.testing.assert_array_equal(measure_appearance(images), expected)
    assert border_pixels(64, 96).sum() == 64 * 96 - 56 * 88


def test_it_is_kept_as_json_values(digits: Splits) -> None:
    appearance = Appearance.of(digits.train.images)
    assert appearance.sides == (8, 8)
    assert appearance.images == 1000
    assert check(asdict(appearance), Appearance) == appearance


@pytest.mark.parametrize("train_size", [30, 100, 1077])
def test_own_test_images_are_neither_turned_nor_unlike_and_inverted_ones_are(digits: Splits, train_size: int) -> None:
    rng, alarms, times = np.random.default_rng(train_size), 0, 0
    measured = measure_appearance(digits.test.images)
    for seed in range(10):
        train = digits.train.stratified_subset(train_size, seed) if train_size < 1077 else digits.train
        appearance = Appearance.of(train.images)
        assert not appearance.turned(digits.test.images).any()
        assert appearance.turned(255 - digits.test.images).all()
        for n in (1, 1, 1, 2, 7, 8, 64):
            for _ in range(20):
                some = measured[rng.permutation(len(measured))[:n]]
                alarms += bool(appearance.differences(some, [8] * n))
                times += 1
    assert alarms <= 0.01 * times, f"{alarms} of {times}"


def _photographed(digit: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return light ink on black, (H, W), as a photo of dark ink on white paper: uneven light, noise, soft edges."""
    side = 280
    ink = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255
    down, across = np.mgrid[0:side, 0:side] / side
    paper = rng.uniform(0.7, 0.95) - rng.uniform(0, 0.2) * down - rng.uniform(0, 0.15) * across
    photo = paper * (1 - ink) + 0.15 * ink + rng.normal(0, 0.02, ink.shape)
    return (255 * photo.clip(0, 1)).round().astype(np.uint8)


def _framed(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return digits as MNIST has them, (N, 28, 28, 1): 20 pixels high, in a black frame."""
    framed = np.zeros((len(images), 28, 28, 1), np.uint8)
    for place, image in enumerate(images[..., 0]):
        framed[place, 4:24, 4:24, 0] = Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC)
    return framed


def test_digits_photographed_dark_on_white_are_found(digits: Splits) -> None:
    rng, appearance = np.random.default_rng(0), Appearance.of(_framed(digits.train.images[:300]))
    photos = [_photographed(digit, rng) for digit in _framed(digits.test.images[:100])[..., 0]]
    small = np.stack([np.asarray(Image.fromarray(photo).resize((28, 28))) for photo in photos])[..., None]
    assert appearance.turned(small).mean() >= 0.99
    words = " ".join(appearance.differences(measure_appearance(small), [280] * len(small)))
    assert "brighter (" in words
    assert "brighter at the border (" in words
    assert "larger (shorter side 280 pixels, training 28)" in words


def test_training_images_of_both_kinds_turn_nothing(digits: Splits) -> None:
    images = digits.train.images.copy()
    images[::2] = 255 - images[::2]
    appearance = Appearance.of(images)
    for shown in (digits.test.images, 255 - digits.test.images):
        assert not appearance.turned(shown).any()


def test_colours_contrast_and_sizes_are_told() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 16, 16, 3), np.uint8)
    appearance = Appearance.of(images, (300, 500))
    grey = np.repeat(images[:10, ..., :1], 3, axis=3)
    assert "less colourful" in " ".join(appearance.differences(measure_appearance(grey), [400] * 10))
    flat = (images[:10] // 8) + 112
    assert "of less contrast" in " ".join(appearance.differences(measure_appearance(flat), [400] * 10))
    own = measure_appearance(images[:10])
    assert appearance.differences(own, [400] * 10) == ()
    (smaller,) = appearance.differences(own, [32] * 10)
    assert smaller == "smaller (shorter side 32 pixels, training 300 to 500)"
    assert appearance.differences(own, [32] * 5 + [400] * 5) == (), "half of them are not most"
    assert len(MEASURES) == own.shape[1]
