"""What a reader can ask of the report, in a real browser: values of an epoch, some of the mistakes, one hidden unit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_screenshots import CHROMIUM, DRIVER, open_browser
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from inkling.diagnosis.mistakes import Mistake
from inkling.figures.curves import LearningCurvesDisplay
from inkling.figures.svg import to_svg
from inkling.metrics.formatting import percent
from inkling.report.curve_panel import curve_panel
from inkling.report.evidence import Cell, Evidence
from inkling.report.gather import Report, gather, gather_sections
from inkling.report.page import render_report
from inkling.report.script import script
from inkling.report.sections.weights import HiddenUnitWeights, unit_numbers
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("interaction") / "study"
    plan = StudyPlan.from_recipe("digits", ["perceptron", "small-cnn"], [100, 300], [0, 1], epochs=5, batch_size=32)
    run_study(plan, folder)
    return gather(folder)


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(report), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def one(report: Report) -> Report:
    """A perceptron at one training size: quick to draw."""
    cell = next(cell for cell in report.evidence.best_cells if cell.network == "perceptron")
    return gather_sections(replace(report.evidence, cells=(cell,), chosen=cell, best_cells=(cell,)))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    browser = open_browser()
    browser.set_window_size(1280, 1000)
    yield browser
    browser.quit()


@pytest.fixture
def browser(chrome: Any, page: Path) -> Any:
    """The report, just opened."""
    chrome.get(page.as_uri())
    return chrome


def open_page(chrome: Any, report: Report, folder: Path) -> None:
    path = folder / "report.html"
    path.write_text(render_report(report), encoding="utf-8")
    chrome.get(path.as_uri())


def all_of(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def in_order(evidence: Evidence) -> list[Cell]:
    return [cell for network in evidence.networks for cell in evidence.cells_of(network)]


def expected(cell: Cell, epoch: int, n_validation: int, measure: str) -> str:
    """The readout of an epoch, from the history."""
    record = cell.first.history[epoch - 1]
    if measure == "error":
        training = percent(1 - record["train_accuracy"], cell.train_size)
        validation = percent(1 - record["validation_accuracy"], n_validation)
    else:
        training, validation = f"{record['train_loss']:.3g}", f"{record['validation_loss']:.3g}"
    return f"epoch {epoch}, seed {cell.first.seed}: training {training}, validation {validation}"


def readout(panel: Any) -> str:
    return str(panel.find_element("css selector", ".readout").text)


def corners(panel: Any) -> list[list[float]]:
    """The points of the thick lines, in units of the viewBox."""
    paths = [path for path in all_of(panel, "path") if "stroke-width: 1.9" in (path.get_attribute("style") or "")]
    assert len(paths) == 2
    return [[float(x) for x in re.findall(r"[ML] ([\d.]+)", path.get_attribute("d"))] for path in paths]


# --- curves --------------------------------------------------------------------------------------------------------


def test_an_epoch_lies_where_its_line_has_it_also_on_a_longer_axis() -> None:
    history = [{f"{s}_{m}": 0.5 / e for s in ("train", "validation") for m in ("accuracy", "loss")} for e in (1, 2, 3)]
    display = LearningCurvesDisplay.from_histories([history], "loss", marked_epoch=2)
    figure = display.plot(title="a title", epochs=20)
    panel = curve_panel(to_svg(figure, "f1", "curves"), figure, display, (100, 100), None)
    left, right, _, _ = map(float, re.findall(r'data-box="([^"]*)"', panel)[0].split())
    lines = re.findall(r'<path d="([^"]*)" [^>]*stroke-width: 1.9', panel)
    assert len(lines) == 2
    for line in lines:
        drawn = [float(x) for x in re.findall(r"[ML] ([\d.]+)", line)]
        assert drawn == pytest.approx([left + (right - left) * e / 19 for e in range(3)], abs=0.02)
    assert 'data-last="20"' in panel
    assert 'data-mark="2"' in panel
    assert 'data-training="0.5 0.25 0.167"' in panel
    assert "data-seed" not in panel


@pytest.mark.parametrize("measure", ["error", "loss"])
def test_the_pointer_reads_the_epoch_under_it(browser: Any, report: Report, measure: str) -> None:
    section = "#curves" if measure == "error" else "#overfitting"
    panels = all_of(browser, f"{section} .curve")
    assert len(panels) == 4
    for cell, panel in zip(in_order(report.evidence), panels, strict=True):
        chart = panel.find_element("css selector", "svg")
        for line in corners(panel):
            assert len(line) == 5
            for epoch, x in enumerate(line, 1):
                # Where the browser draws the line's own corner: independent of what the panel says of its place.
                ActionChains(browser, duration=0).move_to_element_with_offset(
                    chart, round(offset(browser, chart, x)), 0
                ).perform()
                assert readout(panel) == expected(cell, epoch, report.evidence.n_validation, measure)
                hairline = panel.find_element("css selector", ".hairline")
                assert float(hairline.get_attribute("x1")) == pytest.approx(x, abs=0.02)
                assert hairline.value_of_css_property("visibility") == "visible"


def offset(browser: Any, chart: Any, x: float) -> float:
    """How far to the right of a chart's middle a point of its viewBox is, in pixels."""
    width = "const c = arguments[0]; return c.getBoundingClientRect().width / c.viewBox.baseVal.width"
    half = "return arguments[0].getBoundingClientRect().width / 2"
    return float(browser.execute_script(width, chart)) * x - float(browser.execute_script(half, chart))


