"""What the page asks a server for: steps and weights, feature maps, nearest images, epochs; and what it is refused."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from inkling.diagnosis.attribution.maps import attribute
from inkling.diagnosis.neighbours import nearest_images
from inkling.runs.run import Run
from inkling.server.insight import Insight
from inkling.server.page_model import page_model
from inkling.server.served_model import load_models, name_runs

DIGITS = "playground/models/digits"


def get(url: str, path: str = DIGITS) -> requests.Response:
    return requests.get(f"{url}/{path}", timeout=20)


def post(url: str, what: str, body: bytes, model: str = "digits") -> requests.Response:
    return requests.post(f"{url}/playground/models/{model}/{what}", data=body, timeout=20)


def test_the_page_asks_nobody_but_this_server(url: str) -> None:
    page = get(url, "")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text


def test_a_perceptron_is_sent_with_its_weights(url: str, digits_run: Path) -> None:
    model = get(url).json()
    run = Run(digits_run)
    kinds = [step["kind"] for step in model["networks"][0]["steps"]]
    assert kinds == ["dense", "sigmoid", "dense"]
    assert model["temperature"] == run.temperature()
    assert model["drawing"]["kind"] == "ink"
    weights = np.frombuffer(get(url, f"{DIGITS}/weights").content, "<f4")
    first, length = model["networks"][0]["steps"][0]["arrays"]["weights"]
    expected = run.network().state()["W1"].T.ravel()
    np.testing.assert_array_equal(weights[first : first + length], expected)


def test_evidence_is_that_of_the_run(url: str, digits_run: Path, digit_images: NDArray[np.uint8]) -> None:
    found = post(url, "inside", digit_images[0].tobytes()).json()
    evidence = np.frombuffer(base64.b64decode(found["evidence"]), "<f4").reshape(8, 8)
    network = Run(digits_run).network()
    np.testing.assert_allclose(evidence, attribute(network, digit_images[:1])[0], atol=1e-5)
    assert found["stages"] == []  # of a perceptron
    assert found["label"] == str(network.predict_proba(digit_images[:1]).argmax())


def test_the_nearest_training_images(url: str, digits_run: Path, digit_images: NDArray[np.uint8]) -> None:
    run = Run(digits_run)
    train = run.subset(run.load_images()).train
    found = post(url, "nearest", digit_images[0].tobytes()).json()
    places = nearest_images(digit_images[:1], train.images, 8)[0][0]
    assert found["searched"] == len(train)
    assert [picture["label"] for picture in found["pictures"]] == [str(train.labels[i]) for i in places]
    first = np.frombuffer(base64.b64decode(found["pictures"][0]["pixels"]), np.uint8)
    np.testing.assert_array_equal(first, train.images[places[0]].ravel())


def test_a_run_without_snapshots_has_its_history(url: str, digits_run: Path) -> None:
    learning = get(url, f"{DIGITS}/epochs").json()
    assert learning["snapshots"] == []
    assert [epoch["epoch"] for epoch in learning["history"]] == [1, 2, 3]
    assert learning["history"][-1]["validation_loss"] == Run(digits_run).history()[-1]["validation_loss"]
    assert [picture["label"] for picture in learning["examples"]] == [str(k) for k in range(10)]
    for epoch, message in (("1", "train with --snapshots"), ("x", "expected the number of an epoch")):
        refused = get(url, f"{DIGITS}/epochs/{epoch}")
        assert refused.status_code == 404
        assert message in refused.json()["error"]


@pytest.mark.parametrize("what", ["inside", "nearest"])
def test_what_is_no_image_is_refused(url: str, what: str) -> None:
    for body, status in ((b"", 400), (bytes(63), 400), (bytes(65), 413)):
        answer = post(url, what, body)
        assert answer.status_code == status, answer.text
        assert "64 bytes" in answer.json()["error"]
    assert post(url, what, bytes(64), "other").status_code == 404


def test_an_open_server_shows_no_image_of_the_data(serve: Callable[..., str]) -> None:
    url = serve(pictures=False)
    nearest = post(url, "nearest", bytes(64)).json()
    assert nearest["pictures"] == []
    assert nearest["missing"].startswith("This server listens to other machines")
    assert get(url, f"{DIGITS}/epochs").json()["examples"] == []
    assert get(url).json()["drawing"]["kind"] == "ink"  # measured, not shown


def test_a_token_is_asked_for_all_but_the_page(serve: Callable[..., str]) -> None:
    url = serve(token="a token of sixteen")
    assert get(url, "").status_code == 200
    assert get(url).status_code == 401
    assert get(url, f"{DIGITS}/weights").status_code == 401
    assert post(url, "nearest", bytes(64)).status_code == 401


def test_what_is_gone_is_said_to_be(colours_run: Path, tmp_path: Path, serve_models: Callable[..., str]) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(colours_run, moved)
    info = json.loads((moved / "run.json").read_text())
    info["data"]["source"] = str(tmp_path / "gone")
    (moved / "run.json").write_text(json.dumps(info))
    (moved / "history.jsonl").unlink()
    served = load_models(name_runs([str(moved)]))
    refused = get(serve_models(served), "playground/models/moved/epochs")
    assert refused.status_code == 404
    assert "history.jsonl: missing" in refused.json()["error"]
    insight = Insight(served["moved"])
    assert page_model(insight).drawing["kind"] == "frame"
    assert "cannot be loaded here" in insight.nearest(np.zeros((6, 4, 3), np.uint8)).missing
