"""Pictures read as images: the same pixels whatever the file, and sizes known from headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from inkling.errors import DataError
from inkling.images.pictures import header_size, open_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("saved", ["L", "RGB"])
def test_opaque_pictures_are_the_same_with_and_without_an_alpha_channel(tmp_path: Path, mode: str, saved: str) -> None:
    picture = Image.fromarray(PIXELS).convert(saved)
    picture.save(tmp_path / "plain.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    plain, alpha = (np.asarray(open_picture(tmp_path / f"{name}.png", mode)) for name in ("plain", "alpha"))
    assert np.array_equal(plain, alpha)
    assert np.array_equal(plain, np.asarray(picture.convert(mode)))


def test_one_colour_can_stand_for_transparency(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8)).save(tmp_path / "key.png", transparency=(9, 9, 9))
    assert np.asarray(open_picture(tmp_path / "key.png", "RGB")).tolist() == [[[255, 255, 255], [1, 2, 3]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_headers_tell_the_size_of_the_picture(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"picture.{suffix}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"exif": exif} if suffix in ("jpg", "png", "webp") else {}
    Image.fromarray(PIXELS).save(path, **options)
    assert header_size(path) == open_picture(path, "RGB").size
    assert header_size(path) == ((5, 7) if options and orientation == 6 else (7, 5))


def test_no_picture_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"text\.png: expected a picture"):
        header_size(tmp_path / "text.png")
    with pytest.raises(DataError, match="No such file"):
        header_size(tmp_path / "missing.png")
