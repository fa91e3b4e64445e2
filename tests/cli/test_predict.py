"""`inkling predict` on the command line."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from command_line import TRAIN_DIGITS, inkling, last_json
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
