"""The report: true numbers, whatever the run or study; safe against names from users; one page that needs nothing."""

from __future__ import annotations

import gzip
import html
import json
import re
import shutil
import tempfile
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.diagnosis.comparison import compare_over_seeds
from inkling.errors import RunError
from inkling.images.augment import Augmentation
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.metrics import formatting
from inkling.metrics.spread import spread
from inkling.networks.numpy.optimizers import OptimizerSettings
from inkling.report.evidence import Cell, Evidence
from inkling.report.gather import Report, gather, gather_sections
from inkling.report.head import answers
from inkling.report.page import build_report, render_report, write_report
from inkling.report.sections.comparison import better_title, compared_cells, comparison_rows, comparison_title, decisive
from inkling.report.settings_wording import settings_by_size, settings_parts
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.training.recipes.registry import recipe
from inkling.training.schedules import ScheduleSettings
from inkling.training.settings import TrainingSettings
from inkling.training.targets import Distillation

SETTINGS = recipe("reference", epochs=4)
HOSTILE = "<script>alert(1)</script>"


def train(folder: Path, splits: Splits, source: str, size: int | None = None, seed: int = 0) -> None:
    for _ in train_run(
        RunPlan(source, "perceptron", replace(SETTINGS, seed=seed), size),
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
    plan = StudyPlan("digits", {("perceptron", size): SETTINGS for size in (100, 400)}, (0, 1))
    made = StudyFolder.open(plan, folder, "inkling study digits --out <study>")
    for size in (100, 400):
        for seed in (0, 1):
            train(made.run_folder("perceptron", size, seed), load_digits(), "digits", size, seed)
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> str:
    return build_report(study)


def words(page: str) -> str:
    """The text that a reader sees, in one line; links of terms stand in the middle of it."""
    body = re.sub("</?a[^>]*>", "", page[page.index("<body>") :])
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
    report, seen = gather(study), words(page)
    evidence = report.evidence
    for cell in evidence.cells:
        assert " ".join(cell.first.overfitting.verdict.split()) in seen
    test = evidence.chosen.first.test
    lede = seen[: seen.index("Learning curves")]
    assert lede.count(f"% test accuracy: perceptron on {evidence.data_name}") == 1
    assert [question for question, _ in answers(report)] == [
        "Accuracy", "Mistakes", "Overfitting", "More data", "Calibration"
    ]  # fmt: skip
    for question, answer in answers(report):
        assert f"{question} {' '.join(answer.split())}" in lede
        assert answer.endswith(".")
    assert evidence.chosen.first.overfitting.summary in lede
    assert f"{100 * test.interval.low:.1f}–{100 * test.interval.high:.1f}%" in lede
    assert f"on {test.n} test images" in lede
    assert "From 100 to 400 training images" in lede
    assert "test images are misclassified, most often" in lede
    order = ["Learning curves", "Overfitting", "Data size", "Calibration", "Prediction sets", "Confusion matrix",
             "Every class counted equally",
             "Errors per class", "Misclassified images", "Labels and duplicates", "Training and test images",
             "Attribution", "First-layer weights", "Architecture",
             "All runs", "Use of the test images", "How to reproduce it", "Glossary"]  # fmt: skip
    topics = re.findall(r'<p class="topic">([^<]*)</p>', page)
    assert topics == order


def test_misses_sum_to_n_minus_correct_in_the_page(study: Path, page: str) -> None:
    table = page[page.index('id="misses"') :]
    table = table[table.index("<table") : table.index("</table>")]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table[: table.index("<tfoot>")].split("<tr>")[2:]]
    totals = re.findall(r"<td>([\d,]+)</td>", table[table.index("<tfoot>") :])
    for column, cell in enumerate(gather(study).evidence.cells):
        found = cell.first.evaluation
        assert sum(int(row[2 + column]) for row in rows) == found.n - found.correct == int(totals[1 + column])
        assert f"<small>{found.n}</small><small>− {found.correct}</small> = {found.n - found.correct}<" in table


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    parsed = Page(page)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in parsed.addresses)
    assert parsed.tags.count("script") == 1  # its own, which test_pages_interaction.py looks at
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(parsed.tags)
    assert "url(" not in re.sub(r"url\(#", "", page)
    without_namespaces = re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert "http://" not in without_namespaces
    assert "https://" not in without_namespaces
    assert "default-src 'none'" in page
    assert tempfile.gettempdir() not in page


