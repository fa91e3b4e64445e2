"""Runs to export as pages, and what tests ask of such a page in a browser."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import emulate
from numpy.typing import NDArray
from PIL import Image

from inkling.images.drawings import draw, measure_drawings
from inkling.images.sources.registry import load_images
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe

WITHIN = 1e-4


def like_mnist(folder: Path) -> str:
    """600 + 100 + 500 digits of 28x28 pixels, made as MNIST's were from the bundled ones, turned a little."""
    source = load_images("digits")
    rng, made = np.random.default_rng(0), []
    path = measure_drawings(np.zeros((1, 28, 28, 1), np.uint8))
    path = type(path)("ink", True, 33.0, 20, "mass", (14.5, 14.5))
    digits = np.concatenate([source.train.images, source.validation.images])[:1200, :, :, 0]
    labels = np.concatenate([source.train.labels, source.validation.labels])[:1200]
    for digit in digits:
        blown = Image.fromarray(digit).resize((60, 60), Image.Resampling.BICUBIC).rotate(rng.normal(0, 8), expand=True)
        image = draw(np.asarray(blown, np.float32), path, (28, 28, 1))
        assert image is not None
        made.append(image[..., 0])
    images = np.stack(made)
    np.savez(
        folder / "set.npz", x_train=images[:600], y_train=labels[:600], x_val=images[600:700], y_val=labels[600:700],
        x_test=images[700:], y_test=labels[700:],
    )  # fmt: skip
    return str(folder / "set.npz")


def trained(source: str, network: str, folder: Path, epochs: int = 2) -> Run:
    if network != "perceptron":
        pytest.importorskip("torch")
    settings = recipe("reference", network=network, epochs=epochs)
    for _ in train_run(RunPlan(source, network, settings), load_images(source), folder, command=["x"]):
        pass
    return Run(folder)


def show(browser: Any, page: Path, width: int = 1280, dark: bool = False) -> None:
    emulate(browser, width, 900, dark)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())
    assert ask(browser, "found.difference", None) < WITHIN


def ask(browser: Any, what: str, *values: Any) -> Any:
    """Return what an expression of `found`, the page's interface, and `given` becomes."""
    script = f"""
        const done = arguments[arguments.length - 1], given = arguments;
        inkling.then(async (found) => done(await ({what}))).catch((error) => done(String(error)));"""
    return browser.execute_async_script(script, *values)


def predicted(browser: Any, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the page's probabilities (N, K)."""
    packed = base64.b64encode(images.tobytes()).decode("ascii")
    each = int(np.prod(images.shape[1:]))
    decode = "const all = Uint8Array.from(atob(given[0]), (c) => c.charCodeAt(0));"
    loop = (
        "for (let i = 0; i < given[1]; i++) answers.push(await found.predict(all.subarray(i * each, (i + 1) * each)));"
    )
    what = f"(async () => {{ {decode} const each = given[2], answers = []; {loop} return answers; }})()"
    return np.array(ask(browser, what, packed, len(images), each))


def text(browser: Any, name: str) -> str:
    return str(browser.find_element("id", name).text)
