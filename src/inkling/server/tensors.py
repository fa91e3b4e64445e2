"""Tensors of the Open Inference Protocol v2, as JSON and in its binary extension, which KServe and Triton share.

A binary body is JSON of the length that the header Inference-Header-Content-Length says, and behind it the raw bytes of
the tensors that the JSON announces with the parameter binary_data_size, row by row, numbers little-endian, each text
behind its length as a uint32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from inkling.server.bodies import nested_decoder
from inkling.server.limits import Limits
from inkling.server.refusals import RefusedError

LENGTH_HEADER = "Inference-Header-Content-Length"

INPUT = "images"

OUTPUTS = {"probabilities": "FP32", "labels": "INT64", "label_names": "BYTES"}
"""Outputs of every model, with their data types."""

_TYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4")}
"""Data types of images: pixels 0 to 255, or 0 to 1."""

Scalar = bool | int | float | str
Size = Annotated[int, msgspec.Meta(ge=0)]


class InputTensor(msgspec.Struct):
    """An input of a request."""

    name: str
    shape: list[Size]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RequestedOutput(msgspec.Struct):
    """An output that a request names."""

    name: str
    parameters: dict[str, Any] = {}


class InferenceRequest(msgspec.Struct):
    """The JSON of a request."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[RequestedOutput] | None = None


class OutputTensor(msgspec.Struct, omit_defaults=True):
    """An output of an answer; its data follows behind the JSON where `parameters` says so."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, int] | None = None
    data: list[Any] | None = None


class InferenceResponse(msgspec.Struct, omit_defaults=True):
    """The JSON of an answer."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None


_REQUESTS = msgspec.json.Decoder(InferenceRequest)


def split_body(body: bytes, length: str | None) -> tuple[InferenceRequest, memoryview]:
    """Return the JSON of a body, and the bytes behind it.

    Parameters
    ----------
    body : bytes
    length : str, optional
        Of the JSON, as `LENGTH_HEADER` says; without it all is JSON.

    Raises
    ------
    RefusedError
        If the length is none, or the JSON is no request of the protocol.
    """
    end = len(body)
    if length is not None:
        end = int(length) if length.isdecimal() and len(length) < 12 else -1
        if not 0 <= end <= len(body):
            raise RefusedError(
                400, f"expected {LENGTH_HEADER} to be 0 to {len(body):,}, the bytes of the body, found {length[:20]!r}"
            )
    view = memoryview(body)
    try:
        return _REQUESTS.decode(view[:end]), view[end:]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, f"expected a request of the Open Inference Protocol: {error}") from None


def read_images_of(
    request: InferenceRequest, binary: memoryview, image_shape: tuple[int, int, int], limits: Limits
) -> NDArray[np.uint8]:
    """Return the images (N, H, W, C) of a request.

    Raises
    ------
    RefusedError
        If the inputs are not one tensor of such images.
    """
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        found = ", ".join(repr(tensor.name[:40]) for tensor in request.inputs[:5]) or "none"
        raise RefusedError(400, f"expected one input, {INPUT!r}, found {found}")
    tensor = request.inputs[0]
    kind = _TYPES.get(tensor.datatype)
    if kind is None:
        raise RefusedError(400, f"expected data of the type {' or '.join(_TYPES)}, found {tensor.datatype[:20]!r}")
    height, width, channels = image_shape
    if tensor.shape[1:] != [height, width, channels]:
        found = ", ".join(map(str, tensor.shape[:6]))[:80]
        raise RefusedError(400, f"expected the shape [N, {height}, {width}, {channels}], found [{found}]")
    n = tensor.shape[0]
    limits.check_images(n)
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if len(binary):
            raise RefusedError(400, f"{len(binary):,} bytes follow the JSON, and no input says so by binary_data_size")
        data = b"" if isinstance(tensor.data, msgspec.UnsetType) else bytes(tensor.data)
        values: NDArray[Any] = _numbers(data, tensor.datatype, (n, *image_shape))
    else:
        expected = n * height * width * channels * kind.itemsize
        if type(size) is not int or size != expected or len(binary) != expected or tensor.data is not msgspec.UNSET:
            raise RefusedError(
                400,
                f"expected {expected:,} bytes of {tensor.datatype} in binary_data_size and behind the JSON, and no "
                f"data in it, found {str(size)[:20]} and {len(binary):,} bytes",
            )
        values = np.frombuffer(binary, kind).reshape(n, *image_shape)
    if tensor.datatype == "UINT8":
        return cast(NDArray[np.uint8], values)
    if not ((values >= 0) & (values <= 1)).all():  # what is not a number fails it too
        raise RefusedError(400, "expected FP32 pixels from 0 to 1, found others: send UINT8 for 0 to 255")
    pixels: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return pixels


