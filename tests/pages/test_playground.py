"""The panels that compute in the page, in Chromium: a traced step has Python's numbers, training Python's accuracy."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, emulate, open_browser
from selenium_axe_python import Axe

from inkling.images.sources.registry import load_images
from inkling.integrations.export.export import export_runs
from inkling.networks.numpy.jacobians import jacobians, trace
from inkling.networks.numpy.perceptron import Perceptron
from inkling.pages.playground import digits_for_training
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.loop import train
from inkling.training.recipes.registry import recipe
from inkling.training.schedules import ScheduleSettings

needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

WITHIN = 1e-6
RATE = 0.1


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("playground")
    settings = recipe("reference", network="perceptron", epochs=5)
    for _ in train_run(RunPlan("digits", "perceptron", settings), load_images("digits"), folder / "run", command=["x"]):
        pass
    export_runs([Run(folder / "run")], "page", folder / "page.html")
    return Run(folder / "run"), folder / "page.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    opened = open_browser()
    yield opened
    opened.quit()


def show(browser: Any, page: Path, width: int = 1280, dark: bool = False) -> None:
    emulate(browser, width, 900, dark)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())
    assert ask(browser, "found.difference") < 1e-4


def ask(browser: Any, what: str, *values: Any) -> Any:
    """Return what an expression of `found`, the page's interface, and `given` becomes."""
    script = f"""
        const done = arguments[arguments.length - 1], given = arguments;
        inkling.then(async (found) => done(await ({what}))).catch((error) => done(String(error)));"""
    return browser.execute_async_script(script, *values)


def part(browser: Any, panel: str, name: str) -> Any:
    return browser.find_element("css selector", f'#{panel} [data-part="{name}"]')


def choose(browser: Any, panel: str, name: str, value: Any) -> None:
    browser.execute_script(
        "const [element, value] = arguments; element.value = value;"
        "element.dispatchEvent(new Event('input')); element.dispatchEvent(new Event('change'));",
        part(browser, panel, name),
        value,
    )


def traced(browser: Any) -> dict[str, Any]:
    plain = "([name, array]) => [name, array.length ? Array.from(array) : array]"
    return dict(ask(browser, f"Object.fromEntries(Object.entries(found.trace.values()).map({plain}))"))


def test_the_page_has_the_training_and_validation_digits_of_the_source() -> None:
    packed, splits = digits_for_training(), load_images("digits")
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["pixels"])), np.uint8).reshape(64, -1)
    images = np.round(planes.T * (255 / 16)).astype(np.uint8)
    first = 0
    for name, own in (("train", splits.train), ("validation", splits.validation)):
        order = np.argsort(own.labels, kind="stable")
        np.testing.assert_array_equal(images[first : first + len(own)], own.images[order].reshape(len(own), -1))
        np.testing.assert_array_equal(np.repeat(np.arange(10), packed[name]), own.labels[order])
        first += len(own)
    assert first == len(images)


@needs_browser
def test_a_step_has_the_numbers_of_python(browser: Any, made: tuple[Run, Path]) -> None:
    run, page = made
    show(browser, page)
    network = run.network("cpu")
    assert isinstance(network, Perceptron)
    images = load_images("digits").test.images
    for i, label in ((0, 3), (17, 0), (200, 9)):
        parameters = {name: array.astype(np.float64) for name, array in network.parameters.items()}
        x = images[i].reshape(1, -1) * float(network.pixel_scale)
        ask(browser, "found.trace.give(Uint8Array.from(given[0]), given[1])", images[i].ravel().tolist(), label)
        for _ in range(2):  # before and after a step on this image
            expected, found = trace(parameters, x, label), traced(browser)
            assert set(found) == set(expected)
            for name, array in expected.items():
                np.testing.assert_allclose(np.ravel(found[name]), array.ravel(), rtol=0, atol=WITHIN, err_msg=name)
            for name, jacobian in jacobians(parameters, x).items():
                shape, entries = ask(
                    browser,
                    "(({shape, entry}) => [shape, shape.reduce((places, n) => places.flatMap((place) => "
                    "Array.from({length: n}, (_, i) => [...place, i])), [[]]).map((place) => entry(...place))])"
                    "(found.trace.jacobians()[given[0]])",
                    name,
                )
                assert tuple(shape) == jacobian.shape
                np.testing.assert_allclose(entries, jacobian.ravel(), rtol=0, atol=WITHIN, err_msg=name)
            parameters = {name: w - RATE * expected[f"dL_d{name}"] for name, w in parameters.items()}
            ask(browser, "found.trace.step(1)")


