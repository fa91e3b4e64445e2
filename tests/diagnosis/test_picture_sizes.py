"""Odd sizes: long strips and thumbnails, worst first; files that are not known are passed over."""

from __future__ import annotations

import json

import numpy as np

from inkling.diagnosis.picture_sizes import judge_sizes


def test_strips_and_thumbnails_are_found() -> None:
    sizes = np.array([[400, 300], [900, 300], [100, 800], [30, 40], [0, 0]])
    files = tuple(f"{i}.png" for i in range(5))
    found = judge_sizes([("train", files, sizes)], (128, 128))
    assert found is not None
    assert [(size.file, size.long, size.enlarged) for size in found.odd] == [
        ("2.png", True, False), ("1.png", True, False), ("3.png", False, True)
    ]  # fmt: skip
    assert (found.n, found.smallest, found.largest) == (4, (30, 40), (900, 300))
    assert "1 is enlarged 2 times or more." in found.verdict
    assert "2 are 3 times as long as wide, or more." in found.verdict
    json.dumps(found.to_dict())


def test_one_size_is_said_in_one_sentence() -> None:
    found = judge_sizes([("train", ("a", "b"), np.full((2, 2), 28)), ("test", ("c",), np.full((1, 2), 28))], (28, 28))
    assert found is not None
    assert found.odd == ()
    assert found.verdict == "All 3 picture files are of 28×28 pixels; images of 28×28 pixels are made of them."


def test_nothing_is_said_where_no_size_is_known() -> None:
    assert judge_sizes([("train", ("", ""), np.zeros((2, 2), np.int64))], (8, 8)) is None
