"""The exported page as a file: what is in it and what is not, its policy, and what no page is written for."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling
from inkling.integrations.export import page_engine
from inkling.integrations.export.web_runtime import VARIABLE
from inkling.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "perceptron"
    done = inkling(*TRAIN_DIGITS, "--recipe", "reference", "--epochs", 3, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    done = inkling("export", run, "--format", "page", "--calibrated", "--out", run.with_name("digits.html"), "--json")
    assert done.returncode == 0, done.stderr
    parity = json.loads(done.stdout)["parity"]
    assert parity["images"] == 360
    assert parity["largest_difference"] < 1e-5
    assert parity["changed_labels"] == 0
    return run.with_name("digits.html").read_text(encoding="utf-8")


def model_of(text: str) -> dict[str, Any]:
    found = re.search(r'data-model="([^"]*)"', text)
    assert found
    values: dict[str, Any] = json.loads(html.unescape(found[1]))
    return values


def test_weights_are_those_of_the_run_bit_by_bit(run: Path, text: str) -> None:
    packed = re.search(r'data-weights="([^"]*)"', text)
    assert packed
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed[1])), np.uint8).reshape(4, -1)
    numbers = np.ascontiguousarray(planes.T).view("<f4").ravel()
    parameters = Run(run).network("cpu").state()
    first = model_of(text)["networks"][0]["steps"][0]["arrays"]["weights"]
    np.testing.assert_array_equal(numbers[first[0] : first[0] + first[1]], parameters["W1"].T.ravel())
    assert len(numbers) == sum(parameters[name].size for name in ("W1", "b1", "W2", "b2"))


def test_only_its_own_script_and_style_may_run(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    allowed = html.unescape(policy[1])
    assert allowed.startswith("default-src 'none'; ")
    assert "unsafe" not in allowed
    for tag in ("script", "style"):
        part = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert part
        digest = base64.b64encode(hashlib.sha256(part[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in allowed
    assert not re.search(r"https?://|\bon\w+=|style=", text)


def test_what_it_says_of_itself(run: Path, text: str) -> None:
    model = model_of(text)
    assert model["drawing"] == {
        "kind": "ink", "light_on_dark": True, "mean": model["drawing"]["mean"], "longest": 8, "centre": "box",
        "aim": [4.0, 4.0],
    }  # fmt: skip
    assert model["temperature"] == Run(run).temperature()
    assert "of 360 test images" in text
    assert "no predicted label changed" in text
    assert str(run.parent) not in text


def test_pages_that_cannot_be_are_refused_and_nothing_is_left(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "my_net.py"
    assert inkling("new", "network", own, "--numpy").returncode == 0
    named = re.search(r"^class (\w+)", own.read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    network = f"{own}:{named[1]}"
    trained = inkling("train", "digits", "--network", network, "--epochs", 1, "--out", tmp_path / "own")
    assert trained.returncode == 0, trained.stderr
    done = inkling("export", tmp_path / "own", "--trust", "--format", "page", "--out", tmp_path / "own.html")
    assert done.returncode == 2
    assert "a page cannot compute" in done.stderr
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(page_engine, "LARGEST", 1000)
    large = ("export", run, "--format", "page", "--out", tmp_path / "large.html")
    assert_refused(inkling(*large, cwd=tmp_path), "needs onnxruntime-web 1.30.0, which is in no node_modules")
    monkeypatch.setattr(page_engine, "LARGEST_ONNX", 1000)
    assert_refused(inkling(*large, cwd=tmp_path), "of weights at most")
    monkeypatch.undo()
    monkeypatch.setattr(
        page_engine.Steps, "predict_proba", lambda self, images: np.full((len(images), 10), 0.1, np.float32)
    )
    done = inkling("export", run, "--format", "page", "--out", tmp_path / "wrong.html")
    assert done.returncode == 2
    assert "not written, because the exported model is not the run's" in done.stderr
    assert not list(tmp_path.glob("*.html"))
    assert not list(tmp_path.glob("*.md"))
