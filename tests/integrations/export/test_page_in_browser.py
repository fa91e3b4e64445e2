"""The exported page in Chromium: the run's own probabilities, drawings as Python makes them, usable by everybody."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, open_browser
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium_axe_python import Axe

from exported_pages import WITHIN, ask, like_mnist, predicted, show, text, trained
from inkling.images.drawings import draw, ink_of_picture, measure_drawings
from inkling.images.pictures import read_picture
from inkling.images.sources.registry import load_images
from inkling.integrations.export.export import export_runs
from inkling.runs.run import Run

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

HOSTILE = ("<script>alert(1)<script>", "<img src=x onerror=alert(1)>", "\"quotes\" & 'more' &amp; <b>")


def hostile_folder(folder: Path) -> str:
    rng = np.random.default_rng(0)
    for place, name in enumerate(HOSTILE):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 150, (20, 16, 3)).astype(np.uint8)
            pixels[..., place] += 100
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return str(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def source(made: Path) -> str:
    return like_mnist(made)


@pytest.fixture(scope="module")
def perceptron(made: Path, source: str) -> tuple[Run, Path]:
    return exported([trained(source, "perceptron", made / "perceptron")], made / "perceptron.html")


@pytest.fixture(scope="module")
def photos(made: Path) -> tuple[Run, Path]:
    run = trained(hostile_folder(made / "photos"), "small-cnn", made / "coloured", 1)
    return exported([run], made / "photos.html")


def exported(runs: list[Run], out: Path) -> tuple[Run, Path]:
    export_runs(runs, "page", out, calibrated=True)
    return runs[0], out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    opened = open_browser()
    yield opened
    opened.quit()


def stroke(browser: Any, *moves: tuple[int, int]) -> None:
    actions = ActionChains(browser, duration=10).move_to_element(browser.find_element("id", "area")).click_and_hold()
    for move in moves:
        actions.move_by_offset(*move)
    actions.release().perform()
    time.sleep(0.2)


@pytest.mark.parametrize("network", ["perceptron", "small-cnn", "cnn"])
def test_500_images_get_the_probabilities_of_python(
    browser: Any, perceptron: tuple[Run, Path], made: Path, source: str, network: str
) -> None:
    run, page = perceptron
    if network != "perceptron":
        run, page = exported([trained(source, network, made / network, 1)], made / f"{network}.html")
    show(browser, page)
    images = load_images(source).test.images
    assert len(images) == 500
    np.testing.assert_allclose(predicted(browser, images), run.predict(images, calibrated=True), rtol=0, atol=WITHIN)
    assert network != "cnn" or page.stat().st_size < 1_000_000


def test_colours_and_means_of_runs_too(browser: Any, photos: tuple[Run, Path], made: Path) -> None:
    run, _ = photos
    other = trained(run.data.source, "perceptron", made / "other", 1)
    _, page = exported([run, other], made / "mean.html")
    show(browser, page)
    images = run.load_images().test.images
    expected = (run.predict(images) + other.predict(images)) / 2
    found = predicted(browser, images)
    temperature = ask(browser, "found.model.temperature")
    scaled = expected.astype(np.float64) ** (1 / temperature)
    np.testing.assert_allclose(found, scaled / scaled.sum(axis=1, keepdims=True), rtol=0, atol=WITHIN)


def test_drawings_become_what_python_makes_of_them(browser: Any, perceptron: tuple[Run, Path], source: str) -> None:
    show(browser, perceptron[1])
    path = measure_drawings(load_images(source).train.images)
    rng = np.random.default_rng(0)
    for height, width in ((97, 130), (300, 280), (11, 7), (40, 40)):
        ink = np.zeros((height, width), np.float32)
        for _ in range(3):
            top, left = rng.integers(0, height - 4), rng.integers(0, width - 4)
            ink[top : top + rng.integers(2, height), left : left + rng.integers(2, width)] += rng.integers(30, 90)
        expected = draw(ink, path, (28, 28, 1))
        assert expected is not None
        found = ask(browser, "Array.from(found.drawing(Float32Array.from(given[0]), given[1], given[2]))",
                    ink.ravel().tolist(), width, height)  # fmt: skip
        np.testing.assert_array_equal(np.array(found).reshape(28, 28, 1), expected)
    assert ask(browser, "found.drawing(new Float32Array(900), 30, 30)") is None


def test_pictures_become_what_python_makes_of_them(
    browser: Any, perceptron: tuple[Run, Path], photos: tuple[Run, Path], source: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(0, 256, (7, 9, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "smooth.png")
    rgba = np.dstack([smooth, np.full(smooth.shape[:2], 255, np.uint8)])
    given = (rgba.ravel().tolist(), smooth.shape[1], smooth.shape[0])
    what = "Array.from(found.picture(Uint8Array.from(given[0]), given[1], given[2]))"
    show(browser, photos[1])
    expected = read_picture(tmp_path / "smooth.png", photos[0].data.image_shape)
    found = np.array(ask(browser, what, *given)).reshape(expected.shape)
    assert np.abs(found - expected.astype(int)).max() <= 2, "Pillow rounds its weights"
    show(browser, perceptron[1])
    grey = np.asarray(Image.fromarray(smooth).convert("L"))
    expected_ink = draw(ink_of_picture(grey), measure_drawings(load_images(source).train.images), (28, 28, 1))
    np.testing.assert_array_equal(np.array(ask(browser, what, *given)), np.ravel(expected_ink))
    assert ask(browser, "found.picture(new Uint8Array(400).fill(99), 10, 10)") is None
    image = load_images(source).test.images[0]
    own = np.dstack([image] * 3 + [np.full((28, 28), 255, np.uint8)])
    same = ask(browser, what, own.ravel().tolist(), 28, 28)
    np.testing.assert_array_equal(same, image.ravel())  # of the network's own size: as it is, like `inkling predict`
    own[..., :3] = 255 - own[..., :3]
    turned = ask(browser, what, own.ravel().tolist(), 28, 28)
    np.testing.assert_array_equal(turned, image.ravel())


def test_the_map_is_what_covering_does(browser: Any, perceptron: tuple[Run, Path], source: str) -> None:
    run, page = perceptron
    show(browser, page)
    image = load_images(source).test.images[3]
    k = int(run.predict(image[np.newaxis])[0].argmax())

    def log_odds(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        p = run.predict(images, calibrated=True)[:, k].astype(np.float64)
        return np.log(p) - np.log1p(-p)

    total, count = np.zeros((28, 28)), np.zeros((28, 28))
    for top in range(0, 25, 2):
        for left in range(0, 25, 2):
            covered = image.copy()
            covered[top : top + 4, left : left + 4] = 0
            total[top : top + 4, left : left + 4] += (log_odds(image[np.newaxis]) - log_odds(covered[np.newaxis]))[0]
            count[top : top + 4, left : left + 4] += 1
    what = "found.occlusion(Uint8Array.from(given[0]), given[1]).then(({map}) => Array.from(map))"
    found = np.array(ask(browser, what, image.ravel().tolist(), k)).reshape(28, 28)
    np.testing.assert_allclose(found, total / count, atol=5e-3)


def test_contributions_add_up_to_the_difference_of_the_logits(
    browser: Any, perceptron: tuple[Run, Path], source: str
) -> None:
    run, page = perceptron
    show(browser, page)
    image = load_images(source).test.images[:1]
    hidden = run.network("cpu").hidden_layer(image)
    assert hidden is not None
    what = "found.units(Uint8Array.from(given[0]), 3, 5).map(({contribution}) => contribution)"
    found = np.array(ask(browser, what, image.ravel().tolist()))
    np.testing.assert_allclose(found, hidden.activations[0] * (hidden.weights[:, 3] - hidden.weights[:, 5]), atol=1e-5)


def test_a_person_draws_and_clears(browser: Any, perceptron: tuple[Run, Path]) -> None:
    show(browser, perceptron[1])
    assert text(browser, "answer") == "No answer yet"
    stroke(browser, (0, 60), (20, -90))
    answered = text(browser, "answer")
    assert answered in tuple("0123456789")
    assert text(browser, "confidence").endswith("% confidence")
    assert len(browser.find_elements("css selector", "#unit-list li")) == 8
    for _ in range(100):
        if text(browser, "strongest"):
            break
        time.sleep(0.05)
    assert text(browser, "strongest").startswith("Covering ")
    assert browser.find_element("id", "spoken").get_attribute("textContent").startswith(answered)
    browser.find_element("id", "clear").click()
    assert text(browser, "answer") == "No answer yet"
    assert text(browser, "strongest") == ""
    assert browser.get_log("browser") == []


def test_one_finger_draws_and_a_second_does_nothing(browser: Any, perceptron: tuple[Run, Path]) -> None:
    show(browser, perceptron[1], 390)
    box = browser.execute_script("return document.getElementById('area').getBoundingClientRect().toJSON()")
    places = [(box["x"] + 150, box["y"] + 60 + 20 * step) for step in range(10)]

    def touch(kind: str, *points: tuple[float, float]) -> None:
        given = [{"x": x, "y": y, "id": place} for place, (x, y) in enumerate(points)]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

    touch("touchStart", places[0])
    for place in places[1:]:
        touch("touchMove", place)
    time.sleep(0.3)
    one = ask(browser, "Array.from(found.page.pixels)")
    touch("touchStart", places[-1], (box["x"] + 30, box["y"] + 30))
    touch("touchMove", places[-1], (box["x"] + 300, box["y"] + 300))
    touch("touchEnd")
    time.sleep(0.3)
    assert browser.execute_script("return scrollY") == 0
    assert ask(browser, "Array.from(found.page.pixels)") == one
    assert text(browser, "answer") in tuple("0123456789")


def test_keys_draw(browser: Any, perceptron: tuple[Run, Path]) -> None:
    show(browser, perceptron[1])
    keys = [Keys.ARROW_UP] * 4 + [Keys.SPACE] + [Keys.ARROW_DOWN] * 8 + [Keys.SPACE]
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("id") == "area"
    browser.switch_to.active_element.send_keys(*keys)
    time.sleep(0.2)
    assert text(browser, "answer") in tuple("0123456789")
    browser.switch_to.active_element.send_keys(Keys.DELETE)
    assert text(browser, "answer") == "No answer yet"


def test_files_are_opened_and_what_is_none_is_said(
    browser: Any, perceptron: tuple[Run, Path], source: str, tmp_path: Path
) -> None:
    run, page = perceptron
    show(browser, page)
    image = load_images(source).test.images[5]
    Image.fromarray(image[..., 0]).save(tmp_path / "a <b> digit.png")
    chooser = browser.find_element("id", "file")
    chooser.send_keys(str(tmp_path / "a <b> digit.png"))
    time.sleep(0.3)
    expected = run.data.class_names[int(run.predict(image[np.newaxis])[0].argmax())]
    assert text(browser, "answer") == expected
    assert text(browser, "status") == "a <b> digit.png, 28x28 pixels"
    (tmp_path / "notes.png").write_text("no picture")
    chooser.send_keys(str(tmp_path / "notes.png"))
    time.sleep(0.3)
    assert text(browser, "status") == "notes.png: not a picture that this browser can read."
    assert text(browser, "answer") == expected, "what was there stays"
    blank = io.BytesIO()
    Image.new("L", (50, 40), 180).save(blank, "png")
    paste = """
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(arguments[1])], "blank.png", {type: "image/png"}));
        document.dispatchEvent(new window[arguments[0] === "paste" ? "ClipboardEvent" : "DragEvent"](
          arguments[0], {clipboardData: data, dataTransfer: data, cancelable: true}));"""
    for way in ("paste", "drop"):
        browser.find_element("id", "clear").click()
        browser.execute_script(paste, way, list(blank.getvalue()))
        time.sleep(0.3)
        assert text(browser, "status") == "Nothing stands out in this picture: there is no answer."
        assert text(browser, "answer") == "No answer yet"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (360, False), (360, True)])
def test_axe_finds_nothing_and_no_request_leaves(
    browser: Any, perceptron: tuple[Run, Path], photos: tuple[Run, Path], width: int, dark: bool
) -> None:
    for _, page in (perceptron, photos):
        show(browser, page, width, dark)
        for answered in (False, True):
            if answered:
                ask(browser, "found.page.answer(new Uint8Array(found.model.shape.reduce((a, b) => a * b)).fill(90, 3))")
                time.sleep(0.6)
            axe = Axe(browser)
            axe.inject()
            assert axe.run(options={"resultTypes": ["violations"]})["violations"] == []
            size = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            assert browser.execute_script(size) == [width, width]
        assert browser.get_log("browser") == []
        notes = [json.loads(note["message"])["message"] for note in browser.get_log("performance")]
        asked = [note["params"]["request"]["url"] for note in notes if note["method"] == "Network.requestWillBeSent"]
        # The worker that trains is made of the page's own script: a blob, which no network ever sees.
        assert [address for address in asked if not address.startswith("blob:")] == [page.as_uri()]


def test_names_stay_text(browser: Any, photos: tuple[Run, Path]) -> None:
    """Also without the policy that forbids scripts: escaping alone must hold."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        show(browser, photos[1])
        ask(browser, "found.page.answer(new Uint8Array(found.model.shape.reduce((a, b) => a * b)).fill(90, 3))")
        listed = [name.text for name in browser.find_elements("css selector", "#classes .name")]
        assert sorted(listed) == sorted(HOSTILE)
        assert not browser.execute_script(
            "return document.querySelectorAll('main :is([onerror], b, script, img)').length"
        )
    finally:
        browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})


def test_a_browser_with_other_numbers_gives_no_answers(
    browser: Any, perceptron: tuple[Run, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(perceptron[1].read_text(encoding="utf-8").replace("&#34;seed&#34;: 1,", "&#34;seed&#34;: 3,"))
    browser.get(broken.as_uri())
    time.sleep(0.5)
    assert text(browser, "status").startswith("This browser cannot run the network: its answers to test images differ")
    assert not browser.find_element("id", "answer").is_displayed()
