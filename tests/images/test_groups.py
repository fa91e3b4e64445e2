"""Groups of pictures, from a CSV file or out of their names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from inkling.errors import DataError
from inkling.images.groups import read_groups


def test_an_expression_finds_the_group_in_each_name() -> None:
    names = ["cat/p12_3.png", "dog/p7_3.png"]
    assert read_groups(r"p(\d+)_", names, "photos") == ["12", "7"]
    with pytest.raises(DataError, match=r"photos: 1 of 3 pictures do not match '.*every name: x.png"):
        read_groups(r"p(\d+)_", [*names, "x.png"], "photos")


@pytest.mark.parametrize("expression", ["p", "(a)(b)", "(", "*", "(?P<x", "a{99999999999}(b)"])
def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(DataError, match="a regular expression with one pair of parentheses, found"):
        read_groups(expression, ["a"], "photos")


def test_a_file_names_the_group_of_each_picture(tmp_path: Path) -> None:
    path = tmp_path / "groups.CSV"
    name = unicodedata.normalize("NFC", "café/1.png")
    path.write_text(f"\ufefffile,note,group\n{unicodedata.normalize('NFD', name)},,x\ncat\\2.png,,y\n./3.png,,y\n")
    assert read_groups(str(path), [name, "cat/2.png", "3.png"], "photos") == ["x", "y", "y"]
    with pytest.raises(DataError, match=r"photos: 12 of 12 pictures are not in .*: n0, .*n9 and 2 more"):
        read_groups(str(path), [f"n{i}" for i in range(12)], "photos")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,group\na,\n", r"1 of 1 pictures have no group in .*groups\.csv: a: fill in"),
        (b"", "found an empty first line"),
        (b"file,kind\n", "columns file and group, found file,? kind"),
        (b"file,group\na,x\na,y\n", "line 3: a is in group x already"),
        (b"file,group\n\xff,x\n", "found other bytes: save it as CSV in UTF-8"),
        (b"file;group\na;x\na;y\n", "line 3: a is in group x already"),
        (b'file,group\n"a,x\n', "cannot be read"),
        (b"file,group\na\n", r"1 of 1 pictures have no group in"),
        (b"file,group\nb,x\n", r"1 of 1 pictures are not in"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_groups(str(path), ["a"], "photos")
    with pytest.raises(DataError, match="No such file"):
        read_groups(str(tmp_path / "missing.csv"), ["a"], "photos")