def test_a_pointer_that_leaves_takes_the_values_along(browser: Any) -> None:
    first, second = all_of(browser, "#curves .curve")[:2]
    ActionChains(browser, duration=0).move_to_element(first.find_element("css selector", "svg")).perform()
    assert readout(first)
    ActionChains(browser, duration=0).move_to_element(second.find_element("css selector", "svg")).perform()
    assert not readout(first)
    assert readout(second)
    assert first.find_element("css selector", ".hairline").value_of_css_property("visibility") == "hidden"


def test_keys_move_the_epoch(browser: Any, report: Report) -> None:
    panel, cell = all_of(browser, "#overfitting .curve")[1], in_order(report.evidence)[1]
    assert panel.get_attribute("role") == "group"
    assert panel.get_attribute("aria-label")
    assert panel.find_element("css selector", "svg").get_attribute("role") == "img"
    assert panel.find_element("css selector", ".readout").get_attribute("aria-live") == "polite"
    browser.execute_script("arguments[0].focus()", panel)
    start = cell.first.overfitting.lowest_loss_epoch
    assert readout(panel) == expected(cell, start, report.evidence.n_validation, "loss")
    for key, epoch in (
        (Keys.HOME, 1), (Keys.ARROW_LEFT, 1), (Keys.ARROW_RIGHT, 2), (Keys.ARROW_RIGHT, 3), (Keys.ARROW_LEFT, 2),
        (Keys.END, 5), (Keys.ARROW_RIGHT, 5),
    ):  # fmt: skip
        panel.send_keys(key)
        assert readout(panel) == expected(cell, epoch, report.evidence.n_validation, "loss")
    panel.send_keys(Keys.TAB)
    assert not readout(panel)


def test_a_finger_reads_too(browser: Any, report: Report) -> None:
    panel, cell = all_of(browser, "#curves .curve")[0], in_order(report.evidence)[0]
    browser.execute_script("arguments[0].scrollIntoView()", panel)
    place = browser.execute_script("const r = arguments[0].getBoundingClientRect(); return [r.x, r.y]", panel)
    touch = {"x": place[0] + 2, "y": place[1] + 60}
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    assert readout(panel) == expected(cell, 1, report.evidence.n_validation, "error")
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert readout(panel) == expected(cell, 1, report.evidence.n_validation, "error")


def test_one_seed_is_not_named(chrome: Any, one: Report, tmp_path: Path) -> None:
    cell = replace(one.evidence.chosen, runs=one.evidence.chosen.runs[:1])
    alone = replace(one.evidence, cells=(cell,), chosen=cell, best_cells=(cell,))
    open_page(chrome, gather_sections(alone), tmp_path)
    words = chrome.execute_script("arguments[0].focus(); return arguments[0].innerText", all_of(chrome, ".curve")[0])
    assert re.search(r"epoch \d: training [\d.]+%, validation [\d.]+%", words)


# --- mistakes ------------------------------------------------------------------------------------------------------


