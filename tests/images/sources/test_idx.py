"""IDX files: what is written comes back, and every bad file is refused with its reason."""

from __future__ import annotations

import gzip
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.sources import idx
from inkling.images.sources.idx import find_pairs, load_idx_folder, read_idx, read_pair
from inkling.images.sources.protocol import LoadProgress

WriteIdx = Callable[..., Path]

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 3, 2), dtype=np.uint8)
LABELS = (np.arange(12) % 3).astype(np.uint8)
GOOD = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (12, 3, 2)) + IMAGES.tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=6)), st.booleans(), st.booleans())
def test_round_trip(array: np.ndarray, compress: bool, named_gz: bool) -> None:
    content = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("values.gz" if named_gz else "values")
        path.write_bytes(gzip.compress(content, mtime=0) if compress else content)
        read = read_idx(path, (1, 2, 3, 4))
    np.testing.assert_array_equal(read, array)
    assert not read.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (GOOD[:3], "expected the IDX magic number 00000803, found 000008"),
        (b"\x89PNG" + GOOD[4:], "found 89504e47"),
        (b"\x00\x00\x0d\x03" + GOOD[4:], "found 00000d03"),
        (b"\x00\x00\x08\x01" + GOOD[4:], "found 00000801"),
        (GOOD[:10], "truncated inside its header"),
        (GOOD[:-1], r"promises 72 values \(shape \(12, 3, 2\)\), found only 71"),
        (GOOD[:16], "found only 0"),
        (GOOD + b"\x00", "promises 72 values.*found more"),
        (gzip.compress(GOOD, mtime=0)[:-12], "truncated or damaged gzip"),
        (gzip.compress(GOOD, mtime=0)[:-4] + b"\x01\x02\x03\x04", "truncated or damaged gzip"),
        (b"\x1f\x8b" + GOOD, "gzip"),
        (gzip.compress(GOOD[:-1], mtime=0), "found only 71"),
        (gzip.compress(GOOD + b"\x00", mtime=0), "found more"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.data())
def test_a_cut_anywhere_is_refused(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([GOOD, gzip.compress(GOOD, mtime=0)]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images"
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(DataError):
            read_idx(path, 3)


def test_not_gzip_named_gz_says_so(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(b"<html>503 Service Unavailable</html>")
    with pytest.raises(DataError, match=r"the name ends in \.gz but it is not gzip"):
        read_idx(path, 3)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "nothing", 3)
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path, 3)


@pytest.mark.parametrize("compress", [False, True])
def test_a_huge_promise_is_refused_without_allocating(tmp_path: Path, compress: bool) -> None:
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (2**20, 2**10, 2**10))
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(header + bytes(100)) if compress else header + bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"promises 1,099,511,627,776 bytes, more than the 4,294,967,296 allowed"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_read_no_further_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(GOOD + bytes(64 * 2**20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="found more"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_cap_is_of_the_uncompressed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").write_bytes(gzip.compress(GOOD, mtime=0))
    monkeypatch.setattr(idx, "MAX_BYTES", 72)
    assert read_idx(tmp_path / "images", 3).shape == (12, 3, 2)
    monkeypatch.setattr(idx, "MAX_BYTES", 71)
    with pytest.raises(DataError, match="promises 72 bytes"):
        read_idx(tmp_path / "images", 3)


def test_reading_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1]) + (3 * 2**20).to_bytes(4, "big") + bytes(3 * 2**20)))
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    seen: list[LoadProgress] = []
    assert len(read_idx(path, 1, seen.append)) == 3 * 2**20
    assert seen == [LoadProgress("reading images.gz", i * 2**20, 3 * 2**20, "bytes") for i in (1, 2, 3)]


def test_pairs_must_fit(tmp_path: Path, write_idx: WriteIdx) -> None:
    images = write_idx(tmp_path / "images", IMAGES)
    with pytest.raises(DataError, match="12 images but labels holds 11 labels"):
        read_pair(images, write_idx(tmp_path / "labels", LABELS[:11]))
    labels = write_idx(tmp_path / "labels", LABELS)
    with pytest.raises(DataError, match=r"labels must be 0\.\.1 for 2 classes, found 2"):
        read_pair(images, labels, ("a", "b"))
    dataset = read_pair(images, labels)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.image_shape == (3, 2, 1)


