"""Folders that `save_to_disk` wrote: arrow files as `datasets` lays them out, and real ones where it is installed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError
from inkling.images.options import LoadOptions
from inkling.images.sources.registry import load_images

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def save(folder: Path, n: int, start: int = 0, shards: int = 1, paths: bool = True) -> None:
    """Write n pictures of 6x5 pixels, as `Dataset.save_to_disk` does it; the first pixel of each is its number."""
    folder.mkdir(parents=True)
    rows = []
    for i in range(start, start + n):
        pixels = np.full((6, 5), i % 2 * 100, np.uint8)
        pixels[0, 0] = i
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        rows.append({"bytes": file.getvalue(), "path": f"{i}.png" if paths else None})
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(rows, struct), "label": [i % 2 for i in range(start, start + n)]})
    table = table.append_column("burst", pa.array([i // 4 for i in range(start, start + n)]))
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})
    files = []
    for shard in range(shards):
        name = f"data-{shard:05}-of-{shards:05}.arrow"
        part = table.slice(shard * n // shards, (shard + 1) * n // shards - shard * n // shards)
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(part, max_chunksize=3)
        files.append({"filename": name})
    (folder / "state.json").write_text(json.dumps({"_data_files": files}))
    (folder / "dataset_info.json").write_text("{}")


def test_one_data_set(tmp_path: Path) -> None:
    save(tmp_path / "pets", 40, shards=3)
    splits = load_images(tmp_path / "pets", options=LoadOptions(groups="burst"))
    assert splits.name == "pets"
    assert splits.train.class_names == ("cat", "dog")
    assert sum(len(part) for _, part in splits.items()) == 40
    for part in (splits.train, splits.validation, splits.test):
        assert [int(Path(file).stem) for file in part.files] == part.images[:, 0, 0, 0].tolist()
        assert (part.images[:, 5, 4, 0] == part.labels * 100).all()
    bursts = [{int(Path(file).stem) // 4 for file in part.files} for _, part in splits.items()]
    assert len(bursts[0] | bursts[1] | bursts[2]) == sum(map(len, bursts))


def test_a_data_set_with_splits(tmp_path: Path) -> None:
    for name, n, start in (("train", 30, 0), ("test", 6, 30)):
        save(tmp_path / "pets" / name, n, start, shards=2, paths=False)
    (tmp_path / "pets" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    splits = load_images(tmp_path / "pets")
    assert [len(part) for _, part in splits.items()] == [25, 5, 6]
    assert splits.test.images[:, 0, 0, 0].tolist() == list(range(30, 36))


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    save(tmp_path / "pets" / "train", 30)
    for text, message in (
        ('{"splits": ["train", "extra"]}', "expected the splits train, validation and test, found 'extra'"),
        ('{"splits": ["train", "test"]}', r"state\.json: cannot be read"),
        ('{"splits": 3}', "expected JSON with a list 'splits'"),
        ("[", "expected JSON with a list 'splits'"),
        ('{"splits": [1]}', "expected the splits"),
    ):
        (tmp_path / "pets" / "dataset_dict.json").write_text(text)
        with pytest.raises(DataError, match=message) as refused:
            load_images(tmp_path / "pets")
        assert "\n" not in str(refused.value)
    state, arrow = (tmp_path / "pets" / "train" / name for name in ("state.json", "data-00000-of-00001.arrow"))
    for text in ('{"_data_files": [3]}', '{"_data_files": [{"filename": 3}]}', '{"_data_files": [{}]}'):
        state.write_text(text)
        with pytest.raises(DataError, match="expected the names of arrow files"):
            load_images(tmp_path / "pets" / "train")
    state.write_text('{"_data_files": []}')
    with pytest.raises(DataError, match="expected labelled images, found none"):
        load_images(tmp_path / "pets" / "train")
    state.write_text('{"_data_files": [{"filename": "../../data-00000-of-00001.arrow"}]}')
    assert len(load_images(tmp_path / "pets" / "train").train) == 22
    whole = arrow.read_bytes()
    for content in (b"", b"no arrow file at all", whole[: len(whole) // 2]):
        arrow.write_bytes(content)
        with pytest.raises(DataError, match="expected an arrow file") as refused:
            load_images(tmp_path / "pets" / "train")
        assert "\n" not in str(refused.value)
    arrow.unlink()
    assert_refused(inkling("data", "show", tmp_path / "pets" / "train"), "data-00000-of-00001.arrow")


def test_the_command_line_trains_on_it(tmp_path: Path) -> None:
    save(tmp_path / "pets", 40)
    assert last_json(inkling("data", "show", tmp_path / "pets", "--json"))["train"]["n"] == 28
    words = ("--network", "perceptron", "--epochs", 1, "--out", tmp_path / "run", "--json", "--quiet")
    assert last_json(inkling("train", tmp_path / "pets", *words))["train_size"] == 28


def test_what_datasets_itself_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    images = [Image.fromarray(np.full((6, 5), i, np.uint8)) for i in range(40)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    made = datasets.Dataset.from_dict({"image": images, "label": [i % 2 for i in range(40)]}, features=features)
    made.shuffle(seed=0).save_to_disk(tmp_path / "one")
    made.train_test_split(0.25, seed=0).save_to_disk(tmp_path / "two")
    made.to_parquet(tmp_path / "pets.parquet")
    for name in ("one", "two", "pets.parquet"):
        splits = load_images(tmp_path / name)
        assert splits.train.class_names == ("cat", "dog")
        assert all((part.images[:, 0, 0, 0] % 2 == part.labels).all() for _, part in splits.items())
        assert sum(len(part) for _, part in splits.items()) == 40
    assert len(load_images(tmp_path / "two").test) == 10


def test_a_description_among_class_folders_of_pictures_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("L", (5, 6)).save(tmp_path / name / "1.png")
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(DataError, match=r"holds state\.json.* and folders of pictures \(cat, dog\): only one.*move"):
        load_images(tmp_path)
