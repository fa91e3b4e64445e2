"""A folder of class folders: every layout, every kind of file, and what is wrong with one named in one line."""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from command_line import assert_refused, inkling, last_json
from inkling.cli.console import Output
from inkling.cli.downloads import load_with_progress
from inkling.errors import DataError, RunError, UnknownSourceError
from inkling.images import decoding
from inkling.images.dataset import Splits
from inkling.images.options import LoadOptions
from inkling.images.sources.protocol import LoadProgress
from inkling.images.sources.registry import canonical, load_images
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.pictures import predict_pictures, prepared_picture
from inkling.runs.run import Run
from inkling.storage.cache import clear_cache
from inkling.training.recipes.registry import recipe

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


def test_pictures_of_different_sizes_become_squares_that_are_said_and_recorded(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"a": 9})
    fill(tmp_path / "pets", {"b": 10}, size=(8, 4))
    splits = load_images(tmp_path / "pets")
    assert splits.train.image_shape == (4, 4, 1), "the median of 9 times 5 and 10 times 4"
    assert splits.notes == (
        "19 pictures of 2 sizes, 8x4 most often: each is made 4x4, padded (--image-size, --fit pad|crop|stretch).",
    )
    assert splits.options == LoadOptions(image_size=4)
    again = load_images(tmp_path / "pets", options=splits.options)
    assert (again.fingerprint, again.notes, again.options) == (splits.fingerprint, (), splits.options)


def test_a_size_can_stand_behind_the_folder(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"a": 9})
    fill(tmp_path / "pets", {"b": 9}, size=(8, 4))
    fitted = load_images(f"{tmp_path}/pets@10")
    assert fitted.train.image_shape == (10, 10, 1)
    assert fitted.name == "pets@10"
    assert load_images(canonical(f"{tmp_path}/pets@10")).fingerprint == fitted.fingerprint
    assert load_images(f"{tmp_path}/pets@10", options=fitted.options).fingerprint == fitted.fingerprint
    assert load_images(tmp_path / "pets", options=LoadOptions(image_size=10)).fingerprint == fitted.fingerprint
    with pytest.raises(DataError, match="expected one size, found @10 and --image-size 12"):
        load_images(f"{tmp_path}/pets@10", options=LoadOptions(image_size=12))
    assert sum(len(part.files) for _, part in fitted.items()) == 18


def test_all_headers_are_read_before_any_picture_is(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"a": 90, "b": 90})
    seen: list[str] = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda *words: seen.append("decode") or decode(*words))
    load_images(tmp_path, lambda progress: seen.append(progress.stage))
    assert seen.index("decode") > seen.index("measuring pictures")
    assert seen.count("decode") == 180


