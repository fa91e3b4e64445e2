"""A folder of class folders: every layout, every kind of file, and what is wrong with one named in one line."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from PIL import ExifTags, Image

from command_line import assert_refused, inkling, last_json
from inkling.cli.console import Output
from inkling.cli.downloads import load_with_progress
from inkling.errors import DataError, UnknownSourceError
from inkling.images.dataset import Splits
from inkling.images.pictures import open_picture
from inkling.images.sources import folder as folder_reader
from inkling.images.sources.folder import Pictures
from inkling.images.sources.protocol import LoadProgress
from inkling.images.sources.registry import canonical, load_images

HOSTILE = ("<img src=x onerror=alert(1)>", "<script>alert(1)<", "a\"b'c&amp;", "two\nlines", "ünï 数字", "=1+1,2")

Fill = Callable[..., None]


@pytest.fixture
def fill() -> Fill:
    """fill(folder, {class: count}): pictures of 6x5 pixels; each class has its own brightness, no two are equal."""
    written = 0

    def write(folder: Path, counts: dict[str, int], size: tuple[int, int] = (5, 6), mode: str = "L") -> None:
        nonlocal written
        for level, (name, count) in enumerate(counts.items()):
            (folder / name).mkdir(parents=True)
            for number in range(count):
                written += 1
                colour = level * 40 if mode == "L" else (level * 40, written % 256, 200)
                picture = Image.new(mode, size, colour)
                picture.putpixel((0, 0), written % 256 if mode == "L" else (written % 256, 0, 0))
                picture.save(folder / name / f"{number:03}.png")

    return write


def test_class_folders_are_split_by_class_and_always_the_same_way(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"dog": 40, "cat": 20, "Ant": 40})
    splits = load_images(tmp_path / "pets")
    assert splits.name == "pets"
    assert splits.train.class_names == ("Ant", "cat", "dog")
    assert [len(part) for _, part in splits.items()] == [70, 15, 15]
    assert splits.train.image_shape == (6, 5, 1)
    for name, per_hundred in (("Ant", 40), ("cat", 20), ("dog", 40)):
        for part in (splits.train, splits.validation, splits.test):
            assert abs(part.class_counts[name] - per_hundred * len(part) / 100) <= 1
    assert load_images(tmp_path / "pets").fingerprint == splits.fingerprint
    # "dog" was written first and has grey level 0.
    assert (splits.train.images[splits.train.labels == 2, -1, -1, 0] == 0).all()
    assert (splits.train.images[splits.train.labels == 0, -1, -1, 0] == 80).all()


@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("Train", "val", "TEST"), ("training", "valid", "test")]
)
def test_split_folders_are_taken_as_they_are(tmp_path: Path, fill: Fill, names: tuple[str, str, str]) -> None:
    for name, count in zip(names, (6, 3, 2), strict=True):
        fill(tmp_path / name, {"no": count, "yes": count + 1})
    splits = load_images(tmp_path)
    assert [part.class_counts for _, part in splits.items()] == [{"no": n, "yes": n + 1} for n in (6, 3, 2)]


def test_missing_split_folders_are_cut_from_the_training_pictures(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "train", {"no": 18, "yes": 18})
    fill(tmp_path / "test", {"yes": 4})
    splits = load_images(tmp_path)
    assert [len(part) for _, part in splits.items()] == [30, 6, 4]
    assert splits.validation.class_counts == {"no": 3, "yes": 3}
    assert splits.test.class_counts == {"no": 0, "yes": 4}
    together = {path for _, part in splits.items() for path in part.files}
    assert len(together) == 40


def test_train_can_be_a_class_among_others(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"train": 5, "tram": 5})
    assert load_images(tmp_path).train.class_names == ("train", "tram")


def test_images_know_their_picture_files(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"b": 9, "a": 11})
    (tmp_path / "a" / "more").mkdir()
    Image.new("L", (5, 6), 77).save(tmp_path / "a" / "more" / "deep.bmp")
    splits = load_images(tmp_path)
    smaller = splits.with_train_size(8, seed=3)
    for part in (smaller.train, smaller.validation, smaller.test):
        assert len(part.files) == len(part)
        for name, image, label in zip(part.files, part.images, part.labels, strict=True):
            assert np.array_equal(np.asarray(Image.open(tmp_path / name)), image[..., 0])
            assert name.startswith(part.class_names[label] + "/")
    assert sum(name == "a/more/deep.bmp" for _, part in splits.items() for name in part.files) == 1
    assert splits.test.image_name(0, "test") == splits.test.files[0]
    assert load_images("digits").test.files == ()


def test_files_are_named_with_slashes_on_windows_too() -> None:
    folder = PureWindowsPath(r"C:\photos")
    paths = (folder / "cat" / "1.png", folder / "dog" / "more" / "2.png")
    assert Pictures(paths, np.array([0, 1])).files(folder) == ("cat/1.png", "dog/more/2.png")  # type: ignore[arg-type]


def test_grey_pictures_make_one_channel_and_one_colour_picture_makes_three(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    Image.new("RGB", (5, 6), (9, 9, 9)).save(tmp_path / "a" / "grey.png")
    Image.new("P", (5, 6)).save(tmp_path / "a" / "palette.gif")
    Image.new("1", (5, 6), 1).save(tmp_path / "a" / "bits.tif")
    Image.fromarray(np.full((6, 5), 40_000, np.uint16)).save(tmp_path / "a" / "sixteen.png")
    assert load_images(tmp_path).train.image_shape == (6, 5, 1)
    Image.new("RGB", (5, 6), (9, 9, 10)).save(tmp_path / "b" / "colour.webp", lossless=True)
    splits = load_images(tmp_path)
    assert splits.train.image_shape == (6, 5, 3)
    colours = [part.images[i] for _, part in splits.items() for i, name in enumerate(part.files)
               if name == "b/colour.webp"]  # fmt: skip
    assert (colours[0] == [9, 9, 10]).all()


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    before = load_images(tmp_path).fingerprint
    (tmp_path / ".cache").mkdir()
    (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a" / "._000.png").write_bytes(b"x")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("mine")
    assert load_images(tmp_path).fingerprint == before


def test_sizes_that_differ_are_named_with_a_file_each_or_fitted_on_request(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"a": 9})
    fill(tmp_path / "pets", {"b": 9}, size=(8, 4))
    with pytest.raises(DataError, match=r"(5x6|6x5|4x8).*\.png.*found (4x8|6x5).*photos@64") as refused:
        load_images(tmp_path / "pets")
    assert len(re.findall(r"\w+/\d+\.png", str(refused.value))) == 2
    fitted = load_images(f"{tmp_path}/pets@10")
    assert fitted.train.image_shape == (10, 10, 1)
    assert fitted.name == "pets@10"
    assert load_images(canonical(f"{tmp_path}/pets@10")).fingerprint == fitted.fingerprint
    assert sum(len(part.files) for _, part in fitted.items()) == 18


def test_one_picture_of_another_size_is_found_before_any_is_read(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    Image.new("L", (6, 6)).save(tmp_path / "b" / "odd.png")
    read = []
    monkeypatch.setattr(folder_reader, "open_picture", lambda path, mode: read.append(path) or open_picture(path, mode))
    with pytest.raises(DataError, match=r"odd\.png: expected 6x5 pixels"):
        load_images(tmp_path)
    assert len(read) == 2, "the first picture and the odd one"


def test_pictures_lying_on_their_side_have_one_size_with_those_that_stand(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for suffix in ("jpg", "png", "webp"):
        Image.new("L", (6, 5)).save(tmp_path / "a" / f"turned.{suffix}", exif=turned)
    splits = load_images(tmp_path)
    assert splits.train.image_shape == (6, 5, 1)
    assert sum(len(part) for _, part in splits.items()) == 21


def test_phone_photos_in_their_own_size_cost_one_line(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (4000, 3000), (number, 0, 99)).save(photos / name / f"{number}.jpg", quality=10)
    done = inkling("train", photos, "--out", tmp_path / "run")
    assert_refused(done, "0.jpg: expected 1,048,576 pixels at most, found 3000x4000", f"{photos}@64")
    assert load_images(f"{photos}@16").train.image_shape == (16, 16, 3)


def test_loading_says_how_far_it_is(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, {"a": 30, "b": 30})
    seen: list[LoadProgress] = []
    load_images(tmp_path, seen.append)
    assert [(progress.stage, progress.done, progress.total, progress.unit) for progress in seen] == [
        ("measuring pictures", 60, 60, "pictures"), ("reading pictures", 60, 60, "pictures"),
    ]  # fmt: skip
    seen.clear()
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    load_images(f"{tmp_path}@8", seen.append)
    assert [progress.done for progress in seen] == list(range(1, 61))


def test_a_meter_is_shown_where_loading_takes_longer_than_a_moment(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, {"a": 30, "b": 30})
    load_with_progress(str(tmp_path), Output(quiet=False, as_json=False))
    assert capsys.readouterr().err == ""
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    load_with_progress(str(tmp_path), Output(quiet=False, as_json=False))
    said = capsys.readouterr().err
    assert "reading pictures 100%: 60/60 pictures, in" in said
    assert "measuring pictures" in said


def test_a_folder_whose_own_name_ends_in_a_size(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets@2", {"a": 5, "b": 5})
    assert load_images(tmp_path / "pets@2").train.image_shape == (6, 5, 1)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 30])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, fill: Fill, content: bytes) -> None:
    fill(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "b" / "broken.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"b/broken\.jpg: expected a picture"):
        load_images(tmp_path)


def test_what_cannot_be_a_source(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownSourceError, match="class folders"):
        load_images(tmp_path)
    fill(tmp_path / "one", {"a": 5})
    with pytest.raises(DataError, match="two class folders or more, found 1"):
        load_images(tmp_path / "one")
    fill(tmp_path / "empty", {"a": 5, "b": 0})
    with pytest.raises(DataError, match=r"empty/b: no pictures"):
        load_images(tmp_path / "empty")
    fill(tmp_path / "few", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="too few pictures"):
        load_images(tmp_path / "few")
    fill(tmp_path / "unknown/train", {"a": 9, "b": 9})
    fill(tmp_path / "unknown/test", {"c": 1})
    with pytest.raises(DataError, match="classes of the training folder, found 'c'"):
        load_images(tmp_path / "unknown")
    fill(tmp_path / "twice/train", {"a": 9, "b": 9})
    fill(tmp_path / "twice/val", {"a": 1})
    fill(tmp_path / "twice/valid", {"a": 1})
    with pytest.raises(DataError, match="one folder per split"):
        load_images(tmp_path / "twice")
    monkeypatch.setattr(folder_reader, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than the 100 bytes"):
        load_images(tmp_path / "unknown/train")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not Unicode")
def test_a_name_that_is_no_unicode(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 5})
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    Image.new("L", (5, 6)).save(os.fsencode(tmp_path).decode() + "/caf\udce9/1.png")
    with pytest.raises(DataError, match="not UTF-8"):
        load_images(tmp_path)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with names that no page, file or terminal may take for its own."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such names")
    folder = tmp_path_factory.mktemp("hostile") / "<b>data"
    rng = np.random.default_rng(0)
    for level, name in enumerate(HOSTILE):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 90, (4, 4), dtype=np.uint8) + np.uint8(25 * level)
            Image.fromarray(pixels).save(folder / name / f"<i>{number}.png")
    return folder


def test_from_class_folders_to_a_report_that_names_them_safely(hostile: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    values = last_json(inkling("train", hostile, "--network", "perceptron", "--epochs", 3, "--out", run, "--json"))
    assert values["train_size"] == 50
    splits: Splits = load_images(hostile)
    assert splits.train.class_names == tuple(sorted(HOSTILE))
    evaluated = last_json(inkling("evaluate", run, "--json"))
    assert set(evaluated["misses"]) == set(HOSTILE)
    report = Path(last_json(inkling("report", run, "--json"))["report"]).read_text(encoding="utf-8")
    assert "<img src=x" not in report
    assert report.count("<script") == 1  # its own
    assert "<script>alert" not in report
    assert "&lt;img src=x onerror=alert(1)&gt;" in report
    assert "&lt;script&gt;alert(1)&lt;" in report
    assert "<b>data" not in report
    assert "not on this machine" not in report


def test_data_show_takes_class_folders(hostile: Path, tmp_path: Path) -> None:
    values = last_json(inkling("data", "show", hostile, "--out", tmp_path / "sheet.png", "--json"))
    assert values["train"]["n"] == 50
    assert values["duplicates"]["verdict"] == "No image occurs in two splits."
    done = inkling("data", "show", hostile, "--out", tmp_path / "sheet.png")
    assert "<script>alert(1)<" in done.stdout


def test_a_broken_picture_costs_one_line_and_leaves_nothing(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"a": 5, "b": 5})
    (tmp_path / "pets" / "b" / "broken.png").write_bytes(b"?")
    assert_refused(inkling("train", tmp_path / "pets", "--out", tmp_path / "run"), "broken.png", "picture")
    assert not (tmp_path / "run").exists()
