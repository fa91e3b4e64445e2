"""The page of a server in Chromium: every panel, by mouse and finger, two networks at a time, usable by everybody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, emulate, open_browser
from selenium.webdriver import ActionChains
from selenium.webdriver.support.ui import Select, WebDriverWait
from selenium_axe_python import Axe

from exported_pages import ask, text
from inkling.images.sources.registry import load_images
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.server import page_model
from inkling.server.served_model import ServedModel, load_models
from inkling.training.recipes.registry import recipe

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

TOKEN = "a-token-of-sixteen"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServedModel]:
    """A convolutional network with the weights of its epochs, and a perceptron without."""
    pytest.importorskip("torch")
    folder, runs = tmp_path_factory.mktemp("served"), {}
    for network in ("small-cnn", "perceptron"):
        settings = recipe("reference", network=network, epochs=3)
        plan = replace(RunPlan("digits", network, settings), snapshots=network == "small-cnn")
        for _ in train_run(plan, load_images("digits"), folder / network):
            pass
        runs[network] = Run(folder / network)
    return load_models(runs)


@pytest.fixture(scope="module")
def two(both: dict[str, ServedModel], serve_models: Callable[..., str]) -> str:
    return serve_models(both)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    opened = open_browser()
    yield opened
    opened.quit()


def show(browser: Any, url: str, width: int = 1280, dark: bool = False) -> None:
    emulate(browser, width, 900, dark)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(url)
    assert ask(browser, "found.models.length") >= 1


def until(browser: Any, condition: Callable[[], object]) -> None:
    WebDriverWait(browser, 20).until(lambda _: condition())


def stroke(browser: Any) -> None:
    area = browser.find_element("id", "area")
    actions = ActionChains(browser, duration=10).move_to_element(area).move_by_offset(-20, -70).click_and_hold()
    actions.move_by_offset(20, 60).move_by_offset(10, 70).release().perform()


def seen(browser: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = ask(browser, "Array.from(found.page.pixels)")
    return np.array(pixels, np.uint8).reshape(1, 8, 8, 1)


def look_into(browser: Any, name: str) -> None:
    Select(browser.find_element("id", "network")).select_by_visible_text(name)
    until(browser, lambda: ask(browser, "found.page.model.name") == name and text(browser, "of-first") == name)


def test_two_networks_answer_a_stroke_side_by_side(browser: Any, two: str, both: dict[str, ServedModel]) -> None:
    show(browser, two)
    assert text(browser, "of-first") == "small-cnn"
    stroke(browser)
    until(browser, lambda: text(browser, "second-confidence").endswith("confidence"))
    for model, values in (("small-cnn", "found.page.shown.values"), ("perceptron", None)):
        expected = both[model].run.predict(seen(browser), calibrated=True)[0]
        if values:
            np.testing.assert_allclose(ask(browser, values), expected, atol=1e-4)
        else:
            assert text(browser, "second-answer") == str(expected.argmax())
    until(browser, lambda: browser.find_elements("css selector", "#stages canvas"))
    assert text(browser, "attribution-words").startswith("Red pixels speak for ")
    until(browser, lambda: len(browser.find_elements("css selector", "#nearest-list li")) == 8)
    assert "of 1,077 training images" in text(browser, "nearest-words")
    assert not browser.find_element("id", "traced").is_displayed()


def test_the_other_network_is_looked_into_with_the_drawing_kept(browser: Any, two: str) -> None:
    show(browser, two)
    stroke(browser)
    until(browser, lambda: ask(browser, "Boolean(found.page.shown)"))
    look_into(browser, "perceptron")
    until(browser, lambda: len(browser.find_elements("css selector", "#unit-list li")) == 8)
    assert "perceptron" in text(browser, "title")
    until(browser, lambda: not browser.find_element("id", "inside").is_displayed())
    until(browser, lambda: ask(browser, "Boolean(found.trace().values())"))
    assert "trained with --snapshots" in text(browser, "learn-missing")
    assert not browser.find_element("id", "player").is_displayed()
    Select(browser.find_element("id", "second")).select_by_visible_text("none")
    assert not browser.find_element("id", "beside-it").is_displayed()


def test_a_finger_draws(browser: Any, two: str) -> None:
    show(browser, two, 360)
    browser.execute_script("document.getElementById('area').scrollIntoView({block: 'center'})")
    box = browser.execute_script("return document.getElementById('area').getBoundingClientRect().toJSON()")
    x, y = box["left"] + box["width"] / 2, box["top"] + box["height"] / 4
    for kind, down in (("touchStart", 0), ("touchMove", 40), ("touchMove", 120), ("touchEnd", None)):
        points = [] if down is None else [{"x": x + down / 8, "y": y + down}]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    until(browser, lambda: ask(browser, "Boolean(found.page.shown)"))
    assert seen(browser).max() > 128
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360


def test_the_epochs_are_moved_and_played_through(browser: Any, two: str, both: dict[str, ServedModel]) -> None:
    show(browser, two)
    assert text(browser, "epoch-name") == "Epoch 3 of 3"
    until(browser, lambda: len(browser.find_elements("css selector", "#learn-units canvas")) == 8)
    slide = "const [slider] = arguments; slider.value = 0; slider.dispatchEvent(new Event('input'))"
    browser.execute_script(slide, browser.find_element("id", "epoch"))
    assert text(browser, "epoch-name") == "Before the first epoch"
    assert "the weights are random" in text(browser, "learned")
    browser.find_element("id", "play").click()
    until(browser, lambda: text(browser, "epoch-name") == "Epoch 3 of 3" and text(browser, "play") == "Play")
    accuracy = both["small-cnn"].run.history()[-1]["validation_accuracy"]
    assert f"Epoch 3: {100 * accuracy:.1f}% of 360 validation images" in text(browser, "learned")
    assert len(browser.find_elements("css selector", "#learn-examples li")) == 10


def test_a_network_that_is_too_large_for_the_page_answers_by_the_server(
    browser: Any, both: dict[str, ServedModel], serve_models: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_model, "LARGEST", 0)
    show(browser, serve_models({"perceptron": both["perceptron"]}))
    assert ask(browser, "found.page.model.networks.length") == 0
    stroke(browser)
    until(browser, lambda: text(browser, "attribution-words").startswith("Red pixels"))
    expected = both["perceptron"].run.predict(seen(browser), calibrated=True)[0]
    np.testing.assert_allclose(ask(browser, "found.page.shown.values"), expected, atol=1e-5)
    assert not browser.find_element("id", "evidence").is_displayed()
    assert not browser.find_element("id", "choice").is_displayed()


def test_pictures_and_colours(browser: Any, models: dict[str, ServedModel], serve_models: Callable[..., str]) -> None:
    show(browser, serve_models({"colours": models["colours"]}))
    picture = next(Path(models["colours"].run.data.source).glob("red/*.png"))
    browser.find_element("id", "file").send_keys(str(picture))
    until(browser, lambda: text(browser, "confidence").endswith("confidence"))
    assert text(browser, "title").startswith("Show a picture")
    assert browser.find_element("id", "area").get_attribute("role") == "img"
    until(browser, lambda: len(browser.find_elements("css selector", "#nearest-list li")) == 8)


def test_a_server_with_a_token_asks_for_it_once(
    browser: Any, both: dict[str, ServedModel], serve_models: Callable[..., str]
) -> None:
    emulate(browser, 1280, 900)
    browser.get(serve_models({"perceptron": both["perceptron"]}, token=TOKEN))
    until(browser, lambda: browser.find_element("id", "ask-token").is_displayed())
    for token in ("wrong", TOKEN):
        until(browser, lambda: browser.find_element("id", "ask-token").is_displayed())
        browser.find_element("id", "token").send_keys(token)
        browser.find_element("css selector", "#ask-token button").click()
    assert ask(browser, "found.models.length") == 1
    assert not browser.find_element("id", "ask-token").is_displayed()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_axe_finds_nothing_and_nobody_else_is_asked(browser: Any, two: str, width: int, dark: bool) -> None:
    show(browser, two, width, dark)
    axe = Axe(browser)
    axe.inject()
    for name in ("small-cnn", "perceptron"):
        look_into(browser, name)
        browser.execute_script("scrollTo(0, 0)")
        stroke(browser)
        until(browser, lambda: browser.find_elements("css selector", "#nearest-list li"))
        time.sleep(0.3)
        assert [violation["id"] for violation in axe.run()["violations"]] == []
        assert browser.execute_script("return document.documentElement.scrollWidth") == width
    assert browser.get_log("browser") == []
    notes = [json.loads(note["message"])["message"] for note in browser.get_log("performance")]
    asked = [note["params"]["request"]["url"] for note in notes if note["method"] == "Network.requestWillBeSent"]
    assert {address for address in asked if not address.startswith((two, "blob:", "data:"))} == set()