def test_headings_ids_and_names_are_in_order(study: Path, page: str) -> None:
    parsed = Page(page)
    assert parsed.headings[0] == "h1"
    assert parsed.headings.count("h1") == 1
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert parsed.unnamed == []
    report = gather(study)
    ((_, mistakes),) = report["mistakes"].items()
    ((_, attribution),) = report["attribution"].items()
    # Curves, misses, confusion, architecture; reliability, risk-coverage and the deletion test.
    assert parsed.tags.count("svg") == 8 + 3
    pictures = (
        len(mistakes) * (1 + 4), len(report["labels"].suspects.suspects) * (1 + 4),
        2 * len(attribution.right + attribution.wrong), 2 * 64,
    )  # fmt: skip
    assert parsed.tags.count("img") == sum(pictures)


def test_what_it_takes_to_repeat_it_is_there(study: Path, page: str) -> None:
    seen = words(page)
    assert "inkling study digits --out <study>" in seen
    assert "recipe reference; 4 epochs; batches of 256; constant learning rate 2; stochastic gradient descent" in seen
    assert "numpy" in seen
    for run in ("perceptron-100-seed0", "perceptron-400-seed1"):
        assert StudyFolder(study).folder.joinpath("runs", run).is_dir()
    for _, digest in gather(study)["provenance"].fingerprints:
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
    assert page.lower().count("<script") == 1  # its own
    assert html.escape(names[1]).replace("&#x27;", "&#39;") in page
    if HOSTILE in names:
        charts = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
        assert "&lt;script&gt;" in charts
    report = gather(tmp_path / "run")
    assert len(report.evidence.cells) == 1
    assert report["data-size"] is None
    assert report.evidence.chosen.first.overfitting.verdict in words(page)
    assert "over seeds" not in words(page)


def test_a_source_that_is_gone_costs_the_pictures_and_one_line(tmp_path: Path) -> None:
    train(tmp_path / "run", noise(("a", "b")), str(tmp_path / "gone"))
    seen, report = words(build_report(tmp_path / "run")), gather(tmp_path / "run")
    assert seen.count("The pictures are left out") == 1
    assert all(found.picture is None for found in report["mistakes"]["perceptron"])
    assert "predicted" in seen[seen.index("The pictures are left out") :]


def test_a_source_with_other_images_now_costs_the_pictures(tmp_path: Path) -> None:
    train(tmp_path / "run", noise(tuple("0123456789")), "digits")
    assert "now holds other images than" in words(build_report(tmp_path / "run"))


def test_a_named_set_is_not_downloaded_for_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "empty"))
    train(tmp_path / "run", noise(tuple("0123456789")), "mnist")
    assert "inkling data fetch mnist" in words(build_report(tmp_path / "run"))


def test_pictures_are_of_the_mistakes(study: Path) -> None:
    digits = load_digits()
    report = gather(study)
    ((network, mistakes),) = report["mistakes"].items()
    (cell,) = report.evidence.best_cells
    assert cell is report.evidence.chosen
    assert cell.network == network
    test, train = digits.test, digits.with_train_size(cell.train_size, 0).train
    for found in mistakes:
        assert found.name == f"test image {found.mistake.index}"
        assert test.labels[found.mistake.index] == found.mistake.label
        assert found.picture is not None
        np.testing.assert_array_equal(found.picture, test.images[found.mistake.index])
        distances = np.square(train.images.astype(float) - found.picture).sum(axis=(1, 2, 3))
        nearest = [np.square(near.picture.astype(float) - found.picture).sum() for near in found.neighbours]
        assert nearest == sorted(distances)[:4]
        assert all(near.label in train.labels for near in found.neighbours)


def test_without_a_mistake_there_is_no_gallery(tmp_path: Path) -> None:
    images = np.repeat(np.array([0, 255], np.uint8), 30)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    part = ImageDataset(images, np.repeat([0, 1], 30), ("dark", "bright"))
    easy = Splits(part, part, part, "easy")
    for _ in train_run(RunPlan("easy", "perceptron", replace(SETTINGS, epochs=30)), easy, tmp_path / "run"):
        pass
    assert gather(tmp_path / "run").evidence.chosen.first.evaluation.correct == 60
    page = build_report(tmp_path / "run")
    seen = words(page)
    assert 'id="mistakes"' not in page
    assert "#mistakes" not in page
    assert "Worst mistake" not in seen
    assert "None of the 60 test images is misclassified" in seen


