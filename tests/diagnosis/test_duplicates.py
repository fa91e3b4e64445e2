"""Images that occur twice: no exact duplicate is missed, near ones are found, and no others are reported."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from command_line import inkling, last_json
from conftest import WriteIdx
from inkling.diagnosis.duplicates import NEAR, find_duplicates
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits


def noise(n: int, shape: tuple[int, int, int] = (8, 8, 1), seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def test_planted_duplicates_are_listed_with_what_they_duplicate() -> None:
    train, validation, test = noise(50), noise(20, seed=1), noise(20, seed=2)
    validation[3], test[4], test[5], test[6] = train[7], train[7], validation[9], test[0]
    found = find_duplicates({"train": train, "validation": validation, "test": test})
    pairs = {(p.split, p.index, p.of_split, p.of_index) for p in found.pairs}
    assert pairs == {
        ("validation", 3, "train", 7), ("test", 4, "train", 7), ("test", 4, "validation", 3),
        ("test", 5, "validation", 9), ("test", 6, "test", 0),
    }  # fmt: skip
    assert all(pair.exact and pair.correlation == 1 for pair in found.pairs)
    assert found.count("test", "validation", exact=True) == 2
    assert found.verdict == (
        "1 of 20 validation images is also a training image; 1 of 20 test images is also a training image; "
        "2 of 20 test images are also validation images: accuracy on duplicated images does not measure performance "
        "on new ones. 1 image duplicates an earlier one of the same split."
    )


@settings(max_examples=60)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.just(2), st.just(2), st.just(1)), elements=st.integers(0, 2)
    ),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_no_exact_duplicate_is_missed_and_none_is_made_up(images: NDArray[np.uint8], a: int, b: int) -> None:
    """Against comparing every image with every other; few grey levels make many duplicates."""
    low, high = sorted((a, b))
    parts = {"train": images[:low], "validation": images[low:high], "test": images[high:]}
    found = find_duplicates(parts, near=NEAR)
    order = [(split, i) for split, part in parts.items() for i in range(len(part))]
    expected = {}
    for later, (split, i) in enumerate(order):
        for of_split, j in order[:later]:
            if np.array_equal(parts[split][i], parts[of_split][j]):
                expected.setdefault((split, i, of_split), j)
    assert {(p.split, p.index, p.of_split): p.of_index for p in found.pairs if p.exact} == expected


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.5, 0.999), st.integers(2, 150))
def test_near_ones_are_those_that_comparing_all_with_all_finds(seed: int, near: float, components: int) -> None:
    """The search in principal components must leave no pair out."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(components, 64))
    images = np.clip(128 + 20 * rng.normal(size=(60, components)) @ base / np.sqrt(components), 0, 255)
    images = images.astype(np.uint8).reshape(-1, 8, 8, 1)
    images[30:] = np.clip(images[:30] + rng.integers(-9, 10, (30, 8, 8, 1)), 0, 255)
    found = find_duplicates({"train": images[:40], "test": images[40:]}, near)
    flat = images.reshape(60, -1).astype(float)
    correlations = np.corrcoef(flat)
    for later in range(60):
        for start, stop, of_split in ((0, 40, "train"), (40, 60, "test")):
            earlier = correlations[later, start : min(stop, later)]
            name, index = ("train", later) if later < 40 else ("test", later - 40)
            pairs = [p for p in found.pairs if (p.split, p.index, p.of_split) == (name, index, of_split)]
            if len(earlier) and earlier.max() >= near + 1e-5:
                assert pairs[0].correlation == pytest.approx(earlier.max(), abs=1e-5)
            elif not len(earlier) or earlier.max() < near - 1e-5:
                assert pairs == []


def jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0]).save(buffer, "jpeg", quality=90)
    return np.asarray(Image.open(buffer))[..., np.newaxis]


def spoil(image: NDArray[np.uint8], how: str) -> NDArray[np.uint8]:
    if how == "jpeg":
        return jpeg(image)
    if how == "pixel":
        changed = image.copy()
        changed[14, 14] ^= 64
        return changed
    changed = {
        "darker": image * 0.9,
        "brighter": image + 20.0,
        "noise": image + np.random.default_rng(0).normal(0, 5, image.shape),
    }[how]
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("how", ["darker", "brighter", "noise", "jpeg", "pixel"])
def test_every_planted_near_duplicate_of_mnist_is_found_and_no_other(mnist: Splits, how: str) -> None:
    train, test = mnist.train.images[:3000], mnist.test.images[:300].copy()
    for i in range(100):
        test[i] = spoil(train[10 * i], how)
    found = find_duplicates({"train": train, "test": test}, NEAR)
    assert {(p.index, p.of_index) for p in found.pairs} == {(i, 10 * i) for i in range(100)}
    assert not any(pair.exact for pair in found.pairs)


def test_large_colour_pictures_are_compared_too() -> None:
    train = np.repeat(np.repeat(noise(20, (10, 12, 3)), 9, axis=1), 9, axis=2)
    test = np.clip(train[:5].astype(int) + np.random.default_rng(0).integers(-20, 20, train[:5].shape), 0, 255)
    found = find_duplicates({"train": train, "test": test.astype(np.uint8)}, NEAR)
    assert {(p.split, p.index, p.of_index) for p in found.pairs} == {("test", i, i) for i in range(5)}