def displayed(browser: Any, gallery: Any) -> list[list[str]]:
    """True and predicted class of the mistakes that are to be seen, and what stands under each."""
    look = """return [...arguments[0].querySelectorAll("li")].filter((item) => item.checkVisibility())
        .map((item) => [item.dataset.true, item.dataset.predicted, item.querySelector(".true").textContent])"""
    found: list[list[str]] = browser.execute_script(look, gallery)
    return found


def test_only_mistakes_of_the_chosen_classes_stay(browser: Any, report: Report) -> None:
    filters, galleries = all_of(browser, ".filter"), all_of(browser, ".mistakes")
    assert len(filters) == len(galleries) == 2
    for bar, gallery, pictured in zip(filters, galleries, report["mistakes"].values(), strict=True):
        mistakes = [one.mistake for one in pictured]
        true, predicted = (Select(found) for found in all_of(bar, "select"))
        names = report.evidence.class_names
        assert [o.text for o in true.options] == ["all", *(names[k] for k in sorted({m.label for m in mistakes}))]
        assert [o.text for o in predicted.options][1:] == [names[k] for k in sorted({m.predicted for m in mistakes})]
        assert all(label.text.startswith(("true class", "predicted class")) for label in all_of(bar, "label"))

        def check(wanted: list[Mistake], bar: Any = bar, gallery: Any = gallery, n: int = len(mistakes)) -> None:
            assert bar.find_element("css selector", "output").text == f"{len(wanted)} of {n}"
            assert displayed(browser, gallery) == [
                [str(m.label), str(m.predicted), f"true {report.evidence.class_names[m.label]}"] for m in wanted
            ]

        assert len(displayed(browser, gallery)) == min(12, len(mistakes))
        one = mistakes[-1]
        true.select_by_visible_text(names[one.label])
        check([m for m in mistakes if m.label == one.label])
        predicted.select_by_visible_text(names[one.predicted])
        check([m for m in mistakes if (m.label, m.predicted) == (one.label, one.predicted)])
        true.select_by_visible_text("all")
        check([m for m in mistakes if m.predicted == one.predicted])
        bar.find_element("css selector", "button").click()
        check(mistakes)
        true.select_by_visible_text(names[one.label])  # and stays so while the other gallery is asked


# --- hidden units --------------------------------------------------------------------------------------------------


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def test_a_hidden_unit_says_what_was_computed(browser: Any, report: Report) -> None:
    cells = report["weights"]["perceptron"]
    grids = all_of(browser, ".units[data-numbers]")
    assert len(grids) == len(cells) == 2
    for grid, cell, unit in zip(grids, cells, (12, 40), strict=True):
        assert cell.hidden is not None
        assert cell.hidden.units is not None
        found, names = cell.hidden.units, report.evidence.class_names
        buttons = all_of(grid, "button")
        assert [b.get_attribute("aria-label") for b in buttons] == [f"hidden unit {j}" for j in range(64)]
        detail = grid.find_element("xpath", "following-sibling::div")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", buttons[unit])
        buttons[unit].click()
        pressed = [b.get_attribute("aria-label") for b in buttons if b.get_attribute("aria-pressed") == "true"]
        assert pressed == [f"hidden unit {unit}"]
        weights = cell.hidden.outgoing[unit]
        friend, foe = int(weights.argmax()), int(weights.argmin())
        assert detail.find_element("css selector", "p").text == (
            f"Hidden unit {unit} is evidence for {names[friend]} ({signed(weights[friend])}), against {names[foe]} "
            f"({signed(weights[foe])}); contributes {found.mean_absolute[unit]:.2f} on average"
        )
        rows = [row.text.split() for row in all_of(detail, ".bars li")]
        assert rows == [[name, signed(weight)] for name, weight in zip(names, weights, strict=True)]
        large, small = detail.find_element("css selector", "img"), all_of(buttons[unit], "img")[0]
        assert large.get_attribute("src") == small.get_attribute("src")
        assert large.size["width"] > 1.5 * small.size["width"]
        for row, weight in zip(all_of(detail, ".bars li"), weights, strict=True):
            track, bar = row.find_element("css selector", "i").rect, row.find_element("css selector", "b").rect
            strongest = np.abs(cell.hidden.outgoing.round(2)).max()
            assert bar["width"] == pytest.approx(track["width"] / 2 * abs(weight.round(2)) / strongest, abs=2)
            middle = track["x"] + track["width"] / 2
            edge = bar["x"] if weight > 0 else bar["x"] + bar["width"]
            assert edge == pytest.approx(middle, abs=2)
        buttons[unit].click()
        assert not detail.text
        assert not all_of(detail, "img")


