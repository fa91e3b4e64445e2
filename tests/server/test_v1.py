"""Predictions of pictures over HTTP: every kind of body, every option, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image

from inkling.runs.run import Run

CURL = "application/x-www-form-urlencoded"


def png(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(out, kind)
    return out.getvalue()


def post(url: str, body: bytes, kind: str | None = CURL, **query: object) -> requests.Response:
    return requests.post(f"{url}/v1/predict", data=body, params=query, headers={"content-type": kind}, timeout=20)


@pytest.mark.parametrize("kind", [CURL, "image/png", "image/*", "application/octet-stream", None])
def test_a_picture_as_the_body(url: str, digits_run: Path, digit_images: NDArray[np.uint8], kind: str | None) -> None:
    answer = post(url, png(digit_images[0]), kind)
    assert answer.status_code == 200, answer.text
    values = answer.json()
    assert (values["model"], values["temperature"], len(values["predictions"])) == ("digits", 1.0, 1)
    expected = Run(digits_run).predict(digit_images[:1])[0]
    prediction = values["predictions"][0]
    assert prediction["label"] == str(expected.argmax())
    assert prediction["probability"] == expected.max()
    assert list(prediction["probabilities"].values()) == expected.tolist()
    assert "file" not in prediction


def test_several_pictures_as_a_form(url: str, digits_run: Path, digit_images: NDArray[np.uint8]) -> None:
    files = [("file", (f"{number}.png", png(image))) for number, image in enumerate(digit_images[:3])]
    answer = requests.post(f"{url}/v1/predict", files=files, timeout=20)
    predictions = answer.json()["predictions"]
    assert [prediction["file"] for prediction in predictions] == ["0.png", "1.png", "2.png"]
    expected = Run(digits_run).predict(digit_images[:3])
    found = [list(prediction["probabilities"].values()) for prediction in predictions]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (1, 8, 8), (1, 8, 8, 1), (2, 8, 8), (2, 8, 8, 1)])
def test_arrays_of_json(url: str, digits_run: Path, digit_images: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    images = digit_images[:2].ravel()[: np.prod(shape)].reshape(shape)
    answer = post(url, json.dumps(images.tolist(), indent=1).encode(), "application/json; charset=utf-8")
    assert answer.status_code == 200, answer.text
    found = [list(prediction["probabilities"].values()) for prediction in answer.json()["predictions"]]
    np.testing.assert_allclose(found, Run(digits_run).predict(images.reshape(-1, 8, 8, 1)), atol=1e-6)


def test_pictures_are_prepared_like_those_of_the_run(url: str, colours_run: Path, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (500, 700, 3), dtype=np.uint8)  # decoded beside the event loop
    (tmp_path / "photo.jpg").write_bytes(png(photo, "JPEG"))
    answer = post(url, (tmp_path / "photo.jpg").read_bytes(), "image/jpeg", model="colours")
    found = list(answer.json()["predictions"][0]["probabilities"].values())
    np.testing.assert_allclose(found, Run(colours_run).predict(tmp_path / "photo.jpg")[0], atol=1e-6)


def test_options(url: str, digits_run: Path, digit_images: NDArray[np.uint8]) -> None:
    body = png(digit_images[0])
    ranked = post(url, body, top_k=3).json()["predictions"][0]
    assert len(ranked["probabilities"]) == 3
    assert list(ranked["probabilities"].values()) == sorted(ranked["probabilities"].values(), reverse=True)
    assert next(iter(ranked["probabilities"])) == ranked["label"]
    assert post(url, body, reject_below=1).json()["predictions"][0]["label"] is None
    assert post(url, body, temperature=50).json()["predictions"][0]["probability"] < ranked["probability"]
    calibrated = post(url, body, calibrated="true").json()
    assert calibrated["temperature"] == Run(digits_run).temperature()
    expected = Run(digits_run).predict(digit_images[:1], calibrated=True)[0]
    np.testing.assert_allclose(list(calibrated["predictions"][0]["probabilities"].values()), expected, atol=1e-6)


REFUSED = {
    "no picture": (400, b"hello", CURL, {}, "expected a picture"),
    "nothing": (400, b"", CURL, {}, "an empty file"),
    "half a picture": (400, png(np.zeros((8, 8), np.uint8))[:40], CURL, {}, "expected a picture"),
    "another kind": (415, b"<a/>", "text/xml", {}, "text/xml"),
    "a model that is not there": (404, b"", CURL, {"model": "digit"}, "did you mean 'digits'"),
    "an unknown option": (400, b"", CURL, {"topk": 3}, "'topk'"),
    "no class": (400, b"", CURL, {"top_k": 0}, "top_k"),
    "half a class": (400, b"", CURL, {"top_k": 1.5}, "top_k"),
    "a temperature of nan": (400, b"", CURL, {"temperature": "nan"}, "temperature"),
    "a temperature of zero": (400, b"", CURL, {"temperature": 0}, "0.02 to 50"),
    "two temperatures": (400, b"", CURL, {"temperature": 1, "calibrated": "true"}, "contradict"),
    "a probability above one": (400, b"", CURL, {"reject_below": 1.1}, "reject_below"),
    "invalid JSON": (400, b"[[1,", "application/json", {}, "nested arrays"),
    "JSON of text": (400, b'"abc"', "application/json", {}, "nested arrays"),
    "JSON that is not UTF-8": (400, b"[[\xff\xfe]]", "application/json", {}, "nested arrays"),
    "not a number": (400, json.dumps([[float("nan")] * 8] * 8).encode(), "application/json", {}, "whole numbers"),
    "halves": (400, json.dumps([[0.5] * 8] * 8).encode(), "application/json", {}, "Expected `int`"),
    "a pixel of 256": (400, json.dumps([[256] * 8] * 8).encode(), "application/json", {}, "255"),
    "another shape": (400, json.dumps([[0] * 9] * 8).encode(), "application/json", {}, "length"),
    "ragged rows": (400, json.dumps([[0] * 8] * 7 + [[0] * 7]).encode(), "application/json", {}, "length"),
    "arrays in arrays": (400, b"[" * 100_000, "application/json", {}, "nested arrays"),
    "10,000 images": (413, json.dumps([[[0] * 8] * 8] * 10_000, separators=(",", ":")).encode(), "application/json", {},
                      "bytes or fewer"),
    "257 images": (413, json.dumps([[[0] * 8] * 8] * 257).encode(), "application/json", {}, "256 images or fewer"),
    "a form without boundary": (400, b"--x", "multipart/form-data", {}, "form"),
    "a form of nothing": (400, b"--x--\r\n", "multipart/form-data; boundary=x", {}, "one image or more"),
    "a form of texts": (400, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
                        "multipart/form-data; boundary=x", {}, "form of picture files"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(url: str, name: str) -> None:
    status, body, kind, query, words = REFUSED[name]
    answer = post(url, body, kind, **query)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


def test_a_form_of_too_many_files(url: str) -> None:
    files = [("file", (f"{number}.png", b"x")) for number in range(10_000)]
    answer = requests.post(f"{url}/v1/predict", files=files, timeout=20)
    assert (answer.status_code, list(answer.json())) == (413, ["error"])


def test_models(url: str) -> None:
    digits, colours = requests.get(f"{url}/v1/models", timeout=20).json()["models"]
    assert (digits["name"], digits["network"], digits["image_shape"]) == ("digits", "perceptron", [8, 8, 1])
    assert (colours["class_names"], colours["computed_by"]) == (["blue", "green", "red"], "inkling")
