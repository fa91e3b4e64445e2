"""The Open Inference Protocol, asked by Triton's own client and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from inkling.runs.run import Run

LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def client(url: str) -> Any:
    found = triton.InferenceServerClient(url.removeprefix("http://"))
    yield found
    found.close()


def asked(images: NDArray[Any], binary: bool) -> triton.InferInput:
    kind = "UINT8" if images.dtype == np.uint8 else "FP32"
    tensor = triton.InferInput("images", images.shape, kind)
    tensor.set_data_from_numpy(images, binary_data=binary)
    return tensor


def test_tritonclient_finds_the_server_and_its_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert not client.is_model_ready("digit")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("digits")
    assert metadata["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 8, 8, 1]}]
    assert client.get_model_metadata("digits", metadata["versions"][0]) == metadata
    assert client.is_model_ready("digits", metadata["versions"][0])
    with pytest.raises(InferenceServerException, match="has the version"):
        client.get_model_metadata("digits", "7")


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
def test_tritonclient_infers(
    client: Any, digits_run: Path, digit_images: NDArray[np.uint8], binary: bool, scaled: bool
) -> None:
    images = digit_images[:5]
    outputs = [
        triton.InferRequestedOutput(name, binary_data=binary) for name in ("label_names", "probabilities", "labels")
    ]
    tensor = asked(np.float32(images / 255) if scaled else images, binary)
    answer = client.infer("digits", [tensor], outputs=outputs, request_id="seven")
    expected = Run(digits_run).predict(images)
    np.testing.assert_allclose(answer.as_numpy("probabilities"), expected, atol=1e-6)
    assert answer.as_numpy("labels").tolist() == expected.argmax(axis=1).tolist()
    names = [name.decode() if isinstance(name, bytes) else name for name in answer.as_numpy("label_names")]
    assert names == [str(label) for label in expected.argmax(axis=1)]
    assert answer.get_response()["id"] == "seven"


def test_every_output_is_sent_where_none_is_named(client: Any, digit_images: NDArray[np.uint8]) -> None:
    answer = client.infer("digits", [asked(digit_images[:2], True)])
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["probabilities", "labels", "label_names"]


def request(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "images", "shape": [1, 8, 8, 1], "datatype": "UINT8", "data": [0] * 64}
    return {"inputs": [{**tensor, **changes}]}


def infer(url: str, body: Any, **headers: str) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{url}/v2/models/digits/infer", data=content, headers=headers, timeout=20)


def test_data_may_be_flat_or_nested(url: str, digit_images: NDArray[np.uint8]) -> None:
    images = digit_images[:2]
    flat = infer(url, request(shape=[2, 8, 8, 1], data=images.ravel().tolist()))
    nested = infer(url, request(shape=[2, 8, 8, 1], data=images.tolist()))
    assert flat.status_code == 200, flat.text
    assert flat.json() == nested.json()


REFUSED = {
    "no JSON": b"{",
    "no inputs": {},
    "no input": {"inputs": []},
    "two inputs": {"inputs": request()["inputs"] * 2},
    "another name": request(name="image"),
    "another type": request(datatype="INT8"),
    "another shape": request(shape=[1, 28, 28, 1]),
    "a shape without images": request(shape=[0, 8, 8, 1], data=[]),
    "a negative shape": request(shape=[-1, 8, 8, 1]),
    "a shape of fractions": request(shape=[1.5, 8, 8, 1]),
    "a shape beyond all numbers": request(shape=[10**30, 8, 8, 1]),
    "too little data": request(data=[0] * 63),
    "no data": {"inputs": [{"name": "images", "shape": [1, 8, 8, 1], "datatype": "UINT8"}]},
    "ragged data": request(data=[[[[0]] * 8] * 7 + [[[0]] * 7]]),
    "fewer images than the shape says": request(shape=[2, 8, 8, 1], data=[[[[0]] * 8] * 8]),
    "texts": request(data=["a"] * 64),
    "a pixel of 256": request(data=[256] * 64),
    "scaled beyond one": request(datatype="FP32", data=[1.5] * 64),
    "binary data that is not there": request(parameters={"binary_data_size": 64}),
    "binary data of another length": request(parameters={"binary_data_size": 10**12}),
    "an output that there is not": {**request(), "outputs": [{"name": "logits"}]},
    "an output twice": {**request(), "outputs": [{"name": "labels"}, {"name": "labels"}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(url: str, name: str) -> None:
    answer = infer(url, REFUSED[name])
    assert answer.status_code == (413 if "beyond all numbers" in name else 400), answer.text
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("length", ["-1", "x", "1" * 40, "100000"])
def test_lengths_of_json_that_are_none(url: str, length: str) -> None:
    assert infer(url, request(), **{LENGTH: length}).status_code == 400


def test_scaled_pixels_that_are_no_numbers(client: Any) -> None:
    for bad in (np.nan, np.inf, -0.1):
        images = np.zeros((1, 8, 8, 1), np.float32)
        images[0, 0, 0, 0] = bad
        with pytest.raises(InferenceServerException, match="from 0 to 1"):
            client.infer("digits", [asked(images, True)])


def test_ten_thousand_images(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="256 images or fewer"):
        client.infer("digits", [asked(np.zeros((10_000, 8, 8, 1), np.uint8), True)])


def test_compressed_requests_are_refused(client: Any, digit_images: NDArray[np.uint8]) -> None:
    with pytest.raises(InferenceServerException, match="Content-Encoding"):
        client.infer("digits", [asked(digit_images[:1], True)], request_compression_algorithm="gzip")