def test_arrow_keys_walk_over_the_pictures(browser: Any) -> None:
    grid = all_of(browser, ".units[data-numbers]")[0]
    buttons = all_of(grid, "button")

    def reachable() -> list[int]:
        look = "return [...arguments[0].children].flatMap((button, i) => (button.tabIndex === 0 ? [i] : []))"
        found: list[int] = browser.execute_script(look, grid)
        return found

    assert reachable() == [0]
    browser.execute_script("arguments[0].focus()", buttons[0])
    for key, to in (
        (Keys.ARROW_RIGHT, 1), (Keys.ARROW_DOWN, 9), (Keys.ARROW_LEFT, 8), (Keys.ARROW_UP, 0), (Keys.ARROW_UP, 0),
        (Keys.END, 63), (Keys.ARROW_RIGHT, 63), (Keys.HOME, 0),
    ):  # fmt: skip
        browser.switch_to.active_element.send_keys(key)
        assert browser.switch_to.active_element == buttons[to]
        assert reachable() == [to]
    assert not all_of(browser, ".unit img")
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert "Hidden unit 0 is evidence for" in browser.find_element("css selector", ".unit").text


def test_a_filter_is_shown_large(browser: Any, report: Report) -> None:
    grid = all_of(browser, ".units.filters")[0]
    button = all_of(grid, "button")[2]
    assert button.get_attribute("aria-label") == "filter 2"
    button.click()
    detail = grid.find_element("xpath", "following-sibling::div")
    assert detail.text == "Filter 2"
    assert detail.find_element("css selector", "img").size["width"] > 100


def test_the_units_that_weigh_most_are_there_without_a_script(report: Report, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tables = re.findall('<details class="units-table">.*?</details>', text, re.DOTALL)
    for cell, table in zip(report["weights"]["perceptron"], tables, strict=True):
        assert cell.hidden is not None
        assert cell.hidden.units is not None
        found = cell.hidden.units
        assert found.verdict in re.sub("</?a[^>]*>", "", table)
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[2:]]
        assert len(rows) == 10
        assert [int(row[0]) for row in rows] == list(np.argsort(-found.mean_absolute, kind="stable")[:10])
        for unit, mean, friend, foe in rows:
            weights = cell.hidden.outgoing[int(unit)]
            assert mean == f"{found.mean_absolute[int(unit)]:.2f}"
            assert friend == f"{report.evidence.class_names[weights.argmax()]} ({signed(weights.max())})"
            assert foe == f"{report.evidence.class_names[weights.argmin()]} ({signed(weights.min())})"


def test_without_the_images_weights_remain(chrome: Any, one: Report, tmp_path: Path) -> None:
    (weights,) = one["weights"]["perceptron"]
    without = replace(weights, hidden=HiddenUnitWeights(weights.hidden.outgoing, None))
    open_page(chrome, one.with_content("weights", {"perceptron": (without,)}), tmp_path)
    assert not all_of(chrome, ".units-table")
    all_of(chrome, ".units button")[0].click()
    words = chrome.find_element("css selector", ".unit").text
    assert "Hidden unit 0 is evidence for" in words
    assert "contributes" not in words


def test_of_many_classes_the_highest_and_the_lowest_weights_are_shown() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 47))
    numbers = json.loads(unit_numbers(HiddenUnitWeights(weights, None), 2))
    assert len(numbers) == 2
    friend, foe, mean, pairs = numbers[1]
    assert (friend, foe, mean, len(pairs)) == (weights[1].argmax(), weights[1].argmin(), None, 20)
    order = np.argsort(-weights[1])
    assert [k for k, _ in pairs] == [*order[:10], *order[-10:]]
    assert [w for _, w in pairs] == pytest.approx(weights[1][[k for k, _ in pairs]], abs=0.005)


# --- terms ----------------------------------------------------------------------------------------------------------


