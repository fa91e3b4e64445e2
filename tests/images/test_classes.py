"""Labels of any kind become places among class names: numbers in their order, words in sorted order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inkling.errors import DataError
from inkling.images.classes import alike_note, number_labels


@pytest.mark.parametrize(
    ("labels", "places", "names"),
    [
        ([3, 7, 3], [0, 1, 0], ("3", "7")),
        (["dog", "cat", " dog "], [1, 0, 1], ("cat", "dog")),
        (["10", "9", "9"], [1, 0, 0], ("9", "10")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        ([2.0, -1.0], [1, 0], ("-1", "2")),
        ([[5], [4]], [1, 0], ("4", "5")),
        ([True, False], [1, 0], ("False", "True")),
        ([b"b", b"a"], [1, 0], ("a", "b")),
        (np.array(["b", "a"], object), [1, 0], ("a", "b")),
        (np.array([255, 0], np.uint8), [1, 0], ("0", "255")),
    ],
)
def test_every_different_label_is_a_class(labels: Any, places: list[int], names: tuple[str, ...]) -> None:
    found, found_names = number_labels(labels)
    assert found.dtype == np.int64
    assert found.tolist() == places
    assert found_names == names


def test_labels_are_places_among_names_or_the_names() -> None:
    assert number_labels([2, 0], ["a", "b", "c"])[0].tolist() == [2, 0]
    assert number_labels(["c", "a"], ["a", "b", "c"]) == (pytest.approx([2, 0]), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 3], ["a", "b"], r"labels: expected 0\.\.1 for 2 class names, found 0\.\.3"),
        (["a", "bb"], ["a", "b"], r"no class is called 'bb'.*expected a, b"),
        (["cat", "dogg"], ["cat", "dog"], r"no class is called 'dogg' \(did you mean 'dog'\?\)"),
        (["a", ""], None, r"label 2 of 2 is empty"),
        ([0.5, 1], None, "expected whole numbers or words"),
        ([float("nan")], None, "expected whole numbers or words"),
        ([[1, 0], [0, 1]], None, r"found shape \(2, 2\).*argmax"),
        ([[1], [0, 1]], None, "expected one label per image"),
        ([None, "a"], None, "expected whole numbers or words of shape .N,., found object"),
        (3, None, r"found int64 of shape \(\)"),
    ],
)
def test_what_is_no_label_is_refused(labels: Any, names: list[str] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        number_labels(labels, names)


def test_names_that_are_nearly_the_same_are_said() -> None:
    assert alike_note(["cat", "dog", "a", "A", "10", "1"]) == ""
    assert alike_note(["Daisy", "daisy", "1", "1.0", "x"]) == (
        "Classes of nearly the same name: Daisy and daisy, 1 and 1.0. Where they are one, call it by one name."
    )


def test_one_word_in_two_unicode_forms_is_one_class() -> None:
    labels, names = number_labels(["caf\u00e9", "cafe\u0301", "rose"])
    assert (labels.tolist(), names) == ([0, 0, 1], ("caf\u00e9", "rose"))