def test_pictures_lying_on_their_side_have_one_size_with_those_that_stand(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for suffix in ("jpg", "png", "webp"):
        Image.new("L", (6, 5)).save(tmp_path / "a" / f"turned.{suffix}", exif=turned)
    splits = load_images(tmp_path)
    assert splits.train.image_shape == (6, 5, 1)
    assert splits.options == LoadOptions()
    assert sum(len(part) for _, part in splits.items()) == 21


def test_phone_photos_are_trained_on_in_a_size_that_is_said(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (4000, 3000), (number, 0, 99)).save(photos / name / f"{number}.jpg", quality=10)
    run = tmp_path / "run"
    done = inkling("train", photos, "--network", "perceptron", "--epochs", 1, "--out", run)
    assert done.returncode == 0, done.stderr
    assert "8 pictures of 4000x3000 pixels: each is made 224x224, padded" in done.stderr
    assert Run(run).data.options == LoadOptions(image_size=224)
    assert Run(run).load_images().fingerprint == Run(run).data.fingerprint
    assert load_images(f"{photos}@16").train.image_shape == (16, 16, 3)


def test_loading_says_how_far_it_is(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, {"a": 30, "b": 30})
    seen: list[LoadProgress] = []
    load_images(tmp_path, seen.append)
    assert [(progress.stage, progress.done, progress.total, progress.unit) for progress in seen] == [
        ("measuring pictures", 60, 60, "pictures"), ("reading pictures", 60, 60, "pictures"),
        ("hashing images", 60, 60, "images"),
    ]  # fmt: skip
    seen.clear()
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    load_images(f"{tmp_path}@8", seen.append)
    # Threads are given a few pictures at a time.
    assert [progress.done for progress in seen if progress.stage == "reading pictures"] == [16, 32, 48, 60]
    seen.clear()
    load_images(f"{tmp_path}@8", seen.append)
    # All is in the cache, and every byte of it is checked.
    assert [(progress.stage, progress.done) for progress in seen] == [("checking the cache", 60 * 8 * 8)]


def test_a_meter_is_shown_where_loading_takes_longer_than_a_moment(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, {"a": 30, "b": 30})
    load_with_progress(str(tmp_path), Output(quiet=False, as_json=False))
    assert capsys.readouterr().err == ""
    clear_cache()
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    load_with_progress(str(tmp_path), Output(quiet=False, as_json=False))
    said = capsys.readouterr().err
    assert "reading pictures 100%: 60/60 pictures, in" in said
    assert "measuring pictures" in said


def test_a_folder_whose_own_name_ends_in_a_size(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets@2", {"a": 5, "b": 5})
    assert load_images(tmp_path / "pets@2").train.image_shape == (6, 5, 1)


def test_every_file_that_cannot_be_read_is_named_at_once_or_skipped(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    whole = (tmp_path / "a" / "000.png").read_bytes()
    broken = {
        "empty.jpg": b"",
        "text.png": b"text",
        "cut.png": whole[:45],
        "header.png": whole[:20],
        "two\nlines.png": b"",
    }
    for name, content in broken.items():
        (tmp_path / "b" / name).write_bytes(content)
    (tmp_path / "b" / "cut.jpg").write_bytes(_jpeg((5, 6))[:-30])
    with pytest.raises(DataError, match="6 of 24 pictures cannot be read") as refused:
        load_images(tmp_path)
    for words in (
        "b/empty.jpg: expected a picture (PNG, JPEG, …), found an empty file", "b/text.png: expected a picture",
        "b/cut.png: ", "b/cut.jpg: ", "b/header.png: ", "b/two\\nlines.png: ", "--skip-unreadable",
    ):  # fmt: skip
        assert words in str(refused.value)
    for _ in range(2):  # decoded, and from the cache
        splits = load_images(tmp_path, options=LoadOptions(skip_unreadable=True))
        assert sum(len(part) for _, part in splits.items()) == 18
        assert splits.skipped == (
            "b/cut.jpg", "b/cut.png", "b/empty.jpg", "b/header.png", "b/text.png", "b/two\\nlines.png"
        )  # fmt: skip
        assert "6 of 24 pictures cannot be read" in splits.notes[0]
    with pytest.raises(DataError, match="6 of 24"):
        load_images(tmp_path)


def _jpeg(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 90).save(file, "JPEG")
    return file.getvalue()


def test_only_the_first_of_many_unreadable_files_are_named(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    for number in range(25):
        (tmp_path / "b" / f"x{number:02}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"25 of 43 .*x09\.jpg.*; and 15 more") as refused:
        load_images(tmp_path)
    assert "x10" not in str(refused.value)
    assert f"by --skip-unreadable; 'inkling data check {tmp_path}' lists all" in str(refused.value)
    done = inkling("train", tmp_path, "--out", tmp_path / "run")
    assert_refused(done, "25 of 43")
    for path in tmp_path.glob("*/*.png"):
        path.unlink()
    for name in "ab":
        (tmp_path / name / "one.png").write_bytes(b"")
    with pytest.raises(DataError, match="27 of 27 pictures cannot be read"):
        load_images(tmp_path, options=LoadOptions(skip_unreadable=True))


def test_what_could_not_be_read_for_once_is_not_remembered(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    real_open = io.open

    def failing(path: str, *words: object) -> io.BytesIO:
        if str(path).endswith("a/003.png"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *words)  # type: ignore[call-overload, no-any-return]

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", failing)
        splits = load_images(tmp_path, options=LoadOptions(skip_unreadable=True))
    assert splits.skipped == ("a/003.png",)
    assert "Permission denied" in " ".join(splits.notes)
    assert load_images(tmp_path).skipped == ()


def test_what_cannot_be_a_source(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownSourceError, match="class folders"):
        load_images(tmp_path)
    fill(tmp_path / "few", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="too few pictures"):
        load_images(tmp_path / "few")


def test_links_hidden_files_and_odd_names_do_no_harm(tmp_path: Path, fill: Fill) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such names, and links for few")
    source = tmp_path / "pets"
    fill(source, {"a": 9, "b": 9})
    before = load_images(source)
    (source / "a" / "up").symlink_to(source)
    (source / "loop").symlink_to(source / "b")
    (source / "b" / "above").symlink_to(tmp_path)
    (source / "__MACOSX").mkdir()
    (source / "__MACOSX" / "x.png").write_bytes(b"")
    splits = load_images(source)
    assert splits.fingerprint == before.fingerprint
    assert splits.notes == (
        "Passed over: links to folders that are read already, or hold the source (loop, a/up, b/above).",
    )
    outside = tmp_path / "elsewhere"
    fill(outside, {"c": 5})
    (outside / "c" / "back").symlink_to(outside)
    (source / "c").symlink_to(outside / "c")
    names = ("🐈.png", "e\u0301.png", "two\nlines.png", "-rf.png", " .png", "a;b$(c).png", "%s{0}.png")
    for name in names:
        Image.new("L", (5, 6), 250).save(source / "a" / name)
    splits = load_images(source)
    assert splits.train.class_names == ("a", "b", "c")
    files = {file for _, part in splits.items() for file in part.files}
    assert {f"a/{name}" for name in names} <= files
    assert len(files) == 9 + 9 + 5 + len(names)


def test_what_is_called_a_picture_and_is_no_file_is_named_as_unreadable(tmp_path: Path, fill: Fill) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no pipes in folders, and links for few")
    fill(tmp_path, {"a": 9, "b": 9})
    before = load_images(tmp_path).fingerprint
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "b" / "loop.png").symlink_to("loop.png")
    (tmp_path / "b" / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    (tmp_path / "b" / "folder.png").mkdir()
    with pytest.raises(DataError, match="3 of 21 pictures cannot be read") as refused:
        load_images(tmp_path)
    for words in (
        "b/gone.png: ",
        "found a link that leads nowhere",
        "b/loop.png: ",
        "b/pipe.png: expected a picture, found a folder, a pipe",
    ):
        assert words in str(refused.value)
    splits = load_images(tmp_path, options=LoadOptions(skip_unreadable=True))
    assert splits.skipped == ("b/gone.png", "b/loop.png", "b/pipe.png")
    shutil.copy(tmp_path / "a" / "000.png", tmp_path / "nowhere.png")
    (tmp_path / "b" / "loop.png").unlink()
    (tmp_path / "b" / "pipe.png").unlink()
    assert sum(len(part) for _, part in load_images(tmp_path).items()) == 19, "the link leads somewhere now"
    (tmp_path / "b" / "gone.png").unlink()
    assert load_images(tmp_path).fingerprint == before


def test_classes_of_nearly_the_same_name_are_said(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, dict.fromkeys(("cat", "Cat", "rose", "A", "a") if sys.platform == "linux" else ("cat", "dog"), 20))
    notes = load_images(tmp_path).notes
    expected = "Classes of nearly the same name: Cat and cat. Where they are one, call it by one name."
    assert notes == ((expected,) if sys.platform == "linux" else ())


def test_pictures_without_class_folders_are_counted(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("L", (5, 6)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes").mkdir()
    with pytest.raises(
        UnknownSourceError, match="3 pictures lie directly in it: put those of each class into a folder"
    ):
        load_images(tmp_path)


@pytest.mark.usefixtures("without_heif")
def test_files_that_are_passed_over_are_counted_by_their_endings(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 9, "b": 9})
    (tmp_path / "readme.txt").write_text("not counted: it is in no class")
    for name in ("1.heic", "2.HEIC", "noending", "x.cr2", "Thumbs.db", ".DS_Store"):
        (tmp_path / "a" / name).write_bytes(b"x")
    Image.new("L", (5, 6)).save(tmp_path / "a" / "old.JFIF", "JPEG")
    Image.new("L", (5, 6)).save(tmp_path / "stray.png")
    splits = load_images(tmp_path)
    assert "a/old.JFIF" in {file for _, part in splits.items() for file in part.files}
    beside, passed = splits.notes
    assert beside == "Left out: 1 picture beside the class folders, without a class."
    assert passed.startswith(
        "Passed over: 4 files (2 .heic (pip install pillow-heif), 1 without an ending, 1 .cr2); pictures end in"
    )


@pytest.mark.usefixtures("without_heif")
def test_a_class_of_heic_says_what_to_install(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.heic").write_bytes(b"x")
    assert_refused(inkling("data", "show", tmp_path), "no pictures that can be read", "pip install pillow-heif")


def test_heic_photos_are_pictures_where_the_plugin_is_there(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    for place, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        for number in range(8):
            picture = Image.new("RGB", (64, 48), (200 * place, 20 * number, 0))
            picture.save(tmp_path / name / f"{number}.heic", quality=95)
    splits = load_images(tmp_path)
    assert splits.train.image_shape == (48, 64, 3)
    reds = splits.train.images[..., 0].mean(axis=(1, 2))
    assert np.allclose(reds, 200 * splits.train.labels, atol=6)
    (tmp_path / "a" / "bad.heic").write_bytes((tmp_path / "a" / "0.heic").read_bytes()[:200])
    assert_refused(inkling("data", "show", tmp_path), "a/bad.heic", "cannot be read")


def test_a_picture_that_is_replaced_by_one_of_its_size_and_time_is_noticed(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows keeps no time of the last change that cannot be set")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(9):
            Image.new("L", (5, 6), number).save(tmp_path / name / f"{number}.bmp")
            os.utime(tmp_path / name / f"{number}.bmp", (0, 0))
    before = load_images(tmp_path).fingerprint
    assert load_images(tmp_path).fingerprint == before
    Image.new("L", (5, 6), 99).save(tmp_path / "a" / "3.bmp")
    os.utime(tmp_path / "a" / "3.bmp", (0, 0))
    assert load_images(tmp_path).fingerprint != before


def test_groups_are_kept_together_and_recorded(tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "pets"
    fill(source, {"a": 40, "b": 40})
    splits = load_images(source, options=LoadOptions(groups=r"(\d\d)\d\.png$"))
    tens = [{file[-7:-5] for file in part.files} for _, part in splits.items()]
    assert sum(map(len, tens)) == len(set.union(*tens)) == 4
    files = [file for _, part in splits.items() for file in part.files]
    (tmp_path / "groups.csv").write_text("file,group\n" + "".join(f"{file},{file[-7:-5]}\n" for file in files))
    monkeypatch.chdir(tmp_path)
    by_file = load_images(source, options=LoadOptions(groups="groups.csv"))
    assert by_file.fingerprint == splits.fingerprint
    monkeypatch.chdir(source)
    assert load_images(source, options=by_file.options).fingerprint == splits.fingerprint


def test_a_training_picture_given_to_predict_is_its_training_image(tmp_path: Path) -> None:
    source, rng = tmp_path / "photos", np.random.default_rng(0)
    for name in ("a", "b"):
        (source / name).mkdir(parents=True)
        for number in range(8):
            size = (300 + 40 * number, 520)
            pixels = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
            lying = Image.Exif()
            lying[ExifTags.Base.Orientation] = 1 + number
            Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(
                source / name / f"{number}.jpg", exif=lying
            )
    for fit in ("pad", "crop", "stretch"):
        run = tmp_path / fit
        settings = replace(recipe("reference"), epochs=1)
        plan = RunPlan(str(source), "perceptron", settings, options=LoadOptions(image_size=50, fit=fit))
        list(train_run(plan, plan.load_images(), run))
        splits = Run(run).load_images()
        assert splits.options.fit == fit
        for file, image in zip(splits.train.files, splits.train.images, strict=True):
            assert np.array_equal(prepared_picture(Run(run), source / file), image)
    with pytest.raises(RunError, match="made to fit by 'crop'"):
        predict_pictures([Run(tmp_path / "pad"), Run(tmp_path / "crop")], [source / "a" / "0.jpg"])


def test_deep_pictures_share_one_range_that_predict_takes_as_well(tmp_path: Path) -> None:
    source, rng = tmp_path / "scans", np.random.default_rng(0)
    for name, top in (("dark", 900), ("bright", 4000)):
        (source / name).mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, top, (8, 8)).astype(np.uint16)
            Image.fromarray(pixels).save(source / name / f"{number}.png")
    splits = load_images(source)
    assert splits.bits_used == 12
    assert splits.notes[0].startswith("Pictures of 16 bits a pixel use 12 of them")
    assert splits.train.images[splits.train.labels == 1].max() <= 900 >> 4, "dark ones stay darker than bright ones"
    run = tmp_path / "run"
    done = inkling("train", source, "--network", "perceptron", "--epochs", 1, "--out", run)
    assert done.returncode == 0, done.stderr
    for file, image in zip(splits.train.files, splits.train.images, strict=True):
        assert np.array_equal(prepared_picture(Run(run), source / file), image)
    shutil.rmtree(source / "bright")
    shutil.copytree(source / "dark", source / "bright")
    darker = Run(run).load_images(source=str(source))
    assert darker.train.images.max() <= 900 >> 4, "new pictures have the range of the run, not one of their own"
    assert load_images(source).train.images.max() > 900 >> 4, "which is not what the cache then holds for others"


def test_a_class_without_training_pictures_says_why(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 30, "b": 30})
    (tmp_path / "c").mkdir()
    for number in range(3):
        (tmp_path / "c" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError, match="no training picture of c that can be read, of 3 in all: replace them"):
        load_images(tmp_path, options=LoadOptions(skip_unreadable=True))
    shutil.rmtree(tmp_path / "c")
    fill(tmp_path, {"d": 30})
    with pytest.raises(DataError, match=r"no training picture of ., .: its groups are in other splits\. Give it more"):
        load_images(tmp_path, options=LoadOptions(groups=r"^(\w)/"))


def test_the_way_to_fit_pictures_may_be_written_in_capitals(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets", {"a": 9, "b": 9})
    assert last_json(inkling("data", "show", tmp_path / "pets", "--image-size", 8, "--fit", "CROP", "--json"))
    with pytest.raises(DataError, match=r"called 'Pad' \(did you mean 'pad'\?\)"):
        LoadOptions(fit="Pad")


def test_a_source_that_was_moved_away_is_said_of_the_run(tmp_path: Path, fill: Fill) -> None:
    source, run = tmp_path / "pets", tmp_path / "run"
    fill(source, {"a": 9, "b": 9})
    assert inkling("train", source, "--network", "perceptron", "--epochs", 1, "--out", run).returncode == 0
    picture = source.rename(tmp_path / "moved") / "a" / "000.png"
    said = f"{source}: the images that {run} was trained on are no longer there: put them back"
    assert_refused(inkling("predict", run, picture, "--unlike"), said)
    assert inkling("predict", run, picture).returncode == 0


def test_classes_that_cannot_be_judged_are_said_and_claim_nothing(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "pets" / "train", {"cat": 9, "dog": 9, "eel": 9})
    fill(tmp_path / "pets" / "test", {"cat": 4, "dog": 4})
    run = tmp_path / "run"
    done = inkling("train", tmp_path / "pets", "--network", "perceptron", "--epochs", 1, "--out", run)
    assert "No test picture of eel: nothing is measured there. Add some." in done.stderr
    done = inkling("evaluate", run)
    assert any(line.split()[:3] == ["eel", "0", "-"] for line in done.stdout.splitlines()), done.stdout
    report = Path(last_json(inkling("report", run, "--json"))["report"]).read_text(encoding="utf-8")
    assert '<tr><th scope="row">eel</th><td>0</td><td>no image</td></tr>' in report
    fill(tmp_path / "one", {"cat": 20, "dog": 20, "emu": 1})
    notes = load_images(tmp_path / "one").notes
    assert notes == ("One picture alone, which is for training: emu. Add more: nothing can be measured.",)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not Unicode")
def test_a_name_that_is_no_unicode(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, {"a": 5})
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    Image.new("L", (5, 6)).save(os.fsencode(tmp_path).decode() + "/caf\udce9/1.png")
    with pytest.raises(DataError, match=r"expected names in UTF-8, found caf\\udce9"):
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
    assert_refused(inkling("train", tmp_path / "pets", "--out", tmp_path / "run"), "b/broken.png", "picture")
    assert not (tmp_path / "run").exists()
