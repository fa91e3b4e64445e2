"""Named arrays in safetensors files: equal arrays are equal bytes, and writing makes no copy of them.

The format is a length (8 bytes), a header in JSON, and the arrays one after the other
(https://github.com/huggingface/safetensors#format). The library reads. It does not write, because it copies every
array twice and orders the metadata by chance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from inkling.errors import RunError
from inkling.storage.atomic import Buffer, write_atomically

_DTYPES = {
    name: np.dtype(kind).newbyteorder("<")
    for name, kind in (
        ("U64", "u8"), ("I64", "i8"), ("F64", "f8"), ("F32", "f4"), ("U32", "u4"), ("I32", "i4"), ("F16", "f2"),
        ("U16", "u2"), ("I16", "i2"), ("I8", "i1"), ("U8", "u1"), ("BOOL", "?"),
    )
}  # fmt: skip
"""The format's names of dtypes, in the order that arrays stand in a file: then each is aligned."""

_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_ORDER = list(_DTYPES)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write named arrays and texts, atomically.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to ndarray
        Integers, floats or booleans of any shape.
    metadata : mapping of str to str

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    write_atomically(path, _buffers(arrays, metadata))


def _buffers(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Iterator[Buffer]:
    kinds = {name: _NAMES[array.dtype.newbyteorder("<")] for name, array in arrays.items()}
    order = sorted(arrays, key=lambda name: (_ORDER.index(kinds[name]), name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        header[name] = {"dtype": kinds[name], "shape": arrays[name].shape, "data_offsets": (start, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        array = np.asarray(arrays[name], dtype=_DTYPES[kinds[name]], order="C")  # no copy of what is so already
        yield array.reshape(-1).view(np.uint8).data


def load_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and the metadata of a file.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    _check_there(path)
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise RunError(f"{path}: damaged ({error}): train again into another folder") from None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file.

    Raises
    ------
    RunError
        If it is missing or cannot be read.
    """
    _check_there(path)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise RunError(f"{path}: missing: the run is damaged or not finished")
