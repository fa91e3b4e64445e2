"""The model card: from the run's evidence, readable by machines, and obeying no name that is put into it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from command_line import TRAIN_DIGITS, assert_refused, inkling
from inkling.integrations.export.card import TO_FILL_IN, model_card
from inkling.integrations.export.markup import in_markdown, in_yaml
from inkling.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert inkling(*TRAIN_DIGITS, "--epochs", 2, "--out", folder).returncode == 0
    return Run(folder)


def test_the_head_is_yaml_with_the_metrics_of_the_run(run: Run) -> None:
    _, head, body = model_card([run]).split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["pipeline_tag"] == "image-classification"
    metrics = {metric["type"]: metric["value"] for metric in values["model-index"][0]["results"][0]["metrics"]}
    predictions = run.predictions("test")
    accuracy = (predictions.probabilities.argmax(axis=1) == predictions.labels).mean()
    assert metrics["accuracy"] == pytest.approx(accuracy)
    low, high = metrics["accuracy_interval_95"]
    assert low < accuracy < high
    assert body.startswith("\n# perceptron on digits\n")


def test_hashes_intervals_and_places_to_fill_in_are_there_and_no_path_is(run: Run) -> None:
    card = model_card([run])
    assert run.weights_digest() in card
    assert run.data.fingerprint in card
    assert "| accuracy | test | 360 |" in card
    assert card.count(TO_FILL_IN) == 4
    assert str(run.folder.parent) not in card


def test_names_are_shown_and_never_obeyed_wherever_they_stand(run: Run) -> None:
    hostile = Run(run.folder)
    names = tuple(f"<b>**{number}**|x" for number in range(10))
    hostile.data = replace(run.data, name='"<b>: {', class_names=names)
    _, head, body = model_card([hostile]).split("---\n", 2)
    assert yaml.safe_load(head)["model-index"][0]["results"][0]["dataset"]["name"] == '"<b>: {'
    assert "<b>" not in body
    assert "**0" not in body
    assert "|x" not in body.replace("\\|x", "")
    html = MarkdownIt("gfm-like", {"linkify": False}).render(body)
    assert html.count("&lt;b&gt;**8**|x") >= 2


def test_the_command_writes_it_beside_the_run_or_where_it_is_told(run: Run, tmp_path: Path) -> None:
    done = inkling("card", run.folder, "--json")
    assert Path(json.loads(done.stdout)["card"]) == run.folder / "card.md"
    assert inkling("card", run.folder, "--out", tmp_path / "README.md").returncode == 0
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("---\nlibrary_name: inkling\n")
    assert_refused(inkling("card", run.folder, "--out", tmp_path), "cannot be written")


NAMES = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>", "a|b", "![x](http://a.b/c)", "[x](javascript:alert(1))", "**a**", "---", "- x",
        "1. x", "# x", "`x`", "&lt;", "https://a.b", "www.a.b", "a@b.c", "<b>", '": {x: 1}', "\\", "\\|", "__a__",
        "~~a~~",
        "a\u2028b", "\ud800", "+ x", "= x", "http:\\//a.b",
    ]
)  # fmt: skip


@given(NAMES)
def test_yaml_reads_back_any_text(text: str) -> None:
    assert yaml.safe_load(f"x: {in_yaml(text)}\ny: 1") == {"x": text, "y": 1}


@given(NAMES)
def test_markdown_shows_any_text_and_obeys_none(text: str) -> None:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split())) or "(blank)"
    escaped = in_markdown(text)
    for line in (f"| {escaped} | b |\n|---|---|\n", f"- {escaped}\n", f"# {escaped}\n", f"{escaped}\n"):
        inline = next(
            token for token in MarkdownIt("gfm-like", {"linkify": False}).parse(line) if token.type == "inline"
        )
        children = inline.children or []
        assert {child.type for child in children} <= {"text", "text_special"}
        assert "".join(child.content for child in children) == shown
