"""The check of a data set: every planted fault is found and named, on the page and in the JSON, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.data_check.check import check_data
from inkling.data_check.findings import DataCheck
from inkling.data_check.page import SHOWN, render_data_page, write_data_page
from inkling.data_check.picture_files import measure_files, why_unreadable
from inkling.diagnosis.duplicates import MOST_COMPARED
from inkling.errors import RunError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.options import LoadOptions
from inkling.images.sources.digits import load_digits
from inkling.images.sources.registry import load_images

HOSTILE = ("<script>alert(1)<script>", "<img src=x onerror=alert(1)>", "\"quotes\" & 'more' &amp; <b>")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def noise(rng: np.random.Generator, height: int = 40, width: int = 40) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def splits_of(images: NDArray[np.uint8], names: tuple[str, ...] = ("a", "b"), each: int = 0) -> Splits:
    each = each or len(images) // 3
    parts = [images[:each], images[each : 2 * each], images[2 * each :]]
    train, validation, test = (ImageDataset(part, np.arange(len(part)) % len(names), names) for part in parts)
    return Splits(train, validation, test, "made")


def counts(check: DataCheck) -> dict[str, int]:
    return {finding.id: finding.count for finding in check.findings if finding.count}


def folder(root: Path, each: int = 30, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(noise(rng)).save(root / name / f"{number:02}.png")
    return root


# --- the check -------------------------------------------------------------------------------------------------------


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    rng = np.random.default_rng(0)
    check = check_data(splits_of(np.stack([noise(rng) for _ in range(120)])))
    assert counts(check) == {}
    assert (
        check.verdict == "Nothing to mend was found in made by what was looked at."
    )  # not files, which there are none of
    assert all(finding.advice == "" for finding in check.findings)
    assert {finding.id for finding in check.findings} == {
        "leaks", "conflicts", "repeats", "quality", "balance", "shortcuts"
    }  # fmt: skip
    assert check.not_checked == (
        "unreadable files, file sizes and aspect ratios (the images are not made of picture files).",
        "shifted, rotated, cropped and mirrored copies (images of 48 pixels a side or more are needed).",
    )


def test_copies_are_told_apart_by_where_they_are_and_how_alike() -> None:
    rng = np.random.default_rng(0)
    images = np.stack([noise(rng) for _ in range(90)])
    images[35] = images[4]  # validation 5 is training image 4, of the other class
    images[70] = np.clip(images[6].astype(int) + 3, 0, 255)  # test 10 is nearly training image 6
    images[9] = images[7]
    check = check_data(splits_of(images))
    assert counts(check) == {"leaks": 2, "conflicts": 1, "repeats": 1}
    verdicts = {finding.id: finding.verdict for finding in check.findings}
    assert verdicts["leaks"] == (
        "1 of 30 validation images and 1 of 30 test images occur in an earlier split as well "
        "(1 exactly, the other nearly)."
    )
    assert verdicts["conflicts"] == "1 picture has a copy in another class."
    assert verdicts["repeats"] == "1 picture repeats an earlier one of the same split (exactly)."
    without = check_data(splits_of(images), near=False)
    assert counts(without) == {"leaks": 1, "conflicts": 1, "repeats": 1}
    assert without.not_checked[-1] == "near duplicates."
    assert "No picture occurs" not in verdicts["leaks"]


def test_near_duplicates_of_very_many_images_are_not_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_COMPARED >= 70_000
    monkeypatch.setattr("inkling.data_check.check.MOST_COMPARED", 100)
    check = check_data(splits_of(np.random.default_rng(0).integers(0, 256, (120, 6, 6, 1)).astype(np.uint8)))
    assert check.duplicates.near is None
    assert "near duplicates (of 120 images it would take long)." in check.not_checked


def test_copies_do_not_make_a_shortcut() -> None:
    """Two pictures, forty times each: of different pictures there are too few to tell."""
    rng = np.random.default_rng(0)
    dark, bright = rng.integers(0, 90, (8, 8, 1)), rng.integers(150, 256, (8, 8, 1))
    images = np.stack([dark, bright] * 60).astype(np.uint8)
    check = check_data(splits_of(images))
    assert check.shortcuts.tested == ()
    assert check.shortcuts.left_out["brightness"] == "2 images are too few"


def test_brightness_and_border_as_shortcuts() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (240, 12, 12, 1), dtype=np.uint8)
    images[1::2, 0] = images[1::2, -1] = images[1::2, :, 0] = images[1::2, :, -1] = 255
    check = check_data(splits_of(images, each=100))
    assert "border" in {shortcut.quantity for shortcut in check.shortcuts.notable}
    page = render_data_page(check, splits_of(images, each=100))
    assert "The classes differ in border" in page
    assert "median grey level" in page


@pytest.mark.parametrize("channels", [1, 3])
def test_black_pictures_and_three_of_them(channels: int) -> None:
    images = np.zeros((3, 5, 5, channels), np.uint8)
    check = check_data(splits_of(images))
    assert counts(check)["quality"] == 3
    assert counts(check)["leaks"] == 2
    assert check.shortcuts.left_out["brightness"] == "1 images are too few"
    json.dumps(check.to_dict(), allow_nan=False)
    render_data_page(check, splits_of(images))


def test_digits_have_two_drawings_that_are_nearly_the_same() -> None:
    stages: list[str] = []
    check = check_data(load_digits(), observer=lambda progress: stages.append(progress.stage))
    assert counts(check) == {"leaks": 1}
    assert "looking for duplicates" in stages
    assert stages[-1] == "testing shortcuts"


# --- picture files ---------------------------------------------------------------------------------------------------


def test_files_say_their_size_turned_as_a_camera_would(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    seen: list[tuple[int, int]] = []
    names = ("turned.jpg", "broken.jpg", "missing.png", "row 7\0")
    found = measure_files(tmp_path, names, lambda *at: seen.append(at))
    assert found.sizes.tolist() == [[20, 30], [0, 0], [0, 0], [0, 0]]
    assert found.n_bytes[0] == (tmp_path / "turned.jpg").stat().st_size
    assert np.isnan(found.n_bytes[1:]).all()
    assert found.aspect_ratios[0] == pytest.approx(2 / 3)
    assert seen[-1] == (4, 4)


def test_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    assert why_unreadable(tmp_path, "broken.jpg") == "expected a picture (PNG, JPEG, …), found something else"
    Image.new("L", (3, 3)).save(tmp_path / "good.png")
    for name in ("missing.jpg", "null\0.jpg", ".", "good.png"):
        assert why_unreadable(tmp_path, name) == ""
    assert why_unreadable(None, "broken.jpg") == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_why_a_file_with_a_name_of_two_lines_cannot_be_read(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos")
    (root / "cat" / "two\nlines\x1b[31m.png").write_bytes(b"no picture")
    (root / "cat" / "notes.txt").write_text("passed over")
    splits = load_images(root, options=LoadOptions(skip_unreadable=True))
    check = check_data(splits, root)
    (unreadable,) = check.to_dict()["unreadable"]
    assert unreadable == {
        "file": "cat/two\\nlines\\x1b[31m.png", "reason": "expected a picture (PNG, JPEG, …), found something else"
    }  # fmt: skip
    (passed_over,) = [note for note in check.to_dict()["notes"] if note.startswith("Passed over: 1 file (1 .txt)")]
    page = Page(render_data_page(check, splits)).text
    assert passed_over in page
    assert unreadable["reason"] in page


# --- the command -----------------------------------------------------------------------------------------------------


def test_every_planted_fault_of_a_folder_is_found(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos")
    rng = np.random.default_rng(1)
    (root / "cat/broken.png").write_bytes(b"no picture")
    Image.new("RGB", (40, 40)).save(root / "cat/black.png")
    Image.fromarray(noise(rng, 40, 160)).save(root / "cat/long.png")
    Image.fromarray(noise(rng, 10, 10)).save(root / "cat/tiny.png")
    shutil.copy(root / "cat/00.png", root / "dog/copy.png")
    values = last_json(inkling("data", "check", root, "--out", tmp_path / "page.html", "--json"))
    found = {finding["id"]: finding["count"] for finding in values["findings"]}
    assert found["unreadable"] == 1
    assert values["unreadable"][0]["file"] == "cat/broken.png"
    assert "expected a picture" in values["unreadable"][0]["reason"]
    assert found["conflicts"] == 1
    assert {values["conflicts"][0]["file"], values["conflicts"][0]["of_file"]} == {"cat/00.png", "dog/copy.png"}
    assert [(poor["kind"], poor["file"]) for poor in values["quality"]["pictures"]] == [("blank", "cat/black.png")]
    assert [(odd["file"], odd["long"], odd["enlarged"]) for odd in values["sizes"]["odd"]] == [
        ("cat/long.png", True, False), ("cat/tiny.png", False, True)
    ]  # fmt: skip
    assert found["balance"] == found["shortcuts"] == 0
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert values["page"] == str(tmp_path / "page.html")
    for name in ("cat/broken.png", "cat/black.png", "cat/long.png", "cat/tiny.png", "dog/copy.png"):
        assert name in page.text


def test_of_an_archive_the_pictures_are_read_and_their_files_not_measured(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", folder(tmp_path / "photos"))
    values = last_json(inkling("data", "check", archive, "--out", tmp_path / "page.html", "--json"))
    verdicts = {finding["id"]: finding["verdict"] for finding in values["findings"]}
    assert verdicts["unreadable"] == "All 60 picture files can be read."
    assert values["sizes"] is None
    assert [sentence.split(" ")[0] for sentence in values["not_checked"]] == ["file", "shifted,"]
    assert values["not_checked"][0].startswith("file sizes and aspect ratios (the pictures are in no folder")


def test_file_size_as_a_shortcut(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, quality in (("phone", 95), ("web", 40)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(40):
            Image.fromarray(noise(rng)).save(tmp_path / f"photos/{name}/{number}.jpg", quality=quality)
    values = last_json(inkling("data", "check", tmp_path / "photos", "--out", tmp_path / "page.html", "--json"))
    notable = [each for each in values["shortcuts"]["tested"] if each["notable"]]
    assert "file size" in {each["quantity"] for each in notable}
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The classes differ in file size" in page
    assert "median kB" in page


def test_a_class_of_one_and_a_small_folder(tmp_path: Path) -> None:
    root = folder(tmp_path / "few", each=4, names=("cat", "dog"))
    (root / "owl").mkdir()
    Image.new("RGB", (40, 40), "white").save(root / "owl/1.png")
    values = last_json(inkling("data", "check", root, "--json", cwd=tmp_path))
    assert values["page"] == str(Path("data-check") / "few.html")
    assert (tmp_path / values["page"]).is_file()
    assert values["class_balance"]["few"] == ["cat", "dog", "owl"]
    assert "owl" in values["class_balance"]["unmeasured"]
    pictures = folder(tmp_path / "three", each=2, names=("cat", "dog"))
    (pictures / "dog/01.png").unlink()
    assert_refused(inkling("data", "check", pictures, cwd=tmp_path), "no training picture of dog: add some")


def test_what_it_prints(tmp_path: Path) -> None:
    done = inkling("data", "check", "digits", "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "To look at in digits: copies across splits."
    assert "No shortcut found by border and brightness: " in done.stdout
    said = " ".join(done.stdout.split())
    assert "It predicts the class better than chance, but saves fewer than 20% of the errors of guessing." in said
    assert "Not looked at: unreadable files" in done.stdout
    assert str(tmp_path / "page.html") in done.stdout
    shown = inkling("data", "show", "digits")
    assert shown.stdout.startswith("checked")
    assert "Copies across splits" in shown.stdout


def test_what_it_refuses(tmp_path: Path) -> None:
    assert_refused(inkling("data", "check", tmp_path / "nothing"), "no data set, folder or file")
    assert_refused(inkling("data", "check", "digits", "--out", tmp_path), "must be an .html file")
    assert_refused(inkling("data", "check", "digits", "--out", tmp_path / "page.png"), "must be an .html file")
    for name in ("cat", "dog"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "broken" / name / f"{number}.png").write_bytes(b"no picture")
    assert_refused(inkling("data", "check", tmp_path / "broken", "--out", tmp_path / "page.html"), "cannot be read")
    assert not (tmp_path / "page.html").exists()


# --- the page --------------------------------------------------------------------------------------------------------


def test_names_of_classes_and_files_are_escaped(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = np.stack([noise(rng, 8, 8) for _ in range(60)])
    images[1], images[2], images[41] = 0, 255, images[0]

    def part(first: int) -> ImageDataset:
        files = tuple(f"<i>{first + i}%s.png" for i in range(20))
        return ImageDataset(images[first : first + 20], np.arange(20) % 3, HOSTILE, files)

    splits = Splits(part(0), part(20), part(40), "<b>noise", skipped=("<u>broken.png",))
    check = check_data(splits, tmp_path)
    text = render_data_page(check, splits, "inkling '<s>'")
    page = Page(text)
    assert {"script", "b", "u", "i", "s"}.isdisjoint(tag for tag, _ in page.tags)
    assert not [attrs for _, attrs in page.tags if "onerror" in attrs]
    for word in (*HOSTILE, "<b>noise", "<u>broken.png", "<i>1%s.png", "inkling '<s>'"):
        assert word in page.text, word
    assert "http://" not in text
    assert "https://" not in text
    pictures: list[Any] = [attrs for tag, attrs in page.tags if tag == "img"]
    assert all(attrs["alt"] and attrs["src"].startswith("data:image/png") for attrs in pictures)


def test_the_page_shows_the_first_of_many_and_large_pictures_small() -> None:
    images = np.zeros((90, 200, 300, 3), np.uint8)
    splits = splits_of(images)
    page = Page(render_data_page(check_data(splits), splits))
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    # Black pictures, and two of each copy: across splits, in two classes and within a split.
    assert len(pictures) == SHOWN * 7
    assert {(attrs["width"], attrs["height"]) for attrs in pictures} == {("112", "75")}
    assert "The first 18 of 90; --json lists all." in page.text


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    splits = load_digits()
    (tmp_path / "file").write_text("here")
    with pytest.raises(RunError, match="cannot be"):
        write_data_page(check_data(splits, near=False), splits, tmp_path / "file" / "page.html")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders, and links for few")
def test_what_is_no_file_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert why_unreadable(tmp_path, "loop.png") == "expected a picture, found a link that leads nowhere"
    assert why_unreadable(tmp_path, "pipe.png") == "expected a picture, found a folder, a pipe or a device"
    assert why_unreadable(tmp_path, "other.png") == ""
