"""Sections are found by themselves: the example of docs/how-to-add.md is three files and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inkling
from inkling.errors import RunError
from inkling.images.sources.digits import load_digits
from inkling.report.page import write_report
from inkling.report.sections import sections
from inkling.runs.execute import RunPlan, train_run
from inkling.studies.folder import StudyFolder
from inkling.training.recipes.registry import recipe

PACKAGE = Path(inkling.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "how-to-add.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sections") / "run"
    for _ in train_run(RunPlan("digits", "perceptron", recipe("reference", epochs=2), 200), load_digits(), folder):
        pass
    return folder


def test_a_report_that_cannot_be_written_is_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.report.page.gather", None)
    with pytest.raises(RunError, match="cannot be written"):
        write_report(tmp_path, tmp_path / "missing" / "report.html")


def test_the_example_of_the_documentation_becomes_a_section(run: Path, tmp_path: Path) -> None:
    parts = re.findall(r"<!-- (src/inkling/\S+) -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [path.split("/", 2)[2] for path, _ in parts] == [
        "diagnosis/ink.py", "report/sections/ink.py", "report/sections/ink.html.j2"
    ]  # fmt: skip
    shutil.copytree(PACKAGE, tmp_path / "src" / "inkling", ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in parts:
        (tmp_path / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "inkling", "report", str(run), "--out", "report.html", "--figures", "figures"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "src")}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="ink">') : page.index('<section id="mistakes">')]
    assert page.index('<section id="misses">') < page.index('<section id="ink">')
    assert '<a href="#ink">Ink</a>' in page
    assert re.search(r"<h2>Mean brightness is 0\.\d{3} of misclassified images and 0\.\d{3} of the others", section)
    assert "<svg" in section
    assert (tmp_path / "figures" / "ink.png").is_file()
    assert 'id="term-accuracy"' in page


def test_every_file_of_the_sections_is_a_section() -> None:
    folder = PACKAGE / "report" / "sections"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {path.name.removesuffix(".html.j2") for path in folder.glob("*.html.j2")} == modules
    assert {section.template.removesuffix(".html.j2") for section in sections()} == modules
    assert len({section.order for section in sections()}) == len({section.id for section in sections()}) == len(modules)


def test_terms_lead_to_the_glossary_of_the_page(run: Path, tmp_path: Path) -> None:
    page = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    links = set(re.findall(r'class="term" href="#(term-[\w-]+)"', page))
    assert {"term-ece", "term-wilson", "term-overfitting", "term-logits"} <= links
    assert set(re.findall(r'<dt id="(term-[\w-]+)"', page)) == links


def test_writing_a_report_says_how_far_it_is(run: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    write_report(run, tmp_path / "report.html", tmp_path / "figures", lambda *step: told.append(step))
    stages = [stage for stage, _, _ in told]
    assert stages[0] == "loading runs and images"
    assert set(stages) >= {section.title for section in sections()} | {"drawing", "figures"}
    assert all(0 <= done <= total for _, done, total in told)
    gathering = [done for stage, done, _ in told if stage != "figures"]
    assert gathering == list(range(len(sections()) + 2))


def test_failed_and_unfinished_runs_are_named_with_the_reason(run: Path, tmp_path: Path) -> None:
    from msgspec import to_builtins

    from inkling.studies.folder import FailedRun

    cells = [{"network": "perceptron", "train_size": 200, "settings": {}}]
    info = {"source": "digits", "command": "x", "cells": cells, "seeds": [0, 1, 2],
            "failed": to_builtins([FailedRun("perceptron", 200, 1, "loss <is> nan")])}  # fmt: skip
    study = StudyFolder.write(tmp_path / "study", info)
    shutil.copytree(run, study.run_folder("perceptron", 200, 0))
    page = write_report(tmp_path / "study").read_text(encoding="utf-8")
    assert "perceptron-200-seed1: loss &lt;is&gt; nan" in page
    head = page[: page.index("<nav")]
    assert "1 of the study's runs is not finished and not in this report: perceptron-200-seed2." in head


def test_mistakes_are_named_by_their_files(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    from inkling.images.sources.registry import load_images

    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(30):
            picture = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
            picture.save(tmp_path / "data" / name / f"p{number}.png")
    splits = load_images(tmp_path / "data")
    plan = RunPlan(str(tmp_path / "data"), "perceptron", recipe("reference", epochs=2))
    for _ in train_run(plan, splits, tmp_path / "run"):
        pass
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    gallery = page[page.index('<section id="mistakes">') : page.index('<section id="labels">')]
    names = re.findall(r'<p class="muted">([^<]*)</p>', gallery)
    assert names
    assert set(names) <= set(splits.test.files)