def test_a_term_explains_itself_to_pointer_and_keyboard(browser: Any) -> None:
    link = browser.find_element("css selector", "#calibration figcaption a.term")
    tip = browser.find_element("css selector", "[role=tooltip]")
    entry = browser.find_element("css selector", f"[id={link.get_attribute('href').split('#')[1]}] + dd")
    definition = entry.get_attribute("textContent")
    assert not tip.is_displayed()
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    ActionChains(browser).move_to_element(link).perform()
    assert tip.is_displayed()
    assert tip.get_attribute("textContent") == definition
    assert link.get_attribute("aria-describedby") == tip.get_attribute("id")
    ActionChains(browser).move_to_element(tip).perform()
    assert tip.is_displayed(), "what appears can be pointed at"
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not tip.is_displayed()
    assert link.get_attribute("aria-describedby") is None
    browser.execute_script("document.querySelector('nav li:last-child a').focus()")
    ActionChains(browser).send_keys(Keys.TAB).send_keys(Keys.TAB).perform()
    focused = browser.switch_to.active_element
    while "term" not in (focused.get_attribute("class") or ""):
        focused.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
    assert tip.is_displayed()
    assert focused.get_attribute("aria-describedby") == tip.get_attribute("id")
    focused.send_keys(Keys.TAB)
    assert focused.get_attribute("aria-describedby") is None


def test_a_term_leads_to_its_entry(browser: Any) -> None:
    link = browser.find_element("css selector", "header a.term")
    link.click()
    entry = browser.find_element("css selector", "dt:target")
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top < innerHeight", entry)


# --- safety --------------------------------------------------------------------------------------------------------


def test_without_scripts_nothing_is_there_that_does_nothing(chrome: Any, page: Path, report: Report) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chrome.get(page.as_uri())
        dead = "button, select, input, output, .readout, .hairline, .filter, .unit, .hint, [hidden], .curve[tabindex]"
        assert all_of(chrome, dead) == []
        assert len(all_of(chrome, ".units[role=img]")) == 4
        assert len(all_of(chrome, ".mistakes li")) == sum(map(len, report["mistakes"].values()))
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_only_the_very_script_may_run(chrome: Any, page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == 1
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert len(policy) == 1
    assert re.search("script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy[0].replace("&#39;", "'"))
    assert policy[0].startswith("default-src 'none'")
    chrome.get_log("browser")
    chrome.get(page.as_uri())
    assert len(all_of(chrome, ".filter")) == 2
    assert chrome.get_log("browser") == []
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace('"use strict";', '"use strict"; '), encoding="utf-8")
    chrome.get(changed.as_uri())
    assert all_of(chrome, ".filter") == []
    assert "Content Security Policy" in chrome.get_log("browser")[0]["message"]


def test_the_script_is_plain() -> None:
    text = str(script().text)
    assert "</script" not in text.lower()
    assert "<!--" not in text
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "http"):
        assert word not in text
    assert len(text.splitlines()) < 500


def test_names_of_classes_stay_text(chrome: Any, one: Report, tmp_path: Path) -> None:
    names = tuple(f"{HOSTILE} \" ' & {k} </script>" for k in range(10))
    chrome.get_log("browser")
    open_page(chrome, replace(one, evidence=replace(one.evidence, class_names=names)), tmp_path)
    offered = [option.text for found in all_of(chrome, ".filter select") for option in Select(found).options]
    assert len(offered) > 3
    assert set(offered) - {"all"} <= set(names)
    all_of(chrome, ".units[data-numbers] button")[3].click()
    detail = chrome.find_element("css selector", ".unit")
    shown = [row.find_element("css selector", "span").get_attribute("textContent") for row in all_of(detail, "li")]
    assert shown == list(names)
    assert HOSTILE in detail.find_element("css selector", "p").text
    assert all_of(chrome, "img[src=x]") == []
    assert chrome.get_log("browser") == []
    for width in (360, 1280):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_print_has_no_controls_and_all_mistakes(browser: Any, report: Report) -> None:
    all_of(browser, ".units button")[0].click()
    gallery, true = all_of(browser, ".mistakes")[0], Select(all_of(browser, ".filter select")[0])
    true.select_by_index(1)
    all_there = len(next(iter(report["mistakes"].values())))
    assert len(displayed(browser, gallery)) < all_there
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert len(displayed(browser, gallery)) == all_there
        for control in all_of(browser, ".filter, .readout, .unit, .hint"):
            assert not control.is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
