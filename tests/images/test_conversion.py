"""From Python: arrays, files, PyTorch's and Hugging Face's data sets become an ImageDataset, and that splits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from inkling import ImageDataset, RunPlan, Splits, TrainingSettings, train_run
from inkling.errors import DataError
from inkling.images.options import LoadOptions

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
LABELS = np.arange(40) % 2


class Items:
    """A map-style data set."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


@given(arrays(np.uint8, st.sampled_from([(5, 3, 4), (5, 3, 4, 1), (5, 3, 4, 3)])))
def test_from_arrays(images: np.ndarray) -> None:
    expected = images.reshape(5, 3, 4, -1)
    for pixels in (images, images / 255, (images / 255).astype(np.float32), images.astype(np.int64), list(images)):
        dataset = ImageDataset.from_arrays(pixels, ["b", "a", "b", "a", "c"])
        assert np.array_equal(dataset.images, expected)
        assert dataset.class_names == ("a", "b", "c")
        assert dataset.labels.tolist() == [1, 0, 1, 0, 2]
    assert ImageDataset.from_arrays(images > 9, [0] * 5, ["x", "y"]).images.max(initial=0) in (0, 255)


def test_the_callers_array_stays_apart() -> None:
    images = IMAGES.copy()
    dataset = ImageDataset.from_arrays(images, LABELS)
    images[:] = 0
    assert np.array_equal(dataset.images[..., 0], IMAGES)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.reshape(40, 1, 6, 5), LABELS, "moveaxis"),
        (IMAGES / 100, LABELS, r"floats must lie in 0\.\.1"),
        (IMAGES, LABELS[1:], "40 images but 39 labels"),
        (IMAGES, LABELS / 3, "whole numbers or words"),
        ("photos", LABELS, "images must be an array, found str"),
        (IMAGES, None, "labels must be an array"),
        (IMAGES[:0], LABELS[:0], r"expected one image or more, found shape \(0, 6, 5\)"),
        (IMAGES[:2], [1, "1"], "expected whole numbers or words, found both"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays(images, labels)


def test_integers_that_are_black_to_the_eye_are_said(caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.arange(32).reshape(2, 4, 4) % 2
    for quiet in (pixels.astype(bool), pixels.astype(np.float32), pixels * 255, 0 * pixels):
        ImageDataset.from_arrays(quiet, [0, 1])
    assert caplog.messages == []
    for said in (pixels, pixels.astype(np.uint8)):
        assert ImageDataset.from_arrays(said, [0, 1]).images.max() == 1
        assert "integers 0 and 1 alone" in caplog.messages.pop()
        caplog.clear()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": "64"}, "an image size must be a whole number, found '64'"),
        ({"image_size": 64.5}, "an image size must be a whole number, found 64.5"),
        ({"image_size": True}, "an image size must be a whole number, found True"),
        ({"fit": None}, "fit must be one of pad, crop, stretch, found None"),
        ({"fit": 3}, "fit must be one of pad, crop, stretch, found 3"),
    ],
)
def test_options_of_another_type_are_refused(paths: list[Path], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        ImageDataset.from_files(paths, np.arange(len(paths)) % 2, **options)


def test_options_are_of_plain_types() -> None:
    options = LoadOptions(image_size=np.int64(8), groups=Path("a", "groups.csv"), bits_used=np.uint8(12))  # type: ignore[arg-type]
    assert (type(options.image_size), type(options.bits_used), type(options.groups)) == (int, int, str)
    for wrong in ({"skip_unreadable": "no"}, {"groups": 3}, {"bits_used": "12"}):
        with pytest.raises(DataError, match="must be"):
            LoadOptions(**wrong)  # type: ignore[arg-type]


def test_an_item_that_fails_is_named() -> None:
    class Failing(Items):
        def __getitem__(self, place: int) -> Any:
            return super().__getitem__(place) if place < 2 else {}["path"]

    dataset = Failing([(np.zeros((4, 4), np.uint8), 0)] * 5)
    with pytest.raises(DataError, match=r"item 2: the data set does not give it \(KeyError: 'path'\)") as caught:
        ImageDataset.from_torch(dataset)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for i, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    return [tmp_path / f"{i}.png" for i in range(40)]


def test_from_files(paths: list[Path]) -> None:
    dataset = ImageDataset.from_files(paths, ["dog" if label else "cat" for label in LABELS])
    assert np.array_equal(dataset.images[..., 0], IMAGES)
    assert np.array_equal(dataset.labels, LABELS)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.files == tuple(path.as_posix() for path in paths)
    small = ImageDataset.from_files([str(path) for path in paths], LABELS, ["cat", "dog"], image_size=4, fit="crop")
    assert small.image_shape == (4, 4, 1)
    assert len(Splits.from_dataset(small).train) == 28


def test_files_that_are_missing_or_unreadable_are_counted(paths: list[Path]) -> None:
    with pytest.raises(DataError, match="40 paths but 39 labels"):
        ImageDataset.from_files(paths, LABELS[1:])
    with pytest.raises(DataError, match="expected pictures, found none"):
        ImageDataset.from_files([], [])
    paths[3].write_bytes(b"x")
    with pytest.raises(DataError, match=r"1 of 40 pictures cannot be read \(.*3\.png: expected a picture") as refused:
        ImageDataset.from_files(paths, LABELS)
    assert "--skip" not in str(refused.value)
    for path in paths[:2]:
        path.unlink()
    with pytest.raises(DataError, match=r"2 of 40 pictures are missing: .*0\.png, .*1\.png.* or leave them out$"):
        ImageDataset.from_files(paths, LABELS)


def test_from_torch() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    bytes_ = torch.from_numpy(IMAGES.copy())
    for images in (bytes_, bytes_[:, None], bytes_[:, None] / 255):
        dataset = ImageDataset.from_torch(data.TensorDataset(images, torch.from_numpy(LABELS)))
        assert np.array_equal(dataset.images[..., 0], IMAGES)
        assert dataset.class_names == ("0", "1")
    colour = torch.from_numpy(np.repeat(IMAGES[:, None], 3, axis=1))
    assert ImageDataset.from_torch(data.TensorDataset(colour, torch.from_numpy(LABELS))).image_shape == (6, 5, 3)
    named = Items([(Image.fromarray(image), int(label)) for image, label in zip(IMAGES, LABELS, strict=True)])
    named.classes = ["cat", "dog"]
    subset = ImageDataset.from_torch(data.Subset(data.Subset(named, range(30)), [4, 3]))
    assert subset.class_names == ("cat", "dog")
    assert np.array_equal(subset.images[..., 0], IMAGES[[4, 3]])
    assert subset.labels.tolist() == [0, 1]


def test_torch_is_not_needed() -> None:
    code = """
import sys
import numpy as np
from inkling import ImageDataset
ImageDataset.from_torch([(np.zeros((2, 2, 3), np.uint8), "cat")] * 3)
assert not {"torch", "datasets", "pyarrow"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (iter([]), "expected a data set with a length"),
        (Items([]), "found an empty one"),
        (Items([(IMAGES[0], 1), (IMAGES[0, 1:], 1)]), "item 1: expected an image of 6x5x1 like item 0, found 5x5x1"),
        (Items([(IMAGES[0] * 2.0, 1)]), r"item 0: floats must lie in 0\.\.1.*undo a normalisation"),
        (Items([{"image": IMAGES[0], "label": 1}]), "item 0: expected a pair of an image and its label, found dict"),
        (Items([IMAGES[0]]), "item 0: expected a pair"),
        (Items([(IMAGES[0], [0, 1])]), "one-hot"),
        (Items([(IMAGES[0], np.array([0, 1]))]), "one-hot"),
        (Items([(Image.new("RGBA", (2, 2)), 1)]), "item 0: expected a grey or RGB image, found mode RGBA"),
        (Items([([[1], [1, 2]], 1)]), "item 0: expected an image as an array"),
        (Items([("a.png", 1)]), "item 0: expected shape"),
        (Items([(IMAGES[0], 2)], classes=["cat", "dog"]), "for 2 class names, found 2"),
    ],
)
def test_items_that_do_not_fit_are_refused(dataset: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset.from_torch(dataset)


def test_from_huggingface(tmp_path: Path, paths: list[Path]) -> None:
    datasets = pytest.importorskip("datasets")
    names = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    pictures = [Image.fromarray(image) for image in IMAGES]
    whole = datasets.Dataset.from_dict({"image": pictures, "label": LABELS.tolist()}, features=names)
    dataset = ImageDataset.from_huggingface(whole)
    assert np.array_equal(dataset.images[..., 0], IMAGES)
    assert dataset.class_names == ("cat", "dog")
    chosen = ImageDataset.from_huggingface(whole.select([7, 2]).with_transform(lambda rows: {}), image_size=4)
    assert chosen.image_shape == (4, 4, 1)
    assert chosen.labels.tolist() == [1, 0]
    by_path = datasets.Dataset.from_dict(
        {"image": [str(path) for path in paths], "label": LABELS.tolist()}, features=names
    )
    assert np.array_equal(ImageDataset.from_huggingface(by_path).images, dataset.images)
    paths[5].unlink()
    with pytest.raises(DataError, match=r"1 of 40 pictures cannot be read \(row 5: "):
        ImageDataset.from_huggingface(by_path)
    for wrong, message in (
        (datasets.DatasetDict({"train": whole}), r"found its splits train: give one, as dataset\['train'\]"),
        (whole.to_iterable_dataset(), "expected a data set with a length"),
        (whole.remove_columns("image"), "expected a column 'image'"),
        (whole.remove_columns("label"), "expected a column 'label'"),
        (SimpleNamespace(), "expected a Dataset of Hugging Face, found SimpleNamespace"),
    ):
        with pytest.raises(DataError, match=message):
            ImageDataset.from_huggingface(wrong)


def test_splits_from_a_data_set_train(tmp_path: Path) -> None:
    dataset = ImageDataset.from_arrays(IMAGES, LABELS)
    splits = Splits.from_dataset(dataset, "noise")
    assert [len(part) for _, part in splits.items()] == [28, 6, 6]
    assert Splits.from_dataset(dataset).fingerprint == splits.fingerprint
    grouped = Splits.from_dataset(dataset, groups=[str(i // 4) for i in range(40)])
    assert sum(len(part) for _, part in grouped.items()) == 40
    given = Splits.from_dataset(dataset, splits=["train"] * 30 + ["test"] * 10)
    assert [len(part) for _, part in given.items()] == [25, 5, 10]
    with pytest.raises(DataError, match="40 images but 3 groups"):
        Splits.from_dataset(dataset, groups=["a", "b", "c"])
    plan = RunPlan("noise", "perceptron", TrainingSettings(epochs=1))
    assert len(list(train_run(plan, splits, tmp_path / "run"))) == 1
