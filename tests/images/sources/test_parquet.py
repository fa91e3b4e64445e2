"""Parquet files of encoded pictures, in the layout of the Hugging Face Hub: one, many, and what is wrong with them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError, MissingLibraryError
from inkling.images.options import LoadOptions
from inkling.images.sources import arrow_tables
from inkling.images.sources.parquet import read_parquet
from inkling.images.sources.registry import load_images

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet")

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def pixels(n: int, start: int = 0) -> np.ndarray:
    """n images of 6x5 pixels, the first pixel of each is its number, the others its class, i % 2."""
    images = np.zeros((n, 6, 5), np.uint8)
    images += (np.arange(start, start + n) % 2 * 100).astype(np.uint8)[:, None, None]
    images[:, 0, 0] = np.arange(start, start + n)
    return images


def table(images: Sequence[Any], labels: Any, names: Sequence[str] = (), **columns: Any) -> pa.Table:
    """A table as `datasets` writes it."""
    made = pa.table({"image": pa.array(images, STRUCT), "label": labels, **columns})
    if not names:
        return made
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def hub(n: int, start: int = 0, paths: bool = True, **columns: Any) -> pa.Table:
    rows = [
        {"bytes": png(each), "path": f"{start + i}.png" if paths else None} for i, each in enumerate(pixels(n, start))
    ]
    return table(rows, [i % 2 for i in range(start, start + n)], ["cat", "dog"], **columns)


def test_one_file(tmp_path: Path) -> None:
    pq.write_table(hub(40), tmp_path / "pets.parquet", row_group_size=7)
    splits = load_images(tmp_path / "pets.parquet")
    assert splits.name == "pets"
    assert splits.train.class_names == ("cat", "dog")
    assert [len(part) for _, part in splits.items()] == [28, 6, 6]
    for part in (splits.train, splits.validation, splits.test):
        assert part.image_shape == (6, 5, 1)
        assert [int(Path(file).stem) for file in part.files] == part.images[:, 0, 0, 0].tolist()
        assert (part.images[:, 5, 4, 0] == part.labels * 100).all()


def test_a_folder_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "pets" / "data").mkdir(parents=True)
    for name, n, start in (
        ("train-00000-of-00002", 20, 0),
        ("train-00001-of-00002", 10, 20),
        ("validation-00000-of-00001", 6, 30),
        ("test-00000-of-00001", 4, 36),
    ):
        pq.write_table(hub(n, start, paths=False), tmp_path / "pets" / "data" / f"{name}.parquet", row_group_size=3)
    splits = load_images(tmp_path / "pets")
    assert splits.name == "pets"
    assert [len(part) for _, part in splits.items()] == [30, 6, 4]
    assert np.concatenate([part.images for _, part in splits.items()])[:, 0, 0, 0].tolist() == list(range(40))
    assert splits.train.files[20] == "train-00001-of-00002.parquet row 0"
    (tmp_path / "pets" / "data" / "validation-00000-of-00001.parquet").unlink()
    assert [len(part) for _, part in load_images(tmp_path / "pets").items()] == [25, 5, 4]
    pq.write_table(hub(4), tmp_path / "pets" / "data" / "more.parquet")
    with pytest.raises(DataError, match=r"more\.parquet: expected a name that says its split"):
        load_images(tmp_path / "pets")


def test_a_split_without_labels_is_left_out_and_said(tmp_path: Path) -> None:
    pq.write_table(hub(30), tmp_path / "train.parquet")
    hidden = hub(6, 30)
    pq.write_table(hidden.set_column(1, "label", pa.array([-1] * 6)), tmp_path / "test.parquet")
    pq.write_table(hub(6).replace_schema_metadata(None), tmp_path / "validation.parquet")
    with pytest.raises(DataError, match=r"expected the columns and classes of .*, found others"):
        load_images(tmp_path)
    (tmp_path / "validation.parquet").unlink()
    splits = load_images(tmp_path)
    assert "test.parquet is left out: its 6 images are not labelled" in splits.notes
    assert sum(len(part) for _, part in splits.items()) == 30


def test_bytes_alone_words_for_labels_and_other_names(tmp_path: Path) -> None:
    plain = pa.table({"pic": [png(each) for each in pixels(40)], "kind": [("dog", "cat")[i % 2] for i in range(40)]})
    pq.write_table(plain, tmp_path / "a.parquet")
    splits = load_images(tmp_path / "a.parquet")
    assert splits.train.class_names == ("cat", "dog")
    assert splits.train.files[0].startswith("row ")


def test_groups_are_a_column_and_sizes_are_chosen(tmp_path: Path) -> None:
    pq.write_table(hub(40, burst=[i // 4 for i in range(40)]), tmp_path / "a.parquet")
    splits = load_images(tmp_path / "a.parquet", options=LoadOptions(image_size=4, groups="burst"))
    assert splits.train.image_shape == (4, 4, 1)
    bursts = [{int(Path(file).stem) // 4 for file in part.files} for _, part in splits.items()]
    assert len(bursts[0] | bursts[1] | bursts[2]) == sum(map(len, bursts))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.sampled_from([(12, 3, 4), (12, 2, 3, 3)])), st.integers(1, 13))
def test_arrays_come_back(tmp_path: Path, images: np.ndarray, row_group_size: int) -> None:
    rows = [{"bytes": png(each), "path": None} for each in images]
    pq.write_table(table(rows, [i % 2 for i in range(12)]), tmp_path / "a.parquet", row_group_size=row_group_size)
    found = read_parquet(tmp_path / "a.parquet")
    for place, file in enumerate(found.files):
        with file.open() as picture:
            assert np.array_equal(np.asarray(Image.open(picture)), images[place])


def test_unreadable_pictures_are_named_by_their_rows(tmp_path: Path) -> None:
    rows = [{"bytes": png(each), "path": None} for each in pixels(20)]
    rows[3]["bytes"], rows[4], rows[5] = b"no picture", {"bytes": None, "path": "/outside/passwd"}, None
    pq.write_table(table(rows, [i % 2 for i in range(20)]), tmp_path / "a.parquet")
    with pytest.raises(
        DataError, match=r"3 of 20 pictures cannot be read \(row 3: .*; row 4: .*the path /outside/passwd alone"
    ):
        load_images(tmp_path / "a.parquet")
    assert load_images(tmp_path / "a.parquet", options=LoadOptions(skip_unreadable=True)).skipped == (
        "row 3", "row 4", "row 5",
    )  # fmt: skip


PICTURE = [{"bytes": png(pixels(1)[0]), "path": None}] * 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1], "label": [0]}, "expected a column 'image' of encoded pictures .*found the columns a, label"),
        ({"a": [b"1"], "b": [b"2"], "label": [0]}, "expected a column 'image'"),
        ({"image": pa.array(PICTURE, STRUCT)}, "expected a column 'label' .*found the columns image"),
        (
            {"image": pa.array(PICTURE, STRUCT), "label": [0.5] * 4},
            "column 'label' .*found 'label' of type double: write",
        ),
        ({"image": [1] * 4, "label": [0, 1, 0, 1]}, "expected a column 'image' .*found 'image' of type int64: write"),
        ({"image": pa.array(PICTURE, STRUCT), "a": [1] * 4, "b": [2] * 4}, "expected a column 'label'"),
        ({"image": pa.array(PICTURE, STRUCT), "label": [0, 1, None, 1]}, "row 2: expected a label, found none"),
        ({"image": pa.array(PICTURE, STRUCT), "label": [-1] * 4}, "expected labelled images, found none"),
        (
            {"image": pa.array([], STRUCT), "label": pa.array([], pa.int64())},
            "expected two classes or more, found none",
        ),
        ({"image": pa.array(PICTURE, STRUCT), "label": [1] * 4}, "expected two classes or more, found '1' alone: add"),
    ],
)
def test_what_is_missing_is_one_line(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message) as refused:
        load_images(tmp_path / "a.parquet")
    assert "\n" not in str(refused.value)


def test_labels_must_be_among_the_names(tmp_path: Path) -> None:
    pq.write_table(table(PICTURE, [0, 1, 2, 1], ["cat", "dog"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"expected 0\.\.1 for 2 class names, found 0\.\.2"):
        load_images(tmp_path / "a.parquet")


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    pq.write_table(hub(40), tmp_path / "a.parquet", compression="none")
    whole = (tmp_path / "a.parquet").read_bytes()
    middle = len(whole) // 3
    for content in (b"", b"PAR1", b"no parquet", whole[:-200], whole[:1000], whole[:4] + whole[-500:]):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.parquet: ") as refused:
            load_images(tmp_path / "a.parquet")
        assert "\n" not in str(refused.value)
    (tmp_path / "a.parquet").write_bytes(whole[:middle] + b"\xff" * 300 + whole[middle + 300 :])
    with pytest.raises(DataError, match=r"cannot be read|expected a parquet file"):
        load_images(tmp_path / "a.parquet")


def test_row_groups_have_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.sources.parquet.MAX_BYTES", 100)
    pq.write_table(hub(40), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="more than the 100 allowed: write it with smaller row groups"):
        load_images(tmp_path / "a.parquet")


def test_rows_have_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.sources.parquet.MAX_ROWS", 39)
    pq.write_table(hub(40), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has 40 rows, more than the 39 allowed"):
        load_images(tmp_path / "a.parquet")


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(hub(4), tmp_path / "a.parquet")
    monkeypatch.setattr(arrow_tables, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"needs pyarrow, .* pip install 'inkling-ml\[tables\]'"):
        load_images(tmp_path / "a.parquet")
    assert_refused(inkling("data", "show", tmp_path / "a.parquet"), "inkling-ml[tables]")


def test_the_command_line_trains_on_it(tmp_path: Path) -> None:
    pq.write_table(hub(40), tmp_path / "pets.parquet")
    assert last_json(inkling("data", "show", tmp_path / "pets.parquet", "--json"))["train"]["n"] == 28
    run = tmp_path / "run"
    words = ("--network", "perceptron", "--epochs", 1, "--out", run, "--json", "--quiet")
    assert last_json(inkling("train", tmp_path / "pets.parquet", *words))["train_size"] == 28
    assert last_json(inkling("evaluate", run, "--json"))["n"] == 6
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    assert_refused(inkling("train", tmp_path / "bad.parquet", "--out", tmp_path / "none"), "bad.parquet")
    assert not (tmp_path / "none").exists()


def test_tables_among_class_folders_of_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "logo.png").write_bytes(png(pixels(1)[0]))
    pq.write_table(hub(20), tmp_path / "train.parquet")
    assert len(load_images(tmp_path).train) > 0, "a logo is no class"
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(png(pixels(1)[0]))
    message = (
        r"holds parquet files \(train\.parquet\), and folders of pictures \(assets, cat, dog\): only one of the two"
    )
    with pytest.raises(DataError, match=message):
        load_images(tmp_path)
