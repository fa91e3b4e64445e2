"""Mean and spread of pixels: as NumPy has them, in little memory however large the images are."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from inkling.images.statistics import pixel_statistics


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (300, 5, 7, 3), (3, 800, 900, 1)])
def test_they_are_those_of_numpy(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_allclose(pixel_statistics(images), (images.mean(), images.std()), rtol=1e-12, atol=1e-9)


def test_large_images_take_little_memory_and_say_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    images = np.zeros((16, 1000, 1000, 1), np.uint8)
    seen: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        assert pixel_statistics(images, lambda done, total: seen.append((done, total))) == (0, 0)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert seen == [(done, 16) for done in range(1, 17)]
