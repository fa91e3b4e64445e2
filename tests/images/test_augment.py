"""Random changes of images against SciPy's own, image by image."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, map_coordinates

from inkling.images import augment as module
from inkling.images.augment import Augmentation, augment, variants

shapes = st.tuples(st.integers(1, 5), st.integers(2, 12), st.integers(2, 12), st.sampled_from([1, 3]))
amounts = st.builds(
    Augmentation,
    shift=st.floats(0, 20),
    rotation=st.floats(0, 180),
    scale=st.floats(0, 0.5),
    shear=st.floats(0, 40),
)
of_photos = st.builds(Augmentation, crop=st.floats(0, 0.9), flip=st.booleans())


def pictures(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(shapes)
def test_zero_amounts_change_nothing(shape: tuple[int, ...]) -> None:
    images = pictures(shape)
    np.testing.assert_array_equal(augment(images, Augmentation(), np.random.default_rng(0)), images)


@pytest.mark.parametrize("down", [-2, 0, 3])
@pytest.mark.parametrize("right", [-1, 0, 4])
def test_whole_pixel_shifts_are_exact(down: int, right: int, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.tile(np.eye(2, dtype=np.float32), (3, 1, 1)), np.tile(np.float32([-down, -right]), (3, 1))
    monkeypatch.setattr(module, "_maps", lambda amounts, parts: maps)
    images = pictures((3, 9, 7, 3))
    expected = np.zeros_like(images)
    to = slice(max(down, 0), 9 + min(down, 0)), slice(max(right, 0), 7 + min(right, 0))
    source = slice(max(-down, 0), 9 + min(-down, 0)), slice(max(-right, 0), 7 + min(-right, 0))
    expected[:, to[0], to[1]] = images[:, source[0], source[1]]
    np.testing.assert_array_equal(augment(images, Augmentation(shift=1), np.random.default_rng(0)), expected)


@given(shapes, amounts, st.integers(0, 1000))
def test_equals_scipy(shape: tuple[int, ...], amount: Augmentation, seed: int) -> None:
    images = pictures(shape, seed)
    changed = augment(images, amount, np.random.default_rng(seed))
    matrices, shifts = module._maps(amount, np.random.default_rng(seed).uniform(-1, 1, (5, len(images))))
    centre = (np.array(shape[1:3]) - 1) / 2
    for image, found, matrix, shift in zip(images, changed, matrices.astype(float), shifts.astype(float), strict=True):
        for channel in range(shape[3]):
            # A border of zeros lets SciPy, too, fade to black within a pixel of the edge.
            padded = np.pad(image[..., channel].astype(float), 1)
            offset = centre + 1 + shift - matrix @ (centre + 1)
            expected = affine_transform(padded, matrix, offset, order=1, mode="constant", cval=0)[1:-1, 1:-1]
            assert np.abs(found[..., channel] - expected).max() <= 1


@given(shapes, amounts | of_photos, st.integers(0, 1000))
def test_seeded_and_shaped(shape: tuple[int, ...], amount: Augmentation, seed: int) -> None:
    images = pictures(shape)
    before = images.copy()
    first = augment(images, amount, np.random.default_rng(seed))
    assert first.shape == shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, augment(images, amount, np.random.default_rng(seed)))
    np.testing.assert_array_equal(images, before)


def test_every_image_is_changed_in_its_own_way() -> None:
    images = np.repeat(pictures((1, 8, 8, 1)), 4, axis=0)
    changed = augment(images, Augmentation(shift=2), np.random.default_rng(0))
    assert len({image.tobytes() for image in changed}) == 4


def test_amounts_bound_the_maps() -> None:
    parts = np.random.default_rng(0).uniform(-1, 1, (5, 2000))
    matrices, shifts = module._maps(Augmentation(shift=3), parts)
    np.testing.assert_allclose(matrices, np.tile(np.eye(2), (2000, 1, 1)))
    assert 2.9 < np.abs(shifts).max() <= 3
    matrices, shifts = module._maps(Augmentation(rotation=30, scale=0.2), parts)
    assert not shifts.any()
    sizes = np.sqrt(np.linalg.det(matrices.astype(float)))
    assert 1 / 1.2 <= sizes.min() < 1 / 1.19
    assert 1 / 0.81 < sizes.max() <= 1 / 0.8 + 1e-6
    angles = np.degrees(np.arcsin(matrices[:, 0, 1] / sizes))
    assert 29 < np.abs(angles).max() <= 30 + 1e-3


def test_problems_are_all_named() -> None:
    assert Augmentation().problems() == []
    assert not Augmentation()
    assert Augmentation(shear=0.5)
    found = Augmentation(shift=-1, rotation=200, scale=1, shear=float("nan")).problems()
    assert len(found) == 4
    assert "augmentation rotation must lie in 0..180, found 200" in found


@given(st.integers(1, 4), st.integers(4, 40), st.integers(4, 40), st.floats(0.1, 5), st.integers(0, 99))
def test_elastic_deformation_stays_in_bounds_and_is_smooth(
    n: int, height: int, width: int, amount: float, seed: int
) -> None:
    moved = module._elastic(n, height, width, amount, np.random.default_rng(seed))
    assert moved.shape == (2, n, height, width)
    assert np.abs(moved).max() <= amount * (1 + 1e-5)
    # Two points are at most 2 * amount apart; the smooth step between them is nowhere steeper than 1.5 times the line.
    spacing = (height - 1) / (module._between(height).shape[1] - 1)
    assert np.abs(np.diff(moved, axis=2)).max() <= 1.5 * 2 * amount / spacing * (1 + 1e-5)


def test_elastic_deformation_equals_scipys() -> None:
    images, amount = pictures((4, 28, 20, 3)), Augmentation(elastic=2.0)
    changed = augment(images, amount, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    rng.uniform(-1, 1, (5, 4))  # the affine draws come first
    moved = module._elastic(4, 28, 20, 2.0, rng)
    rows, columns = np.mgrid[:28, :20] + 1.0
    for image, found, (down, right) in zip(images, changed, moved.swapaxes(0, 1), strict=True):
        for channel in range(3):
            padded = np.pad(image[..., channel].astype(float), 1)
            expected = map_coordinates(padded, [rows + down, columns + right], order=1, mode="nearest")
            assert np.abs(found[..., channel] - expected).max() <= 1


def test_a_grid_that_moves_as_one_is_a_shift() -> None:
    for side in (8, 28, 33):
        np.testing.assert_allclose(module._between(side).sum(axis=1), np.ones(side), rtol=1e-6)


def test_variants_are_changed_one_way_each_by_half() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 8, 1), np.uint8)
    found = list(variants(images, Augmentation(shift=2.0)))
    assert len(found) == 5
    np.testing.assert_array_equal(found[0], images)
    for copy, (down, right) in zip(found[1:], [(-1, 0), (1, 0), (0, -1), (0, 1)], strict=True):
        # An output pixel says where it came from: a shift of 1 takes the pixel below.
        expected = np.zeros_like(images)
        rows, columns = np.arange(9) + down, np.arange(8) + right
        inside = np.ix_(range(3), (rows >= 0) & (rows < 9), (columns >= 0) & (columns < 8))
        expected[inside] = images[:, rows[(rows >= 0) & (rows < 9)]][:, :, columns[(columns >= 0) & (columns < 8)]]
        np.testing.assert_array_equal(copy, expected)
    assert len(list(variants(images, Augmentation(rotation=4, scale=0.1)))) == 5
    assert len(list(variants(images, Augmentation(1, 2, 0.3, 4, 5)))) == 11
    assert len(list(variants(images, Augmentation(elastic=1)))) == 1
    # Half a turn each way, and back: the two turned copies are each other's mirror when the image is symmetric.
    symmetric = images + images[:, :, ::-1] // 2
    symmetric = np.maximum(symmetric, symmetric[:, :, ::-1])
    _, left, right_turned = variants(symmetric, Augmentation(rotation=20))
    np.testing.assert_allclose(left.astype(int), right_turned[:, :, ::-1].astype(int), atol=1)


def test_amounts_that_came_later_leave_earlier_pictures_as_they_were() -> None:
    # Arithmetic alone, no sine and no product of matrices: the same bits on every machine.
    changed = augment(pictures((6, 28, 20, 3), 7), Augmentation(shift=2.0, scale=0.25), np.random.default_rng(3))
    assert hashlib.sha256(changed.tobytes()).hexdigest().startswith("a344cdc01f717e9d")


@given(shapes, st.floats(0.01, 0.9), st.integers(0, 1000))
def test_windows_lie_in_the_image_and_are_as_large_as_they_must(shape: tuple[int, ...], crop: float, seed: int) -> None:
    n, height, width, _ = shape
    corners, sizes = module._random_windows(n, height, width, crop, np.random.default_rng(seed))
    assert corners.min() >= 0
    assert np.all(corners + sizes <= np.array([height, width]) * (1 + 1e-12))
    sides = sizes / (height, width)
    stretch = sides[:, 0] / sides[:, 1]
    assert np.all((stretch >= 3 / 4 - 1e-9) & (stretch <= 4 / 3 + 1e-9))
    assert np.all(sides.max(axis=1) >= (1 - crop) * (1 - 1e-9))


@given(shapes, st.integers(0, 1000))
def test_a_window_is_read_as_scipy_reads_it(shape: tuple[int, ...], seed: int) -> None:
    images = pictures(shape, seed)
    n, height, width, channels = shape
    corners, sizes = module._random_windows(n, height, width, 0.6, np.random.default_rng(seed))
    found = module._enlarged(images, corners, sizes)
    for image, window, (top, left), (tall, wide) in zip(images, found, corners, sizes, strict=True):
        rows = top + (np.arange(height) + 0.5) * tall / height - 0.5
        columns = left + (np.arange(width) + 0.5) * wide / width - 0.5
        places = np.meshgrid(rows, columns, indexing="ij")
        for channel in range(channels):
            expected = map_coordinates(image[..., channel].astype(float), places, order=1, mode="nearest")
            # Parts are 256ths, and there are two roundings.
            assert np.abs(window[..., channel] - expected).max() <= 2


@given(shapes)
def test_the_window_of_the_whole_image_is_the_image(shape: tuple[int, ...]) -> None:
    images, whole = pictures(shape), np.tile([float(shape[1]), float(shape[2])], (shape[0], 1))
    np.testing.assert_array_equal(module._enlarged(images, np.zeros((shape[0], 2)), whole), images)


def test_half_of_the_images_are_mirrored() -> None:
    images = pictures((400, 3, 4, 3))
    changed = augment(images, Augmentation(flip=True), np.random.default_rng(0))
    as_before = np.all(changed == images, axis=(1, 2, 3))
    mirrored = np.all(changed == images[:, :, ::-1], axis=(1, 2, 3))
    assert np.all(as_before ^ mirrored)
    assert 0.42 < mirrored.mean() < 0.58


def test_variants_of_photos_are_the_middle_and_mirror_images() -> None:
    images = pictures((3, 12, 8, 3))
    plain, mirrored = variants(images, Augmentation(flip=True))
    np.testing.assert_array_equal(plain, images)
    np.testing.assert_array_equal(mirrored, images[:, :, ::-1])
    _, middle = variants(images, Augmentation(crop=0.5))
    corners, sizes = np.tile([1.5, 1.0], (3, 1)), np.tile([9.0, 6.0], (3, 1))
    np.testing.assert_array_equal(middle, module._enlarged(images, corners, sizes))
    found = list(variants(images, Augmentation(crop=0.5, flip=True)))
    assert len(found) == 4
    np.testing.assert_array_equal(found[3], middle[:, :, ::-1])
    assert len(list(variants(images, Augmentation(1, 2, 0.3, 4, 5, 0.5, True)))) == 24


def test_amounts_out_of_range_are_said() -> None:
    (problem,) = Augmentation(crop=0.95, flip=True).problems()
    assert problem == "augmentation crop must lie in 0..0.9, found 0.95"
    assert Augmentation(flip=True)
    assert not Augmentation()
