"""Which images to label next: orders that are known, pictures in a folder, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import TRAIN_DIGITS, inkling, last_json
from inkling.diagnosis.labelling_order import decision_margins, labelling_order
from inkling.errors import DataError
from inkling.images.sources.digits import load_digits


def test_the_margin_is_the_lead_of_the_likeliest_class() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.0, 0.0, 1.0]])
    assert decision_margins(probabilities) == pytest.approx([0.2, 0.0, 1.0])
    images = np.zeros((3, 4, 4, 1), np.uint8)
    assert labelling_order(probabilities, images, 3).tolist() == [1, 0, 2]


def test_of_copies_that_are_all_undecided_not_only_one_kind_is_asked_for() -> None:
    images = np.zeros((60, 8, 8, 3), np.uint8)
    images[40:50, :4], images[50:, :, :4] = 200, 200
    probabilities = np.tile([0.5, 0.5], (60, 1))
    probabilities[40:] = [0.55, 0.45]  # the copies of the first kind are a little less decided
    chosen = labelling_order(probabilities, images, 6)
    assert len(set(chosen.tolist())) == 6
    assert {int(place >= 40) + int(place >= 50) for place in chosen} == {0, 1, 2}
    np.testing.assert_array_equal(chosen, labelling_order(probabilities, images, 6))


def test_what_does_not_fit_is_refused() -> None:
    images, probabilities = np.zeros((3, 4, 4, 1), np.uint8), np.full((3, 2), 0.5)
    for wrong in ((probabilities[:2], images, 1), (probabilities, images, 0)):
        with pytest.raises(DataError, match="a batch of 1 or more"):
            labelling_order(*wrong)


def test_the_command_asks_for_pictures_of_a_folder(tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "new" / "below"
    assert inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 2, "--out", run).returncode == 0
    folder.mkdir(parents=True)
    for place, image in enumerate(load_digits().test.images[:30]):
        Image.fromarray(image[:, :, 0]).save(folder / f"{place}.png")
    (folder / "notes.txt").write_text("no picture")
    chosen = last_json(inkling("next", run, tmp_path / "new", "--count", 5, "--json"))
    assert len({picture["file"] for picture in chosen}) == 5
    assert [picture["margin"] for picture in chosen] == sorted(picture["margin"] for picture in chosen)
    empty = inkling("next", run, run)
    assert empty.returncode == 2
    assert "expected a folder of pictures, found none" in empty.stderr
