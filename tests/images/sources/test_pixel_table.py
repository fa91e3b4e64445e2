"""CSV files of pixels: every way they are written, and what is wrong with one in a line that says where."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.options import LoadOptions
from inkling.images.sources.pixel_table import load_pixel_table
from inkling.images.sources.protocol import LoadProgress
from inkling.images.sources.registry import load_images

HEADER = ["label", *(f"pixel{i}" for i in range(4))]


def rows(n: int, pixels: int = 4) -> list[list[Any]]:
    return [[i % 2, *((i * 7 + k) % 256 for k in range(pixels))] for i in range(n)]


def write(path: Path, lines: list[list[Any]], encoding: str = "utf-8", **dialect: Any) -> Path:
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(lines)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def images(dataset: ImageDataset) -> list[tuple[bytes, str]]:
    return [(dataset.images[i].tobytes(), dataset.class_names[label]) for i, label in enumerate(dataset.labels)]


def all_images(splits: Splits) -> list[tuple[bytes, str]]:
    return sorted(image for _, part in splits.items() for image in images(part))


def test_kaggle_digits(tmp_path: Path) -> None:
    splits = load_pixel_table(write(tmp_path / "train.csv", [HEADER, *rows(40)]))
    assert splits.name == "train"
    assert splits.notes == ()
    assert [len(part) for _, part in splits.items()] == [28, 6, 6]
    assert splits.train.image_shape == (2, 2, 1)
    assert all_images(splits) == sorted((bytes(row[1:]), str(row[0])) for row in rows(40))


@pytest.mark.parametrize(
    ("encoding", "dialect"),
    [
        ("utf-8-sig", {"lineterminator": "\r\n"}),
        ("utf-8", {"lineterminator": "\n"}),
        ("utf-8", {"lineterminator": "\r"}),
        ("utf-8", {"delimiter": ";"}),
        ("utf-8", {"delimiter": "\t"}),
        ("utf-8", {"quoting": csv.QUOTE_ALL}),
    ],
)
def test_what_programs_write_is_the_same(tmp_path: Path, encoding: str, dialect: dict[str, Any]) -> None:
    plain = load_pixel_table(write(tmp_path / "a.csv", [HEADER, *rows(20)]))
    other = load_pixel_table(write(tmp_path / "b.csv", [HEADER, *rows(20), []], encoding, **dialect))
    assert other.fingerprint == plain.fingerprint


def moved(lines: list[list[Any]]) -> list[list[Any]]:
    """The label last."""
    return [[*line[1:], line[0]] for line in lines]


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ([["Class", *HEADER[1:]], *rows(20)], None),
        (moved([["target", *HEADER[1:]], *rows(20)]), None),
        (moved([["digit", *HEADER[1:]], *rows(20)]), "the column 'digit' is read as the label"),
        (rows(20), "has no header: its first column is read as the label"),
        ([["", *HEADER], *([i, *row] for i, row in enumerate(rows(20)))], None),
    ],
)
def test_the_label_is_found_or_said(tmp_path: Path, lines: list[list[Any]], note: str | None) -> None:
    plain = load_pixel_table(write(tmp_path / "a.csv", [HEADER, *rows(20)]))
    splits = load_pixel_table(write(tmp_path / "b.csv", lines))
    assert splits.fingerprint == plain.fingerprint
    assert [note in text for text in splits.notes] == [True] if note else splits.notes == ()


def test_colour_is_said(tmp_path: Path) -> None:
    header = ["label", *(f"p{i}" for i in range(12))]
    splits = load_pixel_table(write(tmp_path / "a.csv", [header, *rows(20, 12)]))
    assert splits.train.image_shape == (2, 2, 3)
    assert "12 values a row are read as 2x2 RGB pixels" in splits.notes[0]


def test_splits_and_groups_are_columns(tmp_path: Path) -> None:
    header = [*HEADER, "Split", "who"]
    lines = [[*row, ("Train", "val", "testing")[i % 3], f"g{i % 3}-{i % 2}"] for i, row in enumerate(rows(30))]
    path = write(tmp_path / "a.csv", [header, *lines])
    splits = load_images(path, options=LoadOptions(groups="who"))
    assert [len(part) for _, part in splits.items()] == [10, 10, 10]
    assert splits.options.groups == "who"
    lines[0][-1] = "g1-0"
    write(path, [header, *lines])
    with pytest.raises(DataError, match="1 group is in more than one split: g1-0"):
        load_images(path, options=LoadOptions(groups="who"))
    lines[3][-2] = "tset"
    write(path, [header, *lines])
    with pytest.raises(DataError, match=r"no split is called 'tset' \(did you mean 'test'\?\)"):
        load_images(path, options=LoadOptions(groups="who"))
    with pytest.raises(DataError, match="expected a label and as many pixels"):
        load_images(path)
    with pytest.raises(DataError, match="no column is called 'whom'"):
        load_images(path, options=LoadOptions(groups="whom"))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.sampled_from([(12, 3, 3, 1), (12, 2, 2, 3)])))
def test_arrays_come_back(tmp_path: Path, pixels: np.ndarray) -> None:
    labels = ["a,b", 'c"d'] * 6
    header = ["label", *(f"p{i}" for i in range(pixels[0].size))]
    lines = [[label, *image.ravel()] for label, image in zip(labels, pixels, strict=True)]
    splits = load_pixel_table(write(tmp_path / "a.csv", [header, *lines]))
    assert all_images(splits) == sorted((pixels[i].tobytes(), label) for i, label in enumerate(labels))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty first line"),
        ("\n1,2\n", "found an empty first line"),
        ("label,a,b,c,d\n", "expected a row for every image, found a header only"),
        ("label,a,b,c,d\n0,1,2,3,4\n1,2,3\n", r"line 3: expected 5 cells, as the first line has, found 3"),
        ("label,a,b,c,d\n0,1,2,3,4\n1,2,3,4,5,6\n", r"line 3: .*found 6"),
        ("label,a,b,c,d\n0,1,2,x,4\n", r"line 2, column 'c': expected a whole number 0\.\.255, found 'x'"),
        ("label,a,b,c,d\n0,1,2,3,256\n", r"line 2, column 'd': .*found '256'"),
        ("label,a,b,c,d\n0,1,,3,4\n", r"column 'b': .*found '': fill it in, or remove the row"),
        ("label,a,b,c,d\n0,1,0.5,3,4\n", r"column 'b': .*found '0\.5'"),
        ("label,a,b,c,d\n0,1,-1,3,4\n", r"column 'b': .*found '-1': scale the pixels"),
        ("label,a,b,c,d\n0,1,193.0,3,4\n", r"found '193\.0': write whole numbers without a point, 193"),
        ("id,label\ncats/17,cat\n", r"found 'cats/17': .* call it 'path' if it names the files of pictures"),
        ("label,a,b\n0,1,2\n", "784 for 28x28.*found 2 columns"),
        ("label,a,b,a,d\n0,1,2,3,4\n", "found 'a' twice"),
        ("name,what,when\nx,y,z\n", "expected a column called label, class, target, and pixels or the paths"),
        ("label,a,b,c,d\n,1,2,3,4\n1,1,2,3,4\n", "label 1 of 2 is empty"),
        ("label,a,b,c,d\n0,1,2,3,4\n0,1,2,3,4\n", "expected two classes or more, found '0' alone: add"),
        ("label,a,b,c,d\n0,1,2,3,4\n1,1,2,3,4\n", "too few"),
        ('label,a,b,c,d\n0,1,2,3,"4\n', "expected a CSV file, found something else"),
        ("label,a,b,c,d\n0,1,2,3,\0\n", "column 'd'|found something else"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text, newline="")
    with pytest.raises(DataError, match=message) as refused:
        load_images(tmp_path / "a.csv")
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "a.csv") in str(refused.value)


@pytest.mark.parametrize("content", ["label,pixel\n".encode("utf-16"), b"label,\xff\n", b"PK\x03\x04\xff\xfe"])
def test_other_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match="expected a CSV file in UTF-8, found other bytes"):
        load_images(tmp_path / "a.csv")


def test_a_line_without_an_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"label,a,b,c,d\n" + b"0," * 2**25)
    tracemalloc.start()
    with pytest.raises(DataError, match="line 2: expected a row, found a line of 16,777,216 characters"):
        load_images(tmp_path / "a.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27


def test_memory_is_that_of_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = ["label", *(f"p{i}" for i in range(400))]
    path = write(tmp_path / "a.csv", [header, *rows(2000, 400)])
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[LoadProgress] = []
    tracemalloc.start()
    load_pixel_table(path, observer=seen.append)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2000 * 400
    assert seen[-1] == LoadProgress("reading a.csv", path.stat().st_size, path.stat().st_size, "bytes")
    assert len(seen) > 5


def test_more_than_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.sources.pixel_table.MAX_BYTES", 70)
    with pytest.raises(DataError, match="more than the 70 bytes allowed"):
        load_pixel_table(write(tmp_path / "a.csv", [HEADER, *rows(20)]))


def test_the_command_line_trains_on_it(tmp_path: Path) -> None:
    path = write(tmp_path / "digits.csv", [HEADER, *rows(40)])
    assert last_json(inkling("data", "show", path, "--json"))["train"]["n"] == 28
    run = tmp_path / "run"
    words = ("--network", "perceptron", "--epochs", 1, "--out", run, "--json", "--quiet")
    assert last_json(inkling("train", path, *words))["train_size"] == 28
    assert last_json(inkling("evaluate", run, "--json"))["n"] == 6
    (tmp_path / "bad.csv").write_text("label,a\n0,999\n")
    assert_refused(inkling("train", tmp_path / "bad.csv", "--out", tmp_path / "none"), "bad.csv, line 2", "'999'")
    assert not (tmp_path / "none").exists()
