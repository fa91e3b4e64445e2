"""Poor pictures: blurred, dark and bright copies of photographs are found, and the photographs are not."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

from inkling.diagnosis.picture_measures import PictureMeasures, measure_pictures
from inkling.diagnosis.picture_quality import BLURRED, judge_quality
from inkling.images.dataset import ImageDataset, Splits


@pytest.fixture(scope="module")
def photos() -> NDArray[np.uint8]:
    """40 crops of two photographs, uint8 (40, 96, 96, 3)."""
    rng, crops = np.random.default_rng(0), []
    for pixels in load_sample_images().images:
        photo = Image.fromarray(pixels)
        for _ in range(20):
            side = int(rng.integers(200, 420))
            x, y = (int(rng.integers(0, length - side + 1)) for length in photo.size)
            crops.append(np.asarray(photo.crop((x, y, x + side, y + side)).resize((96, 96))))
    return np.stack(crops)


def kinds(images: NDArray[np.uint8]) -> list[str]:
    return [picture.kind for picture in judge_quality({"train": measure_pictures(images)}).pictures]


def blurred(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def test_photographs_are_good(photos: NDArray[np.uint8]) -> None:
    quality = judge_quality({"train": measure_pictures(photos)})
    assert quality.pictures == ()
    assert not quality.soft
    assert quality.verdict == "None of 40 pictures is without contrast, too dark or too bright, or blurred."


@pytest.mark.parametrize(("sigma", "share"), [(2, 0.5), (3, 0.9)])
def test_blurred_copies_are_found_among_sharp_ones(photos: NDArray[np.uint8], sigma: float, share: float) -> None:
    copies = np.stack([blurred(image, sigma) for image in photos[::4]])
    quality = judge_quality({"train": measure_pictures(photos), "test": measure_pictures(copies)})
    assert {picture.kind for picture in quality.pictures} == {"blurred"}
    assert {picture.split for picture in quality.pictures} == {"test"}
    assert len(quality.pictures) >= share * len(copies)
    assert [p.value for p in quality.pictures] == sorted(p.value for p in quality.pictures)


def test_a_sharp_subject_before_a_blurred_background_is_not_blurred(photos: NDArray[np.uint8]) -> None:
    images = photos.copy()
    for image in images[:10]:
        subject = image[30:66, 30:66].copy()
        image[:] = blurred(image, 4)
        image[30:66, 30:66] = subject
    assert kinds(images) == []


@pytest.mark.parametrize("across", [False, True])
def test_the_edge_of_an_added_border_makes_no_blurred_picture_sharp(photos: NDArray[np.uint8], across: bool) -> None:
    images = photos.copy()
    images[0] = blurred(images[0], 4)
    framed = np.full((40, 96, 96, 3), 255, np.uint8)
    framed[:, 24:72] = images[:, 24:72]
    found = judge_quality({"train": measure_pictures(framed.transpose(0, 2, 1, 3) if across else framed)})
    assert [(picture.index, picture.kind) for picture in found.pictures] == [(0, "blurred")]


def test_dark_and_bright_copies_are_found(photos: NDArray[np.uint8]) -> None:
    images = photos.copy()
    images[3], images[5] = images[3] * 0.25, 205 + images[5] // 6
    quality = judge_quality({"train": measure_pictures(images)})
    assert [(picture.index, picture.kind) for picture in quality.pictures] == [(3, "dark"), (5, "bright")]
    assert quality.verdict == "Of 40 pictures, 1 too dark, 1 too bright."


def test_a_deep_red_picture_is_not_dark() -> None:
    rng = np.random.default_rng(0)
    images = np.zeros((4, 40, 40, 3), np.uint8)
    images[..., 0] = rng.integers(0, 200, (4, 40, 40))
    assert "dark" not in kinds(images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 8, 32, 33, 200])
def test_constant_pictures_are_blank_and_divide_nothing_by_zero(side: int, channels: int) -> None:
    images = np.zeros((3, side, side, channels), np.uint8)
    images[1], images[2] = 255, 90
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quality = judge_quality({"train": measure_pictures(images)})
    assert [(picture.index, picture.kind) for picture in quality.pictures] == [(0, "blank"), (1, "blank"), (2, "blank")]
    json.dumps(quality.to_dict(), allow_nan=False)


def test_blur_of_small_drawings_is_not_judged() -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), dtype=np.uint8)
    quality = judge_quality({"train": measure_pictures(images)})
    assert (quality.median_sharpness, quality.blurred_below, quality.soft) == (None, None, False)
    assert "Blur is not judged on images of less than 32 pixels a side." in quality.verdict


def test_a_set_that_is_soft_as_a_whole_is_called_so_and_not_flagged_one_by_one(photos: NDArray[np.uint8]) -> None:
    soft = np.stack([blurred(image, 1.6) for image in photos])
    quality = judge_quality({"train": measure_pictures(soft)})
    assert quality.soft
    assert quality.detail.startswith("Half of the pictures hold little detail (sharpness of ")
    assert quality.blurred_below is not None
    assert quality.blurred_below < BLURRED
    assert len(quality.pictures) <= 4


def test_files_are_named() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    images[2] = 0
    part = ImageDataset(images, np.arange(4) % 2, ("a", "b"), tuple(f"a/{i}.png" for i in range(4)))
    splits = Splits(part, part, part)
    measures = {split: measure_pictures(dataset.images) for split, dataset in splits.items()}
    assert {p.file for p in judge_quality(measures, splits).pictures} == {"a/2.png"}


def test_measures_by_hand() -> None:
    image = np.zeros((1, 10, 10, 3), np.uint8)
    image[..., 0] = 100
    image[0, 0, :, 1] = 255
    measured = measure_pictures(image)
    assert measured.brightness[0] == pytest.approx((100 + 25.5) / 3)
    assert (measured.highest[0], measured.lowest[0]) == (255, 0)
    rim = 36  # pixels, of which 10 are bright green
    assert measured.border[0, :3] == pytest.approx([100, 255 * 10 / rim, 0], rel=1e-5)
    assert np.isnan(measured.sharpness[0])


def test_blocks_change_nothing(photos: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure_pictures(photos)
    monkeypatch.setattr("inkling.diagnosis.picture_measures._BLOCK", 3 * 96 * 96)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    parts = measure_pictures(photos, lambda *at: seen.append(at))
    for name in PictureMeasures.__dataclass_fields__:
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-5)
    assert (seen[0], seen[-1]) == ((3, 40), (40, 40))
