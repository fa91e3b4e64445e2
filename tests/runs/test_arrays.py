"""Arrays in safetensors files: what the library would write, the same bytes every time, and no copies on the way."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from inkling.errors import RunError
from inkling.runs.arrays import file_sha256, load_arrays, save_arrays

DTYPES = ("<u8", "<i8", "<f8", "<f4", "<u4", "<i4", "<f2", "<u2", "<i2", "i1", "u1", "?")
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, max_dims=3))
)
NAMES = st.text(max_size=8).filter(lambda name: name != "__metadata__")


@given(st.dictionaries(NAMES, ARRAYS, max_size=5), st.booleans())
def test_the_library_would_write_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], reverse: bool
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "file.safetensors"
    given_order = dict(sorted(arrays.items(), reverse=reverse))
    save_arrays(path, given_order, {"epoch": "3"})  # one entry: then its order cannot differ
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    written, expected = path.read_bytes(), safetensors.numpy.save(contiguous, {"epoch": "3"})
    length = int.from_bytes(expected[:8], "little")
    assert written[8 + int.from_bytes(written[:8], "little") :] == expected[8 + length :]
    header = written[8 : 8 + int.from_bytes(written[:8], "little")]
    assert json.loads(header) == json.loads(expected[8 : 8 + length])
    loaded, metadata = load_arrays(path)
    assert metadata == {"epoch": "3"}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()


def test_arrays_that_are_not_contiguous_or_of_the_other_byte_order_come_back(tmp_path: Path) -> None:
    array = np.arange(12, dtype=">f4").reshape(3, 4).T
    save_arrays(tmp_path / "file", {"a": array}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "file")[0]["a"], array)


def test_metadata_is_in_order_whatever_order_it_comes_in(tmp_path: Path) -> None:
    for number, names in enumerate(("abcdef", "fedcba")):
        save_arrays(tmp_path / f"{number}", {"x": np.zeros(3)}, dict.fromkeys(names, "text"))
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_writing_copies_no_array(tmp_path: Path) -> None:
    arrays = {f"W{number}": np.ones((1024, 1024), np.float32) for number in range(8)}  # 32 MiB
    tracemalloc.start()
    try:
        save_arrays(tmp_path / "file", arrays, {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20, f"{peak / 2**20:.1f} MiB beside 32 MiB of arrays"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        (10**12).to_bytes(8, "little") + b"{}",
        b"\x02\0\0\0\0\0\0\0{}"[:9],
        b'\x48\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4]}}    \0\0\0\0',
        b'\x38\0\0\0\0\0\0\0{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}}    \0\0\0\0',
    ],
)
def test_hostile_files_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        load_arrays(tmp_path / "file")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    for read in (load_arrays, file_sha256):
        with pytest.raises(RunError, match="missing"):
            read(tmp_path / "file")  # type: ignore[operator]