def test_two_networks_of_which_one_has_no_weight_pictures(study: Path) -> None:
    evidence = gather(study).evidence
    others = tuple(replace(cell, network="cnn") for cell in evidence.cells)
    both = gather_sections(
        replace(evidence, cells=others + evidence.cells, best_cells=(others[-1], *evidence.best_cells))
    )
    effects = gather(study)["data-size"]
    effects = replace(effects, size_effects={**effects.size_effects, "cnn": effects.size_effects["perceptron"]})
    alone = {"perceptron": both["weights"]["perceptron"]}
    parsed = Page(page := render_report(both.with_content("data-size", effects).with_content("weights", alone)))
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert parsed.tags.count("svg") == 4 + 4 + 2 + 4 + 2 + 2 * 3
    seen = words(page)
    assert "Weights of the hidden units in the first layer of the perceptron" in seen
    assert "in the first layer of the cnn" not in seen
    assert "the cnn's test error goes from" in seen
    assert "var(--network-1)" in page


def test_the_evidence_behind_the_answer_is_in_the_page(study: Path, page: str) -> None:
    report, seen = gather(study), words(page)
    calibration, overfitting = report["calibration"]["perceptron"], report["overfitting"]
    said = [
        calibration.diagnosis.verdict, calibration.rejection.verdict, report["attribution"]["perceptron"].test.verdict,
        overfitting.gap_changes["perceptron"].verdict, report["labels"].duplicates.verdict,
        *(overfitting.early_stopping["perceptron", size].verdict for size in (100, 400)),
    ]  # fmt: skip
    for sentence in said:
        assert " ".join(sentence.split()) in seen


def test_test_labels_in_doubt_are_ranked_by_how_probably_they_are_right(study: Path) -> None:
    report, test = gather(study), load_digits().test
    doubted = report["labels"].suspects
    assert doubted.n == 360
    found = [Run(path.parent).predictions("test") for path in sorted(study.glob("runs/*/run.json"))
             if f"-{report.evidence.chosen.train_size}-" in str(path)]  # fmt: skip
    mean = np.mean([of.probabilities for of in found], axis=0)
    own = mean[np.arange(360), test.labels]
    assert [suspect.error.score for suspect in doubted.suspects] == pytest.approx(
        [own[suspect.error.index] for suspect in doubted.suspects], abs=1e-6
    )
    ranks = [suspect.error.right for suspect in doubted.suspects]
    assert ranks == sorted(ranks)
    for suspect in doubted.suspects:
        assert suspect.error.flagged or suspect.error.suggested_probability > suspect.error.score
        np.testing.assert_array_equal(suspect.picture, test.images[suspect.error.index])


