""".npz files: Keras' and others' names, every kind of array, and hostile headers refused before memory is taken."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError
from inkling.images.options import LoadOptions
from inkling.images.sources.npz import load_npz
from inkling.images.sources.protocol import LoadProgress
from inkling.images.sources.registry import load_images

RNG = np.random.default_rng(0)


def pictures(n: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, *(shape or (4, 4))), dtype=np.uint8)


def save(path: Path, **named: Any) -> Path:
    np.savez_compressed(path, **named)
    return path


def test_keras_names(tmp_path: Path) -> None:
    x_train, x_test = pictures(60), pictures(20)
    y_train, y_test = np.arange(60) % 3, np.arange(20) % 3
    path = save(tmp_path / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    splits = load_npz(path)
    assert splits.name == "mnist"
    assert splits.train.class_names == ("0", "1", "2")
    assert [len(part) for _, part in splits.items()] == [50, 10, 20]
    assert np.array_equal(splits.test.images[..., 0], x_test)
    assert np.array_equal(splits.test.labels, y_test)
    assert load_images(path).fingerprint == splits.fingerprint


@pytest.mark.parametrize("names", ["{}_images {}_labels", "images_{} labels_{}", "X_{} y_{}"])
@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_other_names_of_splits(tmp_path: Path, names: str, validation: str) -> None:
    named: dict[str, Any] = {"class_names": np.array(["no", "yes"]), "note": np.array("x")}
    for split, n in (("train", 12), (validation, 6), ("test", 4)):
        images, labels = names.format(split, split).split()
        named |= {images: pictures(n), labels: (np.arange(n) % 2)[:, np.newaxis]}
    splits = load_npz(save(tmp_path / "a.npz", **named))
    assert [len(part) for _, part in splits.items()] == [12, 6, 4]
    assert splits.train.class_names == ("no", "yes")
    assert np.array_equal(splits.train.labels, np.arange(12) % 2)


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")])
def test_a_whole_set_is_split(tmp_path: Path, images: str, labels: str) -> None:
    words = np.array(["cat", "dog"])[np.arange(40) % 2]
    splits = load_npz(save(tmp_path / "a.npz", **{images: pictures(40, 3, 5, 3) / 255, labels: words}))
    assert [len(part) for _, part in splits.items()] == [28, 6, 6]
    assert splits.train.image_shape == (3, 5, 3)
    assert splits.train.class_names == ("cat", "dog")


def test_an_array_says_which_images_belong_together(tmp_path: Path) -> None:
    groups, labels = np.arange(60) // 3, np.arange(60) % 2
    images = np.broadcast_to(groups[:, None, None], (60, 4, 4)).astype(np.uint8)
    path = save(tmp_path / "a.npz", images=images, labels=labels, who=groups.astype(str))
    splits = load_images(path, options=LoadOptions(groups="who"))
    assert splits.options.groups == "who"
    within = [set(part.images[:, 0, 0, 0].tolist()) for _, part in splits.items()]
    assert sum(map(len, within)) == 20
    assert load_images(path, options=splits.options).fingerprint == splits.fingerprint
    run = tmp_path / "run"
    words = ("--groups", "who", "--network", "perceptron", "--epochs", 1, "--out", run)
    assert inkling("train", path, *words).returncode == 0
    assert last_json(inkling("evaluate", run, "--split", "train", "--json"))["n"] == len(splits.train)


def test_groups_of_splits(tmp_path: Path) -> None:
    named = {"x_train": pictures(40), "y_train": np.arange(40) % 2, "x_test": pictures(8), "y_test": np.arange(8) % 2}
    apart = save(tmp_path / "a.npz", **named, train_who=np.arange(40) // 4, who_test=np.arange(8) // 4 + 100)
    assert len(load_npz(apart, options=LoadOptions(groups="who")).validation) in (4, 8)
    torn = save(tmp_path / "b.npz", **named, train_who=np.arange(40) // 4, who_test=np.arange(8) // 4)
    with pytest.raises(DataError, match=r"2 groups are in more than one split: 0 \(in train and test\), 1"):
        load_npz(torn, options=LoadOptions(groups="who"))
    lacking = save(tmp_path / "c.npz", **named, train_who=np.arange(40) // 4)
    with pytest.raises(DataError, match=r"no array is called 'who_test'.*: --groups names the array"):
        load_npz(lacking, options=LoadOptions(groups="who"))
    for wrong in (np.arange(39), np.arange(40) / 2, np.arange(40)[:, None]):
        path = save(tmp_path / "d.npz", x=pictures(40), y=np.arange(40) % 2, who=wrong)
        with pytest.raises(DataError, match=r"who must hold integers or words of shape \(40,\), one for each of x"):
            load_npz(path, options=LoadOptions(groups="who"))


def test_arrays_without_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pictures(40), np.arange(40) % 4)
    assert len(load_npz(tmp_path / "a.npz").train) == 28


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.sampled_from([(12, 3, 4), (12, 2, 3, 1), (12, 3, 2, 3)])), st.booleans())
def test_arrays_come_back(tmp_path: Path, images: np.ndarray, compressed: bool) -> None:
    labels = np.arange(12) % 2
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", images=images, labels=labels)
    splits = load_npz(tmp_path / "a.npz")
    found = [(part.images[i].tobytes(), label) for _, part in splits.items() for i, label in enumerate(part.labels)]
    assert sorted(found) == sorted((images[i].tobytes(), label) for i, label in enumerate(labels))


def test_progress_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[LoadProgress] = []
    load_npz(save(tmp_path / "a.npz", x=pictures(90_000), y=np.arange(90_000) % 2), seen.append)
    assert {(progress.stage, progress.unit) for progress in seen} == {("reading a.npz", "bytes")}
    assert len(seen) > 3
    assert seen[-1].done == seen[-1].total > 90_000 * 16


GOOD = {"x": pictures(12), "y": np.arange(12) % 2}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"x": GOOD["x"]}, r"expected arrays called x_train, .*, found x: save"),
        ({}, "found none"),
        ({"x_train": GOOD["x"]}, "there is x_train but no array with its labels"),
        ({"train_labels": GOOD["y"]}, "there is train_labels but no array with its images"),
        ({"x_train": GOOD["x"], "train_images": GOOD["x"], "y_train": GOOD["y"]}, "found x_train and train_images"),
        ({"x": GOOD["x"], "y": GOOD["y"][1:]}, "12 x but 11 y"),
        ({"x": GOOD["x"], "y": np.int64(3)}, "12 x but 0 y"),
        ({"x": GOOD["x"], "y": np.eye(12)}, "argmax"),
        ({"x": GOOD["x"], "y": np.zeros(12, int)}, "expected two classes or more, found '0' alone"),
        ({"x": GOOD["x"].reshape(12, 16), "y": GOOD["y"]}, "reshape"),
        ({"x": GOOD["x"].reshape(12, 1, 4, 4), "y": GOOD["y"]}, "moveaxis"),
        ({"x": GOOD["x"] * 2.0, "y": GOOD["y"]}, r"a\.npz: x: floats must lie in 0\.\.1"),
        ({"x": GOOD["x"], "y": np.array(["a", None] * 6, object)}, "y holds Python objects"),
        ({**GOOD, "class_names": np.array([1, 2])}, "class_names must be words"),
        ({**GOOD, "class_names": np.array(["a"])}, "for 1 class names"),
        ({"x_train": GOOD["x"], "y_train": GOOD["y"], "x_test": pictures(2, 5, 5), "y_test": [0, 1]}, "of one shape"),
        ({"x_test": GOOD["x"], "y_test": GOOD["y"]}, "expected pictures for training, found test alone"),
        (
            {"x_train": GOOD["x"], "y_train": GOOD["y"], "x_test": GOOD["x"], "y_test": GOOD["y"] + 1},
            "expected training images of every class, found none of 2",
        ),
        ({"x": GOOD["x"][:2], "y": GOOD["y"][:2]}, "too few"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, named: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        load_npz(save(tmp_path / "a.npz", **named))
    assert "\n" not in str(refused.value)


def hostile(path: Path, **members: bytes) -> Path:
    """Write an .npz file of members as they are given, beside good labels."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"y": npy(GOOD["y"]), **members}.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array: np.ndarray, **header: Any) -> bytes:
    """Return the bytes of an .npy file whose header may say something else than what is in it."""
    file = io.BytesIO()
    declared = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **header}
    np.lib.format.write_array_header_1_0(file, declared)
    return file.getvalue() + array.tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(GOOD["x"], shape=(12, 2**20, 2**20)), "promises 13,194,139,533,312 bytes, found 192"),
        (npy(GOOD["x"], shape=(12, 4, 5)), "promises 240 bytes, found 192"),
        (npy(GOOD["x"], shape=(12, -4, -4)), "expected"),
        (npy(GOOD["x"])[:20], "expected an .npz file, found a damaged one"),
        (b"", "expected an .npz file, found a damaged one"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 100, "expected an .npz file, found a damaged one"),
        (npy(GOOD["x"], descr="|O"), "holds Python objects"),
        (npy(GOOD["x"], descr="|V1"), "expected pixels as numbers"),
    ],
)
def test_hostile_arrays_are_refused_before_memory_is_taken(tmp_path: Path, content: bytes, message: str) -> None:
    path = hostile(tmp_path / "a.npz", x=content)
    tracemalloc.start()
    with pytest.raises(DataError, match=message):
        load_npz(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_a_long_header_is_not_read(tmp_path: Path) -> None:
    long = b"\x93NUMPY\x02\x00" + (2**26).to_bytes(4, "little") + b" " * 2**26
    path = hostile(tmp_path / "a.npz", x=long)
    tracemalloc.start()
    with pytest.raises(DataError, match="damaged"):
        load_npz(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_more_than_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.sources.npz.MAX_BYTES", 200)
    with pytest.raises(DataError, match="its headers promise 288 bytes, more than the 200 allowed"):
        load_npz(save(tmp_path / "a.npz", **GOOD))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.npz", x=pictures(500), y=np.arange(500) % 2).read_bytes()
    for content in (b"", b"no zip", whole[:-100], whole[:200] + b"\0" * 40 + whole[240:]):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(DataError, match="file, found a damaged one or something else"):
            load_npz(tmp_path / "a.npz")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(save(tmp_path / "a.npz", **GOOD).read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        load_npz(tmp_path / "a.npz")


def test_the_command_line_trains_on_it(tmp_path: Path) -> None:
    labels = np.arange(60) % 2
    path = save(
        tmp_path / "bright.npz",
        images=pictures(60) // 4 + (labels * 150)[:, None, None].astype(np.uint8),
        labels=labels,
    )
    shown = last_json(inkling("data", "show", path, "--json"))
    assert shown["name"] == "bright"
    assert shown["train"]["class_counts"] == {"0": 21, "1": 21}
    run = tmp_path / "run"
    trained = last_json(
        inkling("train", path, "--network", "perceptron", "--epochs", 2, "--out", run, "--json", "--quiet")
    )
    assert trained["train_size"] == 42
    assert last_json(inkling("evaluate", run, "--json"))["n"] == 9
    (tmp_path / "empty.npz").touch()
    assert_refused(
        inkling("train", tmp_path / "empty.npz", "--out", tmp_path / "none"), "empty.npz", "expected an .npz"
    )
    assert not (tmp_path / "none").exists()
    with pytest.raises(DataError, match="--image-size is for sources that hold picture files"):
        load_images(path, options=LoadOptions(image_size=8))
