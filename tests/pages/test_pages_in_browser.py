"""The pages in Chromium: usable by everybody, on any screen and on paper, silent, and safe against names from users."""

from __future__ import annotations

import base64
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, emulate, open_browser
from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.expected_conditions import alert_is_present
from selenium_axe_python import Axe

from command_line import inkling
from inkling.figures.style import LEVELS, NETWORK_COLOURS
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.registry import load_images
from inkling.labels.review import RatedLabels, write_review
from inkling.report.page import write_report
from inkling.runs.execute import RunPlan, train_run
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.training.recipes.registry import recipe

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

SCREENS = pytest.mark.parametrize(
    ("width", "dark"),
    [(1280, False), (1280, True), (360, False), (360, True)],
    ids=["desktop-light", "desktop-dark", "phone-light", "phone-dark"],
)
PAPER = 718
"""CSS pixels between the margins of an A4 page, as Chromium sets them."""
SCRIPT = "<script>alert(1)</script>"
FOLDERS = ("<script>alert(1)<script>", "<img src=x onerror=alert(1)>", "\"quotes\" & 'more' &amp; <b>")
"""Names that folders can have."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    opened = open_browser()
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of two networks, the review of labels, the check of data, and the same of classes with trying names."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("pages")
    plan = StudyPlan.from_recipe("digits", ["perceptron", "small-cnn"], [100, 300, 900], [0, 1], epochs=3)
    run_study(plan, folder / "study")
    settings = ("--network", "perceptron", "--recipe", "reference", "--epochs", 3)
    done = inkling("labels", "digits", *settings, "--limit", 30, "--out", folder / "labels")
    assert done.returncode == 0, done.stderr
    pictures = class_folders(folder / "pictures")
    from_folders = load_images(pictures)
    return {
        "report": write_report(folder / "study"),
        "labels": folder / "labels" / "labels.html",
        "check": checked(pictures, folder / "check.html"),
        "long names": report(noise(tuple(f"a class with a long name {i}" for i in range(20))), folder / "long"),
        "script": report(noise(("cat", SCRIPT, *FOLDERS)), folder / "script", SCRIPT),
        "folders": report(from_folders, folder / "folders", str(pictures)),
        "folders' labels": review(from_folders, folder / "review", from_folders.train.files),
    }


def checked(pictures: Path, out: Path) -> Path:
    """The check of a folder in which something is to be found of every kind that has pictures."""
    messy = out.with_name("messy")
    shutil.copytree(pictures, messy)
    for place, name in enumerate(FOLDERS):
        shutil.copy(messy / name / "<b>&0.png", messy / name / "<b>&copy.png")
        shutil.copy(messy / name / "<b>&1.png", messy / FOLDERS[place - 1] / "<b>&other.png")
        Image.new("RGB", (6, 60), (30 * place, 0, 0)).save(messy / name / "<b>&long.png")
        (messy / name / "<b>&broken.png").write_bytes(b"no picture")
    done = inkling("data", "check", messy, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def noise(names: tuple[str, ...]) -> Splits:
    rng = np.random.default_rng(0)

    def part() -> ImageDataset:
        return ImageDataset(rng.integers(0, 256, (120, 8, 8, 1)).astype(np.uint8), np.arange(120) % len(names), names)

    return Splits(part(), part(), part(), "noise")


def class_folders(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(rng.integers(0, 256, (6, 6)).astype(np.uint8)).save(folder / name / f"<b>&{i}.png")
    return folder


def report(splits: Splits, folder: Path, source: str = "noise") -> Path:
    for _ in train_run(
        RunPlan(source, "perceptron", recipe("reference", epochs=3)), splits, folder, command=["x", source]
    ):
        pass
    return write_report(folder)


def review(splits: Splits, folder: Path, files: tuple[str, ...]) -> Path:
    n, classes = len(splits.train), len(splits.train.class_names)
    rated = RatedLabels("train", np.arange(n), np.random.default_rng(0).dirichlet(np.ones(classes), n), SCRIPT)
    return write_review(splits, rated, folder, 10, files, SCRIPT).gallery


def show(browser: webdriver.Chrome, page: Path, width: int = 1280, dark: bool = False, media: str = "screen") -> None:
    """Load a page, and forget what the browser noted of the one before."""
    emulate(browser, width, 800, dark, media)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())


def written(browser: webdriver.Chrome, script: str = "true") -> Counter[str]:
    """Return the pieces of text of the page whose element meets a condition, with how often they are there."""
    walk = """
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (walker.nextNode()) {
          const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
          if (text && !element.closest("script") && (%s)) found.push(text);
        }
        return found;"""
    return Counter(browser.execute_script(walk % script))


VISIBLE = "element.checkVisibility({visibilityProperty: true, opacityProperty: true})"


@SCREENS
@pytest.mark.parametrize("name", ["report", "labels", "check"])
def test_axe_finds_nothing(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    show(browser, pages[name], width, dark)
    assert_usable(browser)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", ["long names", "folders"])
def test_axe_finds_nothing_with_trying_names(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int
) -> None:
    show(browser, pages[name], width)
    assert_usable(browser)


def assert_usable(browser: webdriver.Chrome) -> None:
    """Unfold everything, and fail with each rule that axe finds broken, and where."""
    browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    axe = Axe(browser)
    axe.inject()
    found = [
        f"{rule['id']}: {rule['help']}" + "".join(f"\n  {node['target']}: {node['html']}" for node in rule["nodes"])
        for rule in axe.run(options={"resultTypes": ["violations"]})["violations"]
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("dark", [False, True])
def test_colours_stand_out(browser: webdriver.Chrome, pages: dict[str, Path], dark: bool) -> None:
    """WCAG 2.2, AA: text by 4.5 to 1, which axe does not measure in drawings, and lines by 3 to 1."""
    show(browser, pages["report"], dark=dark)

    def contrast(colour: str, on: str) -> float:
        look = "return getComputedStyle(document.documentElement).getPropertyValue('--' + arguments[0])"
        dim, bright = sorted(luminance(browser.execute_script(look, name).strip()) for name in (colour, on))
        return (bright + 0.05) / (dim + 0.05)

    text = [(words, on) for words in ("ink", "muted") for on in ("paper", "wash")]
    text += [(f"on-heat-{i}", f"heat-{i}") for i in range(LEVELS)]
    assert not {pair: contrast(*pair) for pair in text if contrast(*pair) < 4.5}
    lines = [(f"network-{i}", "paper") for i in range(len(NETWORK_COLOURS))]
    assert not {pair: contrast(*pair) for pair in lines if contrast(*pair) < 3}


def luminance(colour: str) -> float:
    """Relative luminance of a colour such as #d9d9d9 (WCAG 2.2)."""
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@SCREENS
def test_pages_fit_and_keep_to_themselves(
    browser: webdriver.Chrome, pages: dict[str, Path], width: int, dark: bool
) -> None:
    for name, page in pages.items():
        show(browser, page, width, dark)
        size = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        assert browser.execute_script(size) == [width, width], name
        wide = "return [...document.querySelectorAll('main, section, p, dl, h1, h2, h3, figure')]"
        wide += ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
        assert browser.execute_script(wide) == [], name
        assert browser.get_log("browser") == [], name
        notes = [json.loads(note["message"])["message"] for note in browser.get_log("performance")]
        asked = [note["params"]["request"]["url"] for note in notes if note["method"] == "Network.requestWillBeSent"]
        assert page.as_uri() in asked
        assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == [], name