def test_blank_images_are_exact_duplicates_but_never_near_ones() -> None:
    blank = np.zeros((3, 4, 4, 1), np.uint8)
    grey = np.full((2, 4, 4, 1), 9, np.uint8)
    found = find_duplicates({"train": blank, "test": grey}, NEAR)
    assert all(pair.exact for pair in found.pairs)
    assert {(p.split, p.index) for p in found.pairs} == {("train", 1), ("train", 2), ("test", 1)}
    assert find_duplicates({"train": noise(1), "test": noise(0)}, NEAR).pairs == ()


def test_the_verdict_on_near_duplicates() -> None:
    train = noise(30)
    test = np.clip(train[:2].astype(int) + 3, 0, 255).astype(np.uint8)
    images = {"train": train, "test": test}
    assert find_duplicates(images).verdict == "No image occurs in two splits."
    said = find_duplicates(images, NEAR)
    assert said.verdict == "No image occurs in two splits. 2 near duplicates across splits (correlation 0.99 or more)."
    assert said.to_dict()["pairs"][0]["correlation"] <= 1
    apart = find_duplicates({"train": train, "test": noise(5, seed=9)}, NEAR)
    assert apart.verdict.endswith("No near duplicates across splits (correlation 0.99 or more).")


def test_the_digits_share_no_image_between_splits() -> None:
    assert find_duplicates(load_digits()).pairs == ()


def with_files(images: NDArray[np.uint8], folder: str) -> ImageDataset:
    files = tuple(f"{folder}/{i}.png" for i in range(len(images)))
    return ImageDataset(images, np.arange(len(images)) % 2, ("a", "b"), files)


def test_duplicates_are_named_by_their_files_where_there_are_any() -> None:
    train, test = noise(9), noise(4, seed=1)
    test[2] = train[5]
    splits = Splits(with_files(train, "train"), with_files(noise(3, seed=2), "val"), with_files(test, "test"))
    (pair,) = find_duplicates(splits).pairs
    assert (pair.name, pair.earlier_name) == ("test/2.png", "train/5.png")
    assert find_duplicates(splits).to_dict()["pairs"][0]["of_file"] == "train/5.png"
    unnamed = find_duplicates({"train": train, "test": test}).pairs[0]
    assert (unnamed.name, unnamed.earlier_name) == ("test 2", "train 5")
    assert unnamed.file == unnamed.of_file == ""


def test_several_of_one_split_are_counted_in_the_plural() -> None:
    train = noise(9)
    train[3], train[4] = train[0], train[1]
    verdict = find_duplicates({"train": train, "test": train[[0, 1]]}).verdict
    assert verdict.startswith("2 of 2 test images are also training images: ")
    assert verdict.endswith(" 2 images duplicate earlier ones of the same split.")


@pytest.mark.parametrize("near", [None, NEAR])
def test_the_search_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, near: float | None) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[tuple[int, int]] = []
    images = {"train": noise(600), "test": noise(100, seed=1)}
    found = find_duplicates(images, near, lambda done, total: seen.append((done, total)))
    assert found == find_duplicates(images, near)
    total = 700 if near is None else 1400
    assert seen[-1] == (total, total)
    done = [done for done, _ in seen]
    assert done == sorted(done)
    assert set(range(1, 701)) <= set(done)
    assert near is None or {700 + 256, 700 + 512} <= set(done)


def test_data_show_tells_of_them(tmp_path: Path, write_idx: WriteIdx) -> None:
    train, test = noise(60, (6, 6, 1))[..., 0], noise(20, (6, 6, 1), seed=1)[..., 0]
    test[4], test[5] = train[0], np.clip(train[1].astype(int) + 2, 0, 255)
    for name, pixels in (("train", train), ("t10k", test)):
        write_idx(tmp_path / f"data/{name}-images-idx3-ubyte", pixels)
        write_idx(tmp_path / f"data/{name}-labels-idx1-ubyte", np.arange(len(pixels), dtype=np.uint8) % 2)
    show = ("data", "show", tmp_path / "data")
    values = last_json(inkling(*show, "--json"))["duplicates"]
    assert [(p["split"], p["index"], p["of_split"]) for p in values["pairs"]] == [("test", 4, "train")]
    assert values["near"] is None
    done = inkling(*show, "--near")
    assert "1 of 20 test images is also a training image" in done.stdout
    assert "1 near duplicate across splits" in done.stdout
    assert "every pixel" in done.stdout
    assert re.search(r"test 4 +train 0 +every pixel", done.stdout)


def test_data_show_names_the_files_of_duplicates(tmp_path: Path) -> None:
    for number, pixels in enumerate(noise(40, (6, 6, 1))[..., 0]):
        picture = tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(picture)
    shutil.copy(picture, picture.with_name("again.png"))
    values = last_json(inkling("data", "show", tmp_path / "photos", "--json"))
    (pair,) = values["duplicates"]["pairs"]
    assert {pair["file"], pair["of_file"]} == {"cat/39.png", "cat/again.png"}
    assert re.search(
        rf"{pair['file']} +{pair['of_file']} +every pixel", inkling("data", "show", tmp_path / "photos").stdout
    )
