"""The report: true numbers, whatever the run or study; safe against names from users; one page that needs nothing."""

from __future__ import annotations

import gzip
import html
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from inkling.errors import RunError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.digits import load_digits
from inkling.reporting import build_report, gather, write_report
from inkling.runs.execute import Plan, execute
from inkling.runs.study_folder import StudyFolder
from inkling.study import StudyPlan, run_study
from inkling.training.recipes import recipe
from inkling.views import wording
from inkling.views.report import render_report

SETTINGS = recipe("reference", epochs=4)
HOSTILE = "<script>alert(1)</script>"


def train(folder: Path, splits: Splits, source: str, size: int | None = None, seed: int = 0) -> None:
    for _ in execute(
        Plan(source, "perceptron", replace(SETTINGS, seed=seed), size),
        splits,
        folder,
        command=["inkling", "train", source],
    ):
        pass


def noise(names: tuple[str, ...], shape: tuple[int, int, int] = (8, 8, 1), n: int = 120) -> Splits:
    rng = np.random.default_rng(0)

    def part() -> ImageDataset:
        return ImageDataset(rng.integers(0, 256, (n, *shape)).astype(np.uint8), np.arange(n) % len(names), names)

    return Splits(part(), part(), part(), "noise")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "study"
    made = StudyFolder.write(folder, {"source": "digits", "command": "inkling study digits --out <study>"})
    for size in (100, 400):
        for seed in (0, 1):
            train(made.run_folder("perceptron", size, seed), load_digits(), "digits", size, seed)
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> str:
    return build_report(study)


def words(page: str) -> str:
    """The text that a reader sees, in one line."""
    body = page[page.index("<body>") :]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