@needs_browser
def test_weights_rates_and_targets_change_the_loss(browser: Any, made: tuple[Run, Path]) -> None:
    show(browser, made[1])
    assert part(browser, "trace", "finding").text.startswith("Draw something above")
    choose(browser, "trace", "image", 4)
    choose(browser, "trace", "target", 7)
    before = traced(browser)["loss"]
    part(browser, "trace", "steps").click()
    after = traced(browser)["loss"]
    assert after < before
    assert part(browser, "trace", "finding").text.startswith("After 10 steps: ")
    choose(browser, "trace", "rate", 0.5)
    promised = float(part(browser, "trace", "finding").text.rpartition("down to ")[2].rstrip("."))
    part(browser, "trace", "step").click()
    after = traced(browser)["loss"]
    assert after == pytest.approx(promised, abs=1e-4)
    choose(browser, "trace", "class", 7)
    choose(browser, "trace", "array", "b2")
    choose(browser, "trace", "value", 9)
    assert traced(browser)["loss"] < after
    gradient, p = traced(browser)["dL_db2"][7], traced(browser)["y_hat"][7]
    assert gradient == pytest.approx(p - 1)
    assert "b2 of class 7: 9.0000" in part(browser, "trace", "weight").text
    part(browser, "trace", "reset").click()
    assert traced(browser)["loss"] == pytest.approx(before)
    summary = browser.find_element("css selector", "[data-array=a2] summary")
    summary.click()
    time.sleep(0.2)
    cells = [cell.text.replace("−", "-") for cell in browser.find_elements("css selector", "[data-array=a2] td")]
    np.testing.assert_allclose([float(cell) for cell in cells], traced(browser)["a2"], atol=1e-3)


@needs_browser
def test_training_reaches_the_accuracy_of_python(browser: Any, made: tuple[Run, Path]) -> None:
    """In batches of 32: in those of 256 at rate 2, accuracy after 10 epochs varies by 7 points from seed to seed."""
    show(browser, made[1])
    splits, epochs, found, expected = load_images("digits"), 10, [], []
    for seed in range(3):
        chosen = recipe("reference", network="perceptron", epochs=epochs, seed=seed)
        settings = replace(chosen, batch_size=32, schedule=ScheduleSettings("constant", learning_rate=0.5))
        *_, last = train(Perceptron((8, 8, 1), 10, seed=seed), splits, settings)
        expected.append((last.train_accuracy, last.validation_accuracy))
        history = ask(
            browser,
            "(async () => { for (const [name, value] of Object.entries(given[0]))"
            "document.querySelector(`[data-setting=${name}]`).value = value;"
            "await found.training.reset();"
            "for (let i = 0; i < given[1]; i++) await found.training.step(); return found.training.history()"
            ".map(({train, validation}) => [train.accuracy, validation.accuracy]); })()",
            {"seed": seed, "batch": 32, "rate": 0.5},
            epochs,
        )
        assert len(history) == epochs + 1
        found.append(history[-1])
    np.testing.assert_allclose(np.mean(found, axis=0), np.mean(expected, axis=0), rtol=0, atol=0.02)


@needs_browser
def test_overfitting_and_divergence_are_seen_and_said(browser: Any, made: tuple[Run, Path]) -> None:
    show(browser, made[1])
    for way, said in (("overfit", "it overfits."), ("diverge", "It diverges: the learning rate is too high")):
        browser.find_element("css selector", f"[data-way={way}]").click()
        deadline = time.monotonic() + 60
        while said not in part(browser, "train", "seen").text and time.monotonic() < deadline:
            time.sleep(0.2)
        assert said in part(browser, "train", "seen").text
        assert part(browser, "train", "start").text == "Pause"
        part(browser, "train", "start").click()
        assert part(browser, "train", "start").text == "Start"
        time.sleep(0.5)
        epoch = ask(browser, "found.training.history().length")
        time.sleep(0.5)
        assert ask(browser, "found.training.history().length") == epoch, "paused"
        part(browser, "train", "epoch").click()
        time.sleep(0.5)
        assert ask(browser, "found.training.history().length") == epoch + 1
    part(browser, "train", "reset").click()
    time.sleep(0.5)
    assert part(browser, "train", "seen").text.startswith("Not trained yet")


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_axe_finds_nothing_in_the_panels_and_they_fit(
    browser: Any, made: tuple[Run, Path], width: int, dark: bool
) -> None:
    show(browser, made[1], width, dark)
    choose(browser, "trace", "image", 2)
    browser.execute_script("document.querySelectorAll('#trace details').forEach((each) => (each.open = true))")
    ask(browser, "found.training.step()")
    axe = Axe(browser)
    axe.inject()
    assert axe.run(options={"resultTypes": ["violations"]})["violations"] == []
    size = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    assert browser.execute_script(size) == [width, width]
    assert browser.get_log("browser") == []
    notes = [json.loads(note["message"])["message"] for note in browser.get_log("performance")]
    asked = {note["params"]["request"]["url"] for note in notes if note["method"] == "Network.requestWillBeSent"}
    assert {address for address in asked if not address.startswith("blob:")} == {made[1].as_uri()}
