"""The review of labels in Chromium: keys, clicks, two tabs, refused storage, and the file that our own reader reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, open_browser
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium_axe_python import Axe

from inkling.images.corrections import correct, read_corrections
from inkling.images.dataset import ImageDataset, Splits
from inkling.labels.review import RatedLabels, write_review

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

NAMES = ("cat", "=cmd()", "</script><script>alert(1)</script>", 'a "b", c\r\nd', "'+dog", "7")


@pytest.fixture(scope="module")
def splits() -> Splits:
    rng = np.random.default_rng(0)

    def part(n: int, files: bool = False) -> ImageDataset:
        names = tuple(f"@{i} \"</script>',\n.png" for i in range(n)) if files else ()
        return ImageDataset(rng.integers(0, 256, (n, 6, 6, 1)).astype(np.uint8), np.arange(n) % 6, NAMES, names)

    return Splits(part(24, files=True), part(6), part(6), "tiny")


@pytest.fixture
def page(splits: Splits, tmp_path: Path) -> Path:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(6), 24)
    return write_review(splits, RatedLabels("train", np.arange(24), probabilities, "chance"), tmp_path / "out", 8,
                        splits.train.files).gallery  # fmt: skip


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    browser = open_browser()
    browser.set_window_size(1280, 1000)
    yield browser
    browser.quit()


@pytest.fixture
def browser(chrome: Any, page: Path, tmp_path: Path) -> Any:
    chrome.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path / "got")})
    chrome.get(page.as_uri())
    chrome.execute_script("localStorage.clear()")
    chrome.get(page.as_uri())
    chrome.get_log("browser")
    return chrome


def all_of(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def status(browser: Any) -> str:
    return str(all_of(browser, "[role=status]")[0].text)


def press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def click(browser: Any, element: Any) -> None:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def download(browser: Any, tmp_path: Path) -> Path:
    click(browser, all_of(browser, ".review-bar button")[1])
    path = tmp_path / "got" / "corrections.csv"
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.05)
    return path


def test_a_review_by_keys_and_clicks_is_read_back(browser: Any, page: Path, splits: Splits, tmp_path: Path) -> None:
    assert status(browser) == "0 of 8 reviewed."
    browser.execute_script("arguments[0].focus()", all_of(browser, ".cards > li")[0])
    press(browser, "y", "s", "u", "7")
    assert status(browser).startswith("4 of 8 reviewed: ")
    cards = all_of(browser, ".cards > li")
    assert browser.switch_to.active_element == cards[4]
    press(browser, "n")
    assert browser.switch_to.active_element.tag_name == "select"
    offered = [o.get_attribute("textContent") for o in Select(browser.switch_to.active_element).options][1:]
    assert set(offered) < set(NAMES)
    press(browser, Keys.ARROW_DOWN, Keys.ENTER)
    assert browser.switch_to.active_element == cards[5]
    click(browser, all_of(cards[5], ".review button")[1])
    click(browser, all_of(cards[6], ".review button")[0])
    assert "7 of 8 reviewed" in status(browser)
    click(browser, all_of(browser, ".review-bar button")[0])
    assert "6 of 8 reviewed" in status(browser)
    assert browser.switch_to.active_element == cards[6]
    browser.get(page.as_uri())
    assert "6 of 8 reviewed" in status(browser), "kept by the browser"
    got = download(browser, tmp_path)
    suspects = read_corrections(got, NAMES)
    assert len(suspects) == 5, "unsure changes nothing"
    corrected = correct(splits, got).train.labels
    for row in suspects:
        assert row.file == splits.train.files[row.index]
        assert row.label == NAMES[splits.train.labels[row.index]]
        assert NAMES[corrected[row.index]] == row.correct_label
    assert suspects[0].correct_label == suspects[0].label
    assert suspects[1].correct_label == suspects[1].suggested
    assert suspects[2].correct_label == "7"
    assert suspects[3].correct_label == offered[0]
    assert ",=cmd()" not in got.read_text(encoding="utf-8")
    # What nobody has filled in is what the command itself writes.
    browser.execute_script("localStorage.clear()")
    browser.get(page.as_uri())
    got.unlink()
    assert download(browser, tmp_path).read_bytes() == (page.parent / "corrections.csv").read_bytes()
    assert browser.get_log("browser") == []


def test_two_tabs_lose_nothing_of_each_other(browser: Any, page: Path) -> None:
    first = browser.current_window_handle
    click(browser, all_of(browser, ".review button")[0])
    browser.switch_to.new_window("tab")
    second = browser.current_window_handle
    try:
        browser.get(page.as_uri())
        click(browser, all_of(all_of(browser, ".cards > li")[1], ".review button")[3 - 1])
        browser.switch_to.window(first)
        click(browser, all_of(all_of(browser, ".cards > li")[2], ".review button")[0])
        assert status(browser).startswith("3 of 8 reviewed: 2 right, 0 wrong, 1 unsure")
    finally:
        browser.switch_to.window(second)
        browser.close()
        browser.switch_to.window(first)


def test_where_the_browser_keeps_nothing_it_says_so(browser: Any, page: Path, tmp_path: Path) -> None:
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": refuse})
    try:
        browser.get(page.as_uri())
        assert "choices are lost when it is closed" in all_of(browser, ".keeping")[0].text
        click(browser, all_of(browser, ".review button")[1])
        assert "1 of 8 reviewed" in status(browser)
        assert len(read_corrections(download(browser, tmp_path))) == 1
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_controls_are_usable_and_leave_the_page_without_scripts(browser: Any, page: Path) -> None:
    click(browser, all_of(browser, ".review button")[0])
    axe = Axe(browser)
    axe.inject()
    assert axe.run(options={"resultTypes": ["violations"]})["violations"] == []
    assert len(all_of(browser, ".cards [tabindex='0']")) == 5
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        assert all_of(browser, "button, select, .review-bar") == []
        assert "correct_label" in all_of(browser, "header")[0].text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
