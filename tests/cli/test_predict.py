"""`inkling predict` on the command line."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.images.sources.digits import load_digits


def test_dark_ink_on_white_paper_is_inverted_on_request(tmp_path: Path) -> None:
    run, light, dark = tmp_path / "run", tmp_path / "light.png", tmp_path / "dark.png"
    assert inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 2, "--out", run).returncode == 0
    picture = Image.fromarray(load_digits().test.images[0, :, :, 0])
    picture.save(light)
    ImageOps.invert(picture).save(dark)
    (expected,) = last_json(inkling("predict", run, light, "--json"))
    (inverted,) = last_json(inkling("predict", run, dark, "--invert", "--json"))
    (as_it_is,) = last_json(inkling("predict", run, dark, "--json"))
    assert inverted["probabilities"] == expected["probabilities"] != as_it_is["probabilities"]


def test_all_pictures_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    run, pictures = tmp_path / "run", tmp_path / "new"
    assert inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 1, "--out", run).returncode == 0
    pictures.mkdir()
    for number in range(12):
        (pictures / f"{number:02}.png").write_bytes(b"text")
    Image.new("L", (8, 8)).save(pictures / "good.png")
    done = inkling("predict", run, *sorted(pictures.iterdir()))
    assert_refused(done, "12 of 13 pictures cannot be read", "00.png: expected a picture", "09.png", "and 2 more")
    assert_refused(inkling("predict", run, pictures / "good.png", pictures / "00.png"), "00.png: expected a picture")
    assert_refused(inkling("predict", run, pictures), f"found a folder of pictures: give the files, as {pictures}/*")
    (tmp_path / "empty").mkdir()
    assert_refused(inkling("predict", run, tmp_path / "empty"), "not a run folder")