@pytest.mark.parametrize("name", ["report", "labels", "check"])
def test_everything_is_there_without_scripts(browser: webdriver.Chrome, pages: dict[str, Path], name: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, pages[name])
        everything = written(browser)
        assert len(everything) > 50
        folded = "element.closest('details') && !element.closest('summary')"
        assert everything - written(browser, f"{VISIBLE} || ({folded})") == Counter()
        browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
        assert everything - written(browser, VISIBLE) == Counter()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("name", ["report", "labels", "check"])
def test_paper_shows_everything(browser: webdriver.Chrome, pages: dict[str, Path], name: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    show(browser, pages[name])
    everything = written(browser, "!element.closest('nav')")  # links are of no use there
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    show(browser, pages[name], PAPER, dark=True, media="print")
    assert everything - written(browser, VISIBLE) == Counter()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PAPER
    cut = "return [...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
    cut += "getComputedStyle(e).overflowX !== 'visible').map(e => e.outerHTML)"
    assert browser.execute_script(cut) == []
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    emulate(browser, 1280, 800, media="")
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") > 1


@pytest.mark.parametrize("name", ["script", "folders", "folders' labels", "check"])
def test_names_stay_text(browser: webdriver.Chrome, pages: dict[str, Path], name: str) -> None:
    """Also without the policy that forbids scripts: escaping alone must hold."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        show(browser, pages[name])
        assert not alert_is_present()(browser)
        assert not browser.execute_script(
            "return document.querySelectorAll('[onerror], img[src=x], b, main script').length"
        )
        seen = "\n".join(written(browser))
        for word in (SCRIPT, *FOLDERS) if name == "script" else FOLDERS:
            assert word in seen
        if name in ("folders' labels", "check"):
            assert "<b>&" in seen
        if name == "folders' labels":
            assert SCRIPT in seen
    finally:
        browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
