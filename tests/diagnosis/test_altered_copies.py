"""Altered copies of photos are found and named, and other pictures of one scene are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from command_line import inkling, last_json
from inkling.data_check.check import check_data
from inkling.data_check.page import render_data_page
from inkling.diagnosis import altered_copies
from inkling.diagnosis.altered_copies import MOST_ALTERED, chance_of_nearness, find_altered_copies, why_not_sought
from inkling.diagnosis.duplicates import NEAR, find_duplicates
from inkling.diagnosis.registration import Registrable, register
from inkling.images.dataset import ImageDataset, Splits

Picture = NDArray[np.uint8]
SIDE = 128


def background(rng: np.random.Generator) -> NDArray[np.float64]:
    return 120 + sum(40 * s * gaussian_filter(rng.normal(size=(SIDE, SIDE, 3)), (s, s, 0)) for s in (2, 4, 8))


def with_discs(pixels: NDArray[np.float64], rng: np.random.Generator, count: int = 12) -> Picture:
    """The picture with discs at random, and the noise of a camera."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    pixels = pixels.copy()
    for _ in range(count):
        across, down, radius = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.15)
        pixels[(x - across) ** 2 + (y - down) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    return np.clip(pixels + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)


def photos(n: int, seed: int = 0) -> Picture:
    rng = np.random.default_rng(seed)
    return np.stack([with_discs(background(rng), rng) for _ in range(n)])


def shifted(picture: Picture) -> Picture:
    return np.pad(picture, ((0, 1), (0, 0), (0, 0)), mode="edge")[1:]


def rotated(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).rotate(3, Image.Resampling.BICUBIC))


def cropped(picture: Picture) -> Picture:
    cut = round(0.05 * SIDE)
    return np.asarray(Image.fromarray(picture[cut:-cut, cut:-cut]).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def mirrored(picture: Picture) -> Picture:
    return picture[:, ::-1]


ALTERATIONS = [shifted, rotated, cropped, mirrored]


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
def test_altered_copies_are_found_and_named(alter: Callable[[Picture], Picture]) -> None:
    train = photos(60)
    test = np.stack([alter(picture) for picture in train[:20]])
    found = find_duplicates({"train": train, "test": np.concatenate([photos(10, seed=1), test])}, NEAR)
    altered = [pair for pair in found.pairs if pair.alteration]
    assert len(found.pairs) >= 18
    assert all((pair.split, pair.of_split, pair.index - 10) == ("test", "train", pair.of_index) for pair in found.pairs)
    assert len(altered) >= 15  # of the others the pixels correlate as they are
    assert sum(pair.alteration == alter.__name__ for pair in altered) >= 0.9 * len(altered)
    assert (
        f" {len(altered)} altered copies across splits (shifted, rotated, cropped, mirrored or otherwise changed)."
        in found.verdict
    )
    near = len(found.pairs) - len(altered)
    assert f"{near or 'No'} near duplicate" in found.verdict


def test_pictures_of_one_scene_are_no_altered_copies() -> None:
    rng = np.random.default_rng(0)
    scene = background(rng)
    images = np.stack([with_discs(scene, rng) for _ in range(150)])
    assert find_altered_copies([images]) == []
    twice = np.concatenate([images, np.stack([mirrored(images[3]), shifted(images[7])])])
    assert [(copy.later, copy.earlier, copy.alteration) for copy in find_altered_copies([twice])] == [
        (150, 3, "mirrored"), (151, 7, "shifted")
    ]  # fmt: skip


def test_ones_of_mnist_are_no_altered_copies(mnist: Splits) -> None:
    ones = mnist.train.images[mnist.train.labels == 1][:150]
    assert find_altered_copies([ones.repeat(2, axis=1).repeat(2, axis=2)]) == []


def test_exact_and_near_duplicates_are_not_called_altered() -> None:
    train = photos(40)
    brighter = np.clip(train[1] * 0.9 + 20, 0, 255).astype(np.uint8)
    found = find_duplicates({"train": train, "test": np.stack([train[0], brighter, mirrored(train[2])])}, NEAR)
    assert [(pair.index, pair.of_index, pair.exact, pair.alteration) for pair in found.pairs] == [
        (0, 0, True, ""), (1, 1, False, ""), (2, 2, False, "mirrored")
    ]  # fmt: skip
    assert [pair.alike.split(" ")[0] for pair in found.pairs] == ["every", "correlation", "mirrored,"]
    assert found.verdict == (
        "1 of 3 test images is also a training image: accuracy on duplicated images does not measure performance on "
        "new ones. 1 near duplicate across splits (correlation 0.99 or more). 1 altered copy across splits (shifted, "
        "rotated, cropped, mirrored or otherwise changed)."
    )
    assert find_duplicates({"train": train, "test": photos(3, seed=1)}, NEAR).verdict.endswith(
        "No altered copies across splits (shifted, rotated, cropped, mirrored or otherwise changed)."
    )


def test_where_they_are_not_sought() -> None:
    assert why_not_sought((48, 64, 3), MOST_ALTERED) == ""
    assert "48 pixels" in why_not_sought((64, 28, 1), 100)
    assert "10,001 images" in why_not_sought((64, 64, 3), 10_001)
    assert "more than 16" in why_not_sought((64, 64, 3), 16)
    small = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1)).astype(np.uint8)
    found = find_duplicates({"train": small}, NEAR)
    assert not found.altered_sought
    assert found.to_dict()["altered_sought"] is False
    assert "altered" not in found.verdict