def test_without_cleanlab_the_page_says_what_to_install(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.diagnosis.label_errors.find_spec", lambda name: None)
    seen = words(build_report(study))
    assert "Test labels were not checked" in seen
    assert "pip install 'inkling-ml[labels]'" in seen


def test_every_figure_becomes_a_file(two_networks: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures"
    done = inkling("report", two_networks, "--out", tmp_path / "report.html", "--figures", out, "--json")
    assert last_json(done)["figures"] == str(out)
    names = {path.stem for path in out.iterdir()}
    assert {path.name for path in out.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    expected = {"error-cnn-200", "loss-perceptron-400", "confusion-cnn", "reliability-perceptron", "risk-coverage-cnn",
                "misses-cnn-400", "mistakes-cnn", "attribution-cnn-correct", "attribution-perceptron-mistakes",
                "deletion-cnn", "weights-perceptron-200", "weights-cnn-400", "feature-maps-cnn",
                "architecture-cnn"}  # fmt: skip
    assert expected <= names
    for path in out.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    assert_refused(inkling("report", two_networks, "--figures", tmp_path / "report.html"), "report.html")


def test_where_it_is_written(study: Path, tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write_report(study, tmp_path / "other.html").read_text(encoding="utf-8") == page
    assert write_report(study) == study / "report.html"
    with pytest.raises(RunError, match="not a run folder"):
        build_report(tmp_path)
    monkeypatch.setattr("inkling.report.page.gather", None)  # found out before any work
    with pytest.raises(RunError, match="cannot be written"):
        write_report(study, tmp_path / "no" / "report.html")


def test_it_is_small_enough_to_send(page: str) -> None:
    assert len(page) < 1_000_000
    assert len(gzip.compress(page.encode())) < 500_000


# --- several networks ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("reports") / "networks"
    plan = StudyPlan.from_recipe("digits", ["perceptron", "cnn"], [200, 400], [0, 1], epochs=4)
    run_study(plan, folder)
    return folder


def test_networks_stand_side_by_side(two_networks: Path) -> None:
    report, page = gather(two_networks), build_report(two_networks)
    evidence, seen = report.evidence, words(page)
    cells = compared_cells(evidence)
    compared = {cell.network: cell for cell in cells}
    assert {name: cell.train_size for name, cell in compared.items()} == {"cnn": 400, "perceptron": 400}
    title = comparison_title(cells, evidence.n_test)
    assert seen.count(title) == 1
    best, other = sorted(cells, key=lambda cell: -cell.validation_accuracy.mean)
    assert f"Test accuracy {100 * best.test_accuracy.mean:.1f}% for the {best.network} and " in title
    assert f"{100 * other.test_accuracy.mean:.1f}% for the {other.network}; " in title
    comparisons = report["comparison"].comparisons
    assert list(comparisons) == [200, 400]
    (found,) = comparisons[400]
    assert {found.a, found.b} == set(compared)
    assert dict(answers(report))["Best network"].startswith(
        f"After 400 training images, {found.verdict[0].lower()}{found.verdict[1:]}"
    )
    assert better_title(*decisive(evidence.cells, comparisons)) in seen
    for cell in cells:
        assert f"{cell.parameters:,}" in seen
        assert f"{cell.multiply_adds:,}" in seen
        assert formatting.significant(cell.timing.images_per_second) in seen
        assert formatting.seconds(cell.timing.per_epoch) in seen
        timing = cell.first.timing
        assert timing.images_per_second == pytest.approx(cell.train_size / timing.per_epoch)
    assert compared["perceptron"].parameters == 64 * 64 + 64 + 64 * 10 + 10
    assert "Comparison of networks" in re.findall(r'<p class="topic">([^<]*)</p>', page)
    for name in compared:
        assert f"Settings, {name}" in seen
    assert not Page(page).unnamed


def test_one_network_is_compared_with_none(study: Path, page: str) -> None:
    assert gather(study)["comparison"] is None
    assert "Comparison of networks" not in page


def test_the_page_of_a_convolutional_network_shows_its_inside(two_networks: Path) -> None:
    report, page = gather(two_networks), build_report(two_networks)
    seen = words(page)
    assert list(report["feature-maps"]) == ["cnn"]
    maps = report["feature-maps"]["cnn"]
    cell = maps.cell
    assert cell is report.evidence.cells_of("cnn")[-1]
    predictions = cell.first.evaluation
    assert predictions.n == report.evidence.n_test
    np.testing.assert_array_equal(maps.picture, load_digits().test.images[maps.index])
    assert load_digits().test.labels[maps.index] == maps.label
    assert f"Feature maps of the cnn for test image {maps.index}, class {maps.label}" in seen
    for title in (
        "4×4, 32 channels",
        "2×2, 64 channels, the 32 with the largest activations",
        "1×1, 128 channels, the 32 with",
    ):
        assert f"After ReLU: {title}" in seen
    assert "where its pattern occurs, 3×3 pixels large" in seen
    assert "Weights of the filters in the first layer of the cnn" in seen
    assert "Weights of the hidden units in the first layer of the perceptron" in seen
    assert "400 training images, 32 filters" in seen
    assert 'width="3" height="3"' in page
    for layer in cell.layers:
        assert layer.detail in seen
    assert f"The cnn has {cell.parameters:,} parameters" in seen
    assert "residual sum" in seen


def costing(cell: Cell, per_epoch: float, validation: float, test: float = 0.9) -> Cell:
    run = replace(cell.first, timing=replace(cell.first.timing, per_epoch=per_epoch))
    spread = cell.validation_accuracy
    return replace(
        cell,
        runs=(run,),
        validation_accuracy=replace(spread, mean=validation),
        test_accuracy=replace(spread, mean=test),
    )


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (313.4, "313 times as long as"),
        (2.5, "2.5 times as long as"),
        (1.0, "about as long as"),
        (0.5, "50% of the time of"),
    ],
)
def test_the_costs_of_networks_in_words(two_networks: Path, ratio: float, expected: str) -> None:
    first, second = compared_cells(gather(two_networks).evidence)
    better, worse = costing(first, ratio, 0.99, 0.98), costing(second, 1.0, 0.8, 0.75)
    names = better.network, worse.network
    accuracies = f"Test accuracy 98.0% for the {names[0]} and 75.0% for the {names[1]}"
    assert comparison_title([worse, better], 360) == (
        f"{accuracies}; an epoch of the {names[0]} takes {expected} one of the {names[1]}"
    )


def test_the_title_sets_the_best_of_three_against_the_cheapest(two_networks: Path) -> None:
    first, second = compared_cells(gather(two_networks).evidence)
    cells = [
        costing(first, 60.0, 0.99),
        costing(second, 2.0, 0.8),
        replace(costing(second, 30.0, 0.9), network="third"),
    ]
    title = comparison_title(cells, 360)
    assert f"for the {first.network}, 90.0% for the third and 90.0% for the {second.network}; " in title
    assert title.endswith(f"takes 30 times as long as one of the {second.network}")


@pytest.mark.parametrize(
    ("of_first", "of_second", "best"),
    [
        ((990, 985), (900, 890), 0),
        ((900, 890), (990, 985), 1),
        ((905,), (900,), None),  # chance alone could explain it
        ((990, 900), (890, 901), None),  # not over seeds
    ],
)
def test_an_accuracy_is_called_best_only_where_it_is_shown(
    two_networks: Path, of_first: tuple[int, ...], of_second: tuple[int, ...], best: int | None
) -> None:
    labels = np.zeros(1000, np.int64)
    rng = np.random.default_rng(0)
    cells, answers = [], []
    for cell, right in zip(compared_cells(gather(two_networks).evidence), (of_first, of_second), strict=True):
        cells.append(replace(cell, test_accuracy=spread([correct / 1000 for correct in right])))
        answers.append([np.eye(2)[(rng.permutation(1000) >= correct).astype(int)] for correct in right])
    compared = compare_over_seeds(labels, *answers, *(cell.network for cell in cells))
    rows = comparison_rows(cells, 360, 1000, [compared])
    assert rows[0].measure == "Test accuracy, n = 1,000"
    assert rows[0].best == best
    assert comparison_rows(cells, 360, 1000, [])[0].best is None


def test_a_cost_is_called_best_only_by_a_margin(two_networks: Path) -> None:
    first, second = compared_cells(gather(two_networks).evidence)
    for per_epoch, best in ((1.0, 0), (1.95, None), (2.1, None), (3.0, 1)):
        rows = {
            row.measure: row
            for row in comparison_rows([costing(first, per_epoch, 0.9), costing(second, 2, 0.9)], 360, 360, ())
        }
        assert rows["Time per epoch"].best == best
        assert rows["Time per epoch"].values == (formatting.seconds(per_epoch), "2.00 s")
        assert rows["Parameters"].best == 1
        assert rows["Best epoch"].best is None


def test_the_comparison_holds_means_over_seeds_and_the_least_disturbed_times(two_networks: Path) -> None:
    cell = compared_cells(gather(two_networks).evidence)[0]
    assert len(cell.runs) == 2
    assert cell.gap.mean == pytest.approx(np.mean([run.overfitting.gap for run in cell.runs]))
    assert cell.timing.per_epoch == min(run.timing.per_epoch for run in cell.runs)
    assert cell.timing in [run.timing for run in cell.runs]
    page = build_report(two_networks)
    assert "means over seeds (cnn: 2, perceptron: 2)" in words(page)
    table = page[page.index('<table class="comparison"') :]
    table = table[: table.index("</table>")]
    counts = [int(count.replace(",", "")) for count in re.findall(r"<strong>([\d,]+)</strong>", table)]
    assert counts[0] == min(cell.parameters for cell in compared_cells(gather(two_networks).evidence))


def test_numbers_in_words() -> None:
    assert [formatting.significant(value) for value in (829187.0, 697.4, 91.53, 2.0)] == ["829,000", "697", "91.5", "2"]
    assert [formatting.signed(value) for value in (-1.26, -0.04, 0.83)] == ["−1.3", "0.0", "0.8"]


def longer_report(evidence: Evidence, cells: tuple[Cell, ...]) -> Report:
    best = tuple(cells[evidence.cells.index(cell)] for cell in evidence.best_cells)
    return gather_sections(replace(evidence, cells=cells, best_cells=best))


def test_each_network_has_a_horizontal_scale_of_its_own(two_networks: Path) -> None:
    evidence = gather(two_networks).evidence
    cells = tuple(
        replace(cell, runs=tuple(replace(run, history=run.history * 100) for run in cell.runs))
        if cell.network == "perceptron"
        else cell
        for cell in evidence.cells
    )
    page = render_report(longer_report(evidence, cells))
    for network, last in (("cnn", 4), ("perceptron", 400)):
        panels = re.findall(f'aria-label="error of the {network} by epoch.*?</svg>', page, re.DOTALL)
        assert len(panels) == 2
        for panel in panels:
            ticks = [int(text) for text in re.findall(r">(\d+)</text>", panel)]
            assert max(ticks) == last


def test_training_sizes_of_very_different_epochs_do_not_share_a_scale(study: Path) -> None:
    evidence = gather(study).evidence
    small, large = evidence.cells
    longer = replace(small, runs=tuple(replace(run, history=run.history * 100) for run in small.runs))
    page = render_report(longer_report(evidence, (longer, large)))
    panels = re.findall('aria-label="error of the perceptron by epoch.*?</svg>', page, re.DOTALL)
    assert [max(int(text) for text in re.findall(r">(\d+)</text>", panel)) for panel in panels] == [400, 4]


# --- settings and teachers ------------------------------------------------------------------------------------------


def test_settings_that_say_nothing_are_left_out() -> None:
    assert settings_by_size([(100, SETTINGS), (400, replace(SETTINGS, seed=1))]) == (
        "recipe reference; 4 epochs; batches of 256; constant learning rate 2; stochastic gradient descent; "
        "float32 arithmetic"
    )


def test_settings_that_differ_between_sizes_say_where() -> None:
    small = replace(SETTINGS, epochs=100, label_smoothing=0.1)
    large = replace(SETTINGS, epochs=30)
    said = settings_by_size([(1000, small), (2000, small), (50000, large)]).split("; ")
    assert said[1:3] == ["100 epochs at 1,000 and 2,000 images", "30 epochs at 50,000 images"]
    assert "label smoothing 0.1 at 1,000 and 2,000 images" in said
    assert said.count("batches of 256") == 1


def test_settings_in_words() -> None:
    settings = replace(
        SETTINGS,
        schedule=ScheduleSettings("cosine", 0.5, 0.0025),
        optimizer=OptimizerSettings(momentum=0.9, nesterov=True, weight_decay=3e-5),
        augmentation=Augmentation(shift=1.2, rotation=10.0, scale=0.1),
        distillation=Distillation(weight=0.9, temperature=2.0),
        patience=5,
        balance_classes=True,
    )
    said = settings_by_size([(100, settings)]).split("; ")
    for expected in (
        "learning rate 0.5, cosine schedule, warm-up over 0.25% of the steps",
        "stochastic gradient descent, Nesterov momentum 0.9, weight decay 3e-05",
        "augmented by up to shift 1.2 px, rotation 10°, scale 0.1",
        "every class weighted the same",
        "stops after 5 epochs without a better validation accuracy",
    ):
        assert expected in said
    assert any(part.startswith("distillation weight 0.9, temperature 2") for part in said)
    adam = replace(SETTINGS, optimizer=OptimizerSettings("adam", 0.7, beta2=0.9, weight_decay=1e-4))
    assert "Adam, betas 0.7 and 0.9, weight decay 0.0001" in settings_by_size([(100, adam)])


def test_every_setting_has_its_words() -> None:
    assert {part.name for part in fields(TrainingSettings)} - {"seed"} == set(settings_parts(TrainingSettings()))


def test_teachers_and_devices_are_named(study: Path, tmp_path: Path) -> None:
    seen = words(build_report(study))
    assert "Teacher, " not in seen
    assert "Device, " not in seen
    shutil.copytree(study / "runs" / "perceptron-100-seed0", tmp_path / "run")
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    info["teacher"] = {"run": HOSTILE, "network": "cnn", "weights_sha256": "ab" * 32}
    info["device"] = "cuda"
    (tmp_path / "run" / "run.json").write_text(json.dumps(info))
    page = build_report(tmp_path / "run")
    assert page.count("<script") == 1  # its own
    seen = words(page)
    assert f"Teacher, perceptron {HOSTILE} (cnn), weights SHA-256 {'ab' * 32}" in seen
    assert "Device, perceptron cuda" in seen
    assert "Network perceptron hidden 64, dtype float32" in seen
