"""Images in pages: exact where they are small or grey, and not larger than they need to be where they are photos."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from inkling.figures.pictures import photo_uri, png_uri


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("shape", [(28, 28, 1), (128, 128, 1), (63, 200, 3)])
def test_small_and_grey_images_are_exact(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert photo_uri(pixels) == png_uri(pixels)
    np.testing.assert_array_equal(decoded(photo_uri(pixels)), pixels.squeeze())


def test_photos_are_small_and_look_the_same() -> None:
    rng = np.random.default_rng(0)
    blurred = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize(
        (128, 128), Image.Resampling.BICUBIC
    )
    pixels = np.clip(np.asarray(blurred) + 3 * rng.standard_normal((128, 128, 3)), 0, 255).astype(np.uint8)
    uri = photo_uri(pixels)
    assert uri.startswith("data:image/jpeg;base64,")
    assert len(uri) < len(png_uri(pixels)) / 3
    assert np.abs(decoded(uri).astype(float) - pixels).mean() < 4
