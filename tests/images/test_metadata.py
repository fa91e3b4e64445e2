"""Attributes of images from a CSV file: read, and every mistake in it said in one line that names all concerned."""

from __future__ import annotations

from pathlib import Path

import pytest

from inkling.errors import DataError
from inkling.images.metadata import read_metadata


def written(folder: Path, text: str) -> Path:
    path = folder / "metadata.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_files_are_named_as_for_groups(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufefffile;camera;split;light\ncat\\1.png; phone ;test;day\n./b.png;;test;night\n")
    found = read_metadata(path)
    assert found.columns == ("camera", "light")
    assert found.attributes(["b.png", "cat/1.png"], "images") == {"camera": ["", "phone"], "light": ["night", "day"]}
    assert found.column("camera", ["cat/1.png", "c.png"]) == ["phone", None]
    found.check_known(["cat/1.png", "b.png", "c.png"], "photos")


def test_an_index_counts_in_a_split(tmp_path: Path) -> None:
    found = read_metadata(written(tmp_path, "index,light\n1,day\n00,night\n"), "validation")
    assert found.attributes(["validation image 0", "validation image 1"], "images") == {"light": ["night", "day"]}
    found = read_metadata(written(tmp_path, "index,split,light\n1,Train,day\n1,test,night\n"))
    assert found.column("light", ["train image 1", "test image 1"]) == ["day", "night"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty first line"),
        ("name,light\na,b\n", "expected the column file or index, one of the two, .* found name, light: name them so"),
        ("file,index,light\na,0,b\n", "one of the two"),
        ("file\na\n", "expected columns of attributes beside file"),
        ("index,split\n0,test\n", "expected columns of attributes beside index"),
        ("file,light,light\na,b,c\n", "found 'light' twice"),
        ("file,light\n", "found a header only"),
        ("file,light\na,day\nb\n", "line 3: expected 2 cells, as the first line has, found 1"),
        ("file,light\na,day\nb,day,x\n", "line 3: expected 2 cells, as the first line has, found 3"),
        ("file,light\na,day\nb,day\n./a,night\nb,day\n", "2 images have more than one row: a, b: leave one row"),
        (
            "index,light\n-1,day\n,day\n1.5,day\n",
            "whole numbers from 0 in the column index, found -1, an empty cell, 1.5",
        ),
        ("index,light\n²,day\n", "whole numbers from 0"),
        ("index,split,light\n0,tset,day\n", "no split is called 'tset'"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        read_metadata(written(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_images_and_rows_must_meet(tmp_path: Path) -> None:
    found = read_metadata(written(tmp_path, "file,light\na,day\nb,day\n"))
    with pytest.raises(DataError, match=r"2 of 3 test images have no row: c, d: add one for each"):
        found.attributes(["a", "c", "d"], "test images")
    with pytest.raises(DataError, match=r"1 of 2 rows are of no image of photos: b: name files"):
        found.check_known(["a"], "photos")
    with pytest.raises(DataError, match="No such file"):
        read_metadata(tmp_path / "none.csv")
