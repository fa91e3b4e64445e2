"""CSV files of paths and labels: splits, groups, and all that is missing named at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError
from inkling.images.options import LoadOptions
from inkling.images.sources.registry import load_images

Listed = Callable[..., Path]


@pytest.fixture
def listed(tmp_path: Path) -> Listed:
    """listed(n, header, row): n pictures of 6x5 pixels, and a CSV file with a row for each."""

    def write(n: int, header: str = "path,label", row: str = "{path},{label}") -> Path:
        lines = [header]
        for i in range(n):
            label = ("cat", "dog")[i % 2]
            path = tmp_path / label / f"{i:03}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("L", (5, 6), i + 100 * (i % 2)).save(path)
            split = ("train", "train", "train", "val", "test")[i // 2 % 5]
            lines.append(row.format(path=f"{label}/{i:03}.png", full=path, label=label, split=split, group=i // 4))
        (tmp_path / "pets.csv").write_text("\n".join(lines))
        return tmp_path / "pets.csv"

    return write


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path,label", "{path},{label}"),
        ("Class;extra;FileName", "{label};1;{path}"),
        ("image,label", "{full},{label}"),
        ("file_name,target", "./{path},{label}"),
    ],
)
def test_paths_and_labels(listed: Listed, header: str, row: str) -> None:
    splits = load_images(listed(40, header, row))
    assert splits.name == "pets"
    assert splits.train.class_names == ("cat", "dog")
    assert [len(part) for _, part in splits.items()] == [28, 6, 6]
    assert splits.train.image_shape == (6, 5, 1)
    for image, label, file in zip(splits.train.images, splits.train.labels, splits.train.files, strict=True):
        number = int(Path(file).stem)
        assert number % 2 == label
        assert (image == number + 100 * label).all()


def test_splits_groups_and_sizes(listed: Listed) -> None:
    path = listed(40, "path,label,split,burst", "{path},{label},{split},{group}")
    splits = load_images(path, options=LoadOptions(image_size=8, fit="crop"))
    assert [len(part) for _, part in splits.items()] == [24, 8, 8]
    assert splits.train.image_shape == (8, 8, 1)
    with pytest.raises(DataError, match=r"groups? (is|are) in more than one split"):
        load_images(path, options=LoadOptions(groups="burst"))
    path.write_text(path.read_text().replace("split", "was"))
    splits = load_images(path, options=LoadOptions(groups="burst"))
    bursts = [{int(Path(file).stem) // 4 for file in part.files} for _, part in splits.items()]
    assert len(bursts[0] | bursts[1] | bursts[2]) == sum(map(len, bursts))
    by_name = load_images(path, options=LoadOptions(groups=r"(\d\d)\.png"))
    assert len(by_name.train) + len(by_name.validation) + len(by_name.test) == 40


def test_all_missing_files_are_counted_and_skipped_on_request(listed: Listed) -> None:
    path = listed(60)
    for i in range(0, 24):
        (path.parent / ("cat", "dog")[i % 2] / f"{i:03}.png").unlink()
    with pytest.raises(
        DataError, match=r"24 of 60 pictures are missing: cat/000\.png, .* and 14 more\. Paths start in"
    ):
        load_images(path)
    splits = load_images(path, options=LoadOptions(skip_unreadable=True))
    assert len(splits.skipped) == 24
    assert sum(len(part) for _, part in splits.items()) == 36


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "found a header only"),
        ("path,label\na.png\n", "line 2: expected 2 cells"),
        ("path,label\n,cat\n", "line 2: expected the path of a picture"),
        ("path,label\na.png,cat\na.png,dog\n", r"line 3: a\.png is in line 2 as well"),
        ("path,label\na.png,cat\nb.png,\n", "label 2 of 2 is empty"),
        ("path,label,split\na.png,cat,train\n", r"1 of 1 pictures are missing: a\.png"),
        ("path,label\na\0.png,cat\n", "are missing|found something else"),
        ("path,path,label\na.png,b.png,cat\n", "found 'path' twice"),
        ("path,pixel0\na.png,1\n", "expected the columns path and label, found path, pixel0"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message) as refused:
        load_images(tmp_path / "a.csv")
    assert "\n" not in str(refused.value)


def test_the_command_line_trains_on_it(listed: Listed, tmp_path: Path) -> None:
    path = listed(40)
    assert last_json(inkling("data", "show", path, "--json"))["train"]["image_shape"] == [6, 5, 1]
    run = tmp_path / "run"
    words = ("--network", "perceptron", "--epochs", 1, "--out", run, "--json", "--quiet")
    assert last_json(inkling("train", path, *words))["train_size"] == 28
    assert last_json(inkling("evaluate", run, "--json"))["n"] == 6
    (tmp_path / "cat" / "000.png").unlink()
    assert_refused(inkling("data", "show", path), "1 of 40 pictures are missing: cat/000.png")