class Page(HTMLParser):
    """Tags, ids and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[str] = []
        self.unnamed: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if "id" in values:
            self.ids.append(values["id"] or "")
        self.addresses += [values[name] or "" for name in ("src", "href", "xlink:href", "action") if name in values]
        if (tag == "img" and "alt" not in values) or (tag == "svg" and not values.get("aria-label")):
            self.unnamed.append(tag)


def test_every_verdict_is_in_the_page_and_the_answer_comes_first(study: Path, page: str) -> None:
    content, seen = gather(study), words(page)
    for cell in content.cells:
        assert " ".join(cell.first.overfitting.verdict.split()) in seen
    test = content.chosen.first.test
    lede = seen[: seen.index("Learning curves")]
    assert content.chosen.first.overfitting.verdict in lede
    assert f"{100 * test.interval.low:.1f}–{100 * test.interval.high:.1f}%" in lede
    assert f"of {test.n} test images right" in lede
    assert "From 100 to 400 training images" in lede
    assert "it most often takes" in lede
    order = ["Learning curves", "Overfitting", "Confusion matrix", "Misses per class", "Worst mistakes",
             "Architecture", "First-layer weights", "All runs", "How it was made"]  # fmt: skip
    topics = re.findall(r'<p class="topic">([^<]*)</p>', page)
    assert topics == order


def test_misses_sum_to_n_minus_correct_in_the_page(study: Path, page: str) -> None:
    table = page[page.index('id="misses"') :]
    table = table[table.index("<table") : table.index("</table>")]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table[: table.index("<tfoot>")].split("<tr>")[2:]]
    totals = re.findall(r"<td>([\d,]+)</td>", table[table.index("<tfoot>") :])
    for column, cell in enumerate(gather(study).cells):
        found = cell.first.evaluation
        assert sum(int(row[2 + column]) for row in rows) == found.n - found.correct == int(totals[1 + column])
        assert f"{found.n} − {found.correct} =</small> {found.n - found.correct}" in table


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    parsed = Page(page)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in parsed.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(parsed.tags)
    assert "url(" not in re.sub(r"url\(#", "", page)
    without_namespaces = re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert "http://" not in without_namespaces
    assert "https://" not in without_namespaces
    assert "default-src 'none'" in page
    assert "/tmp" not in page


def test_headings_ids_and_names_are_in_order(page: str) -> None:
    parsed = Page(page)
    assert parsed.headings[0] == "h1"
    assert parsed.headings.count("h1") == 1
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert parsed.unnamed == []
    assert parsed.tags.count("svg") == 8
    assert parsed.tags.count("img") == sum((24, 2 * 64))


def test_what_it_takes_to_repeat_it_is_there(study: Path, page: str) -> None:
    seen = words(page)
    assert "inkling study digits --out <study>" in seen
    assert "epochs 4" in seen
    assert "numpy" in seen
    for run in ("perceptron-100-seed0", "perceptron-400-seed1"):
        assert StudyFolder(study).folder.joinpath("runs", run).is_dir()
    for _, digest in gather(study).fingerprints:
        assert re.fullmatch("[0-9a-f]{64}", digest)
        assert digest in page
    assert "standard deviation over seeds" in seen


@pytest.mark.parametrize(
    ("names", "shape"),
    [(("cat", HOSTILE), (8, 8, 1)), (tuple(f"class {i}" for i in range(47)), (6, 5, 3)), (("a", "b"), (64, 64, 3))],
)
def test_one_run_on_any_images(tmp_path: Path, names: tuple[str, ...], shape: tuple[int, int, int]) -> None:
    train(tmp_path / "run", noise(names, shape), HOSTILE)
    page = build_report(tmp_path / "run")
    assert "<script" not in page.lower()
    assert html.escape(names[1]).replace("&#x27;", "&#39;") in page
    if HOSTILE in names:
        charts = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
        assert "&lt;script&gt;" in charts
    content = gather(tmp_path / "run")
    assert len(content.cells) == 1
    assert not content.size_effects
    assert content.chosen.first.overfitting.verdict in words(page)
    assert "over seeds" not in words(page)


def test_a_source_that_is_gone_costs_the_pictures_and_one_line(tmp_path: Path) -> None:
    train(tmp_path / "run", noise(("a", "b")), str(tmp_path / "gone"))
    seen, content = words(build_report(tmp_path / "run")), gather(tmp_path / "run")
    assert seen.count("The pictures are left out") == 1
    assert all(found.picture is None for found in content.chosen.mistakes)
    assert "said" in seen


def test_a_source_with_other_images_now_costs_the_pictures(tmp_path: Path) -> None:
    train(tmp_path / "run", noise(tuple("0123456789")), "digits")
    assert "now holds other images than" in words(build_report(tmp_path / "run"))


def test_a_named_set_is_not_downloaded_for_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "empty"))
    train(tmp_path / "run", noise(tuple("0123456789")), "mnist")
    assert "inkling data fetch mnist" in words(build_report(tmp_path / "run"))


def test_pictures_are_of_the_mistakes(study: Path) -> None:
    test = load_digits().test
    for found in gather(study).chosen.mistakes:
        assert test.labels[found.mistake.index] == found.mistake.label
        assert found.picture is not None
        np.testing.assert_array_equal(found.picture, test.images[found.mistake.index])


def test_without_a_mistake_there_is_no_gallery(tmp_path: Path) -> None:
    images = np.repeat(np.array([0, 255], np.uint8), 30)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    part = ImageDataset(images, np.repeat([0, 1], 30), ("dark", "bright"))
    easy = Splits(part, part, part, "easy")
    for _ in execute(Plan("easy", "perceptron", replace(SETTINGS, epochs=30)), easy, tmp_path / "run"):
        pass
    content = gather(tmp_path / "run")
    assert content.chosen.first.evaluation.correct == 60
    seen = words(build_report(tmp_path / "run"))
    assert "Worst mistakes" not in seen
    assert "None of the 60 test images is misclassified" in seen


def test_two_networks_of_which_one_has_no_weight_pictures(study: Path) -> None:
    content = gather(study)
    others = tuple(replace(cell, network="cnn", first_layer=None) for cell in content.cells)
    effects = {**content.size_effects, "cnn": content.size_effects["perceptron"]}
    both = replace(content, cells=others + content.cells, size_effects=effects)
    parsed = Page(page := render_report(both))
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert parsed.tags.count("svg") == 4 + 4 + 2 + 4 + 2
    seen = words(page)
    assert "What the hidden units of the perceptron look for" in seen
    assert "What the hidden units of the cnn look for" not in seen
    assert "the cnn's test error goes from" in seen
    assert "var(--network-1)" in page


def test_where_it_is_written(study: Path, tmp_path: Path, page: str) -> None:
    assert write_report(study, tmp_path / "other.html").read_text(encoding="utf-8") == page
    assert write_report(study) == study / "report.html"
    with pytest.raises(RunError, match="not a run folder"):
        build_report(tmp_path)


def test_it_is_small_enough_to_send(page: str) -> None:
    assert len(page) < 1_000_000
    assert len(gzip.compress(page.encode())) < 500_000


@pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("chromedriver") is None, reason="needs chromium and chromedriver"
)
def test_no_sideways_scrolling_on_phones_and_desktops(study: Path, tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    train(tmp_path / "run", noise(tuple(f"a class with a long name {i}" for i in range(20))), "noise")
    pages = [write_report(study, tmp_path / "study.html"), write_report(tmp_path / "run")]
    options = webdriver.ChromeOptions()
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run", "disable-sync",
        "disable-background-networking", "disable-component-update", f"user-data-dir={tmp_path / 'profile'}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        for page in pages:
            for width in (360, 1280):
                metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                browser.get(page.as_uri())
                assert browser.execute_script("return document.documentElement.scrollWidth") <= width
                wide = "return [...document.querySelectorAll('main, section, p, h1, h2, figure')]"
                wide += ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
                assert browser.execute_script(wide) == 0
    finally:
        browser.quit()


# --- several networks ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("reports") / "networks"
    plan = StudyPlan.of_recipe("digits", ["perceptron", "cnn"], [200, 400], [0, 1], epochs=4)
    run_study(plan, folder)
    return folder


def test_networks_stand_side_by_side(two_networks: Path) -> None:
    content, page = gather(two_networks), build_report(two_networks)
    seen = words(page)
    compared = {cell.network: cell for cell in content.compared}
    assert {name: cell.train_size for name, cell in compared.items()} == {"cnn": 400, "perceptron": 400}
    sentence = wording.comparison(content.compared, content.n_test)
    assert seen.count(sentence) == 1
    best, other = sorted(content.compared, key=lambda cell: -cell.validation_accuracy.mean)
    assert f"the {best.network} names {100 * best.test_accuracy.mean:.1f}% of the test images right" in sentence
    assert f"the {other.network} {100 * other.test_accuracy.mean:.1f}%" in sentence
    for cell in content.compared:
        assert f"{cell.parameters:,}" in seen
        assert f"{cell.multiply_adds:,}" in seen
        assert f"{cell.first.timing.images_per_second:,.0f}" in seen
        timing = cell.first.timing
        assert timing.images_per_second == pytest.approx(cell.train_size / timing.per_epoch)
    assert compared["perceptron"].parameters == 64 * 64 + 64 + 64 * 10 + 10
    assert "Networks side by side" in re.findall(r'<p class="topic">([^<]*)</p>', page)
    for name in compared:
        assert f"Settings, {name}" in seen
    assert not Page(page).unnamed


def test_one_network_is_compared_with_none(study: Path, page: str) -> None:
    assert gather(study).compared == ()
    assert "Networks side by side" not in page


def test_the_page_of_a_convolutional_network_shows_its_inside(two_networks: Path) -> None:
    content, page = gather(two_networks), build_report(two_networks)
    seen = words(page)
    cell = content.cells_of("cnn")[-1]
    maps = cell.feature_maps
    assert maps is not None
    assert [layer.output_shape[:2] for layer, _ in maps.stages] == [(4, 4), (2, 2), (1, 1)]
    predictions = cell.first.evaluation
    assert predictions.n == content.n_test
    np.testing.assert_array_equal(maps.picture, load_digits().test.images[maps.index])
    assert load_digits().test.labels[maps.index] == maps.label
    assert f"What the cnn makes of a {maps.label} on the way" in seen
    assert "What the filters in the first layer of the cnn look for" in seen
    assert "What the hidden units of the perceptron look for" in seen
    assert "400 training images, 32 filters" in seen
    assert 'width="3" height="3"' in page
    for layer in cell.layers:
        assert layer.detail in seen
    assert f"The cnn has {cell.parameters:,} parameters" in seen
    assert "residual sum" in seen
    assert all(cell.feature_maps is None for cell in content.cells_of("perceptron"))


def test_the_costs_of_networks_in_words(two_networks: Path) -> None:
    fast, slow = gather(two_networks).compared
    for ratio, expected in ((25.0, "25 times as long as"), (2.5, "2.5 times as long as"), (1.0, "about as long as")):
        timing = replace(slow.first.timing, per_epoch=ratio * fast.first.timing.per_epoch)
        run = replace(slow.first, timing=timing)
        better = replace(slow, runs=(run,), validation_accuracy=replace(slow.validation_accuracy, mean=1.0))
        assert f"an epoch of the {slow.network} takes {expected} one of the {fast.network}." in wording.comparison(
            [fast, better], 360
        )
    cheap = replace(fast.first, timing=replace(fast.first.timing, per_epoch=0.5 * slow.first.timing.per_epoch))
    better = replace(fast, runs=(cheap,), validation_accuracy=replace(fast.validation_accuracy, mean=1.0))
    assert "takes 50% of the time of one of the" in wording.comparison([slow, better], 360)