def test_registration_finds_turn_scale_and_shift() -> None:
    picture = gaussian_filter(np.random.default_rng(0).uniform(0, 255, (1, 128, 128, 1)), (0, 4, 4, 0))
    picture = np.clip((picture - picture.mean()) * 8 + 128, 0, 255).astype(np.uint8)
    moved = np.roll(picture, (4, -2), axis=(1, 2))
    turned = np.asarray(Image.fromarray(picture[0, ..., 0]).rotate(4, Image.Resampling.BICUBIC))[np.newaxis, ..., None]
    pictures = Registrable.from_images([picture, moved, turned])
    laid = register(pictures, np.zeros(3, np.intp), pictures, np.arange(3))
    assert laid.whole[0] == pytest.approx(1, abs=1e-4)
    assert laid.shift[1] * 128 == pytest.approx(-2 + 4j, abs=0.3)
    assert np.angle(laid.turn[2], deg=True) == pytest.approx(-4, abs=0.2)
    assert np.abs(laid.turn) == pytest.approx(1, abs=0.01)
    assert (laid.details > 0.95).all()
    blank = Registrable.from_images([np.full((2, 64, 64, 3), 7, np.uint8)])
    assert register(blank, np.zeros(1, np.intp), blank, np.ones(1, np.intp)).whole[0] == 0


def test_the_chance_of_nearness_is_uniform_where_points_are_spread_evenly() -> None:
    """Volumes of balls through the neighbours of a point are those of a Poisson process, in any dimension."""
    volumes = np.random.default_rng(0).exponential(size=(20_000, 16)).cumsum(axis=1)
    for dimension in (2, 30):
        chances = chance_of_nearness(volumes ** (1 / dimension))
        assert chances.shape == (20_000, 4)
        for level in (0.05, 0.01, 0.001):
            assert 0.5 * level <= np.mean(chances[:, 0] <= level) <= 1.4 * level
            assert np.mean(chances[:, 1:] <= level) <= level
    assert chance_of_nearness(np.ones((1, 16))).min() == 1
    copies = np.concatenate([[0.1, 0.1, 0.12], np.linspace(0.8, 1, 13)])[np.newaxis]
    assert (chance_of_nearness(copies)[0] < 0.001).tolist() == [True] * 3 + [False]


def test_several_copies_of_one_picture_are_found() -> None:
    pictures = photos(60)
    several = np.concatenate([pictures, np.stack([alter(pictures[5]) for alter in ALTERATIONS])])
    assert {(copy.later, copy.earlier) for copy in find_altered_copies([several])} >= {(60 + i, 5) for i in range(4)}


def test_the_data_check_names_what_was_altered(monkeypatch: pytest.MonkeyPatch) -> None:
    images = photos(60)
    images[30], images[45] = mirrored(images[4]), rotated(images[5])
    labels = np.arange(20) % 2
    parts = (ImageDataset(images[start : start + 20], labels, ("a", "b")) for start in (0, 20, 40))
    splits = Splits(*parts, name="made")
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    monkeypatch.setattr(altered_copies, "_ROWS", 16)
    find_duplicates(splits, NEAR, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (180, 180)
    assert (136, 180) in seen
    check = check_data(splits)
    verdicts = {finding.id: finding.verdict for finding in check.findings}
    assert verdicts["leaks"].endswith("occur in an earlier split as well (altered).")
    assert verdicts["repeats"] == "No picture or near or altered copy of one occurs twice in one split."
    assert not any("mirrored" in sentence for sentence in check.not_checked)
    page = render_data_page(check, splits)
    assert "mirrored, correlation 1.000 once laid over each other" in page
    images[50] = images[6]
    parts = (ImageDataset(images[start : start + 20], labels, ("a", "b")) for start in (0, 20, 40))
    verdicts = {finding.id: finding.verdict for finding in check_data(Splits(*parts, name="made")).findings}
    assert verdicts["leaks"].endswith("(1 exactly, 2 altered).")


def test_data_show_says_how_a_copy_was_altered(tmp_path: Path) -> None:
    pictures = photos(40)
    pictures[39] = mirrored(pictures[3])
    for number, picture in enumerate(pictures):
        file = tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
    assert "(mirrored)" in inkling("data", "show", tmp_path / "photos", "--near").stdout
    values = last_json(inkling("data", "show", tmp_path / "photos", "--near", "--json"))
    (pair,) = values["duplicates"]["pairs"]
    assert (pair["alteration"], pair["exact"]) == ("mirrored", False)
    assert values["duplicates"]["altered_sought"] is True