def _numbers(data: bytes, datatype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the numbers of JSON, in one flat array or nested as their shape."""
    flat = not data[1:].lstrip(b" \t\r\n").startswith(b"[")
    try:
        values = _decoder((int(np.prod(shape)),) if flat else (None, *shape[1:]), datatype).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        wanted = "whole numbers 0 to 255" if datatype == "UINT8" else "numbers 0 to 1"
        raise RefusedError(400, f"expected data of {wanted}, {int(np.prod(shape)):,} of them: {error}") from None
    numbers: NDArray[Any] = np.array(values, _TYPES[datatype])
    if not flat and len(numbers) != shape[0]:
        raise RefusedError(400, f"expected data of {shape[0]:,} images as the shape says, found {len(numbers):,}")
    return numbers.reshape(shape)


@lru_cache(64)
def _decoder(shape: tuple[int | None, ...], datatype: str) -> msgspec.json.Decoder[Any]:
    return nested_decoder(shape, int, 0, 255) if datatype == "UINT8" else nested_decoder(shape, float, 0, 1)


def wanted_outputs(request: InferenceRequest) -> list[tuple[str, bool]]:
    """Return the outputs that a request wants, each with whether in binary.

    Raises
    ------
    RefusedError
        If it names an output that there is not.
    """
    all_binary = request.parameters.get("binary_data_output", False) is True
    if not request.outputs:
        return [(name, all_binary) for name in OUTPUTS]
    unknown = next((output.name for output in request.outputs if output.name not in OUTPUTS), None)
    if unknown is not None:
        raise RefusedError(400, f"expected outputs among {', '.join(OUTPUTS)}, found {unknown[:40]!r}")
    names = [output.name for output in request.outputs]
    if len(set(names)) < len(names):
        raise RefusedError(400, "expected each output once, found one twice")
    return [(output.name, output.parameters.get("binary_data", all_binary) is True) for output in request.outputs]


def write_outputs(
    wanted: Sequence[tuple[str, bool]], probabilities: NDArray[np.float32], class_names: Sequence[str]
) -> tuple[list[OutputTensor], list[bytes]]:
    """Return the outputs of an answer, and the bytes that follow its JSON.

    Parameters
    ----------
    wanted : sequence of (str, bool)
        Names, each with whether in binary.
    probabilities : ndarray of float32, shape (N, K)
    class_names : sequence of str
        K of them.
    """
    tensors, tail = [], []
    labels = probabilities.argmax(axis=1)
    for name, binary in wanted:
        values = probabilities if name == "probabilities" else labels
        texts = [class_names[label] for label in labels] if name == "label_names" else []
        tensor = OutputTensor(name, list(values.shape), OUTPUTS[name])
        if binary:
            raw = _raw_texts(texts) if texts else values.astype("<f4" if values.ndim == 2 else "<i8").tobytes()
            tensor.parameters = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            tensor.data = texts or values.ravel().tolist()
        tensors.append(tensor)
    return tensors, tail


def _raw_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)