def write_pair(write: WriteIdx, folder: Path, stem: str, n: int, labels: np.ndarray | None = None) -> None:
    images = np.zeros((n, 2, 2), np.uint8)
    images[:, 0, 0] = np.arange(n)
    write(folder / stem.format(part="images", d=3), images, stem.endswith(".gz"))
    write(folder / stem.format(part="labels", d=1), LABELS[np.arange(n) % 12] if labels is None else labels,
          stem.endswith(".gz"))  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "split"),
    [
        ("train-{part}-idx{d}-ubyte", "train"),
        ("train-{part}-idx{d}-ubyte.gz", "train"),
        ("train-{part}.idx{d}-ubyte", "train"),
        ("t10k-{part}-idx{d}-ubyte.gz", "test"),
        ("test-{part}-idx{d}-ubyte", "test"),
        ("val-{part}-idx{d}-ubyte", "validation"),
        ("validation-{part}-idx{d}-ubyte", "validation"),
        ("emnist-letters-train-{part}-idx{d}-ubyte.gz", "train"),
    ],
)
def test_folder_names(tmp_path: Path, write_idx: WriteIdx, stem: str, split: str) -> None:
    write_pair(write_idx, tmp_path, stem, 3)
    (tmp_path / "README.md").write_text("not an image")
    assert find_pairs(tmp_path) == {
        split: (tmp_path / stem.format(part="images", d=3), tmp_path / stem.format(part="labels", d=1))
    }


def test_half_a_pair_and_no_training_files_are_refused(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_pair(write_idx, tmp_path, "t10k-{part}-idx{d}-ubyte", 6)
    with pytest.raises(DataError, match="no IDX training files"):
        load_idx_folder(tmp_path, "x")
    write_idx(tmp_path / "train-images-idx3-ubyte", IMAGES)
    with pytest.raises(DataError, match="train-images-idx3-ubyte but no label file"):
        load_idx_folder(tmp_path, "x")


def first_pixels(splits: Splits, split: str) -> list[int]:
    return [int(image[0, 0, 0]) for image in dict(splits.items())[split].images]


def test_the_last_sixth_is_validation(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_pair(write_idx, tmp_path, "train-{part}-idx{d}-ubyte", 60)
    write_pair(write_idx, tmp_path, "t10k-{part}-idx{d}-ubyte", 6)
    splits = load_idx_folder(tmp_path, "mine")
    assert splits.name == "mine"
    assert first_pixels(splits, "train") == list(range(50))
    assert first_pixels(splits, "validation") == list(range(50, 60))
    assert first_pixels(splits, "test") == list(range(6))


def test_sorted_labels_are_split_by_class(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_pair(write_idx, tmp_path, "train-{part}-idx{d}-ubyte", 60, np.sort(LABELS[np.arange(60) % 12]))
    write_pair(write_idx, tmp_path, "t10k-{part}-idx{d}-ubyte", 6)
    splits = load_idx_folder(tmp_path, "mine")
    assert (len(splits.train), len(splits.validation)) == (50, 10)
    assert min(splits.validation.class_counts.values()) >= 3
    assert sorted(first_pixels(splits, "train") + first_pixels(splits, "validation")) == list(range(60))


def test_own_validation_files_and_no_test_files(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_pair(write_idx, tmp_path, "train-{part}-idx{d}-ubyte", 60)
    write_pair(write_idx, tmp_path, "val-{part}-idx{d}-ubyte.gz", 6)
    splits = load_idx_folder(tmp_path, "mine")
    assert [len(dataset) for _, dataset in splits.items()] == [50, 6, 10]
    assert sorted(first_pixels(splits, "train") + first_pixels(splits, "test")) == list(range(60))


def test_mnist_as_published(mnist: Splits) -> None:
    assert [len(dataset) for _, dataset in mnist.items()] == [50_000, 10_000, 10_000]
    assert mnist.train.image_shape == (28, 28, 1)
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
