"""The glossary: one source for the page and the documentation, and every term of a report explained in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from inkling.pages.glossary import TERMS, glossary_link, link_once, link_terms, linked_terms, markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documentation_is_made_of_the_same_terms() -> None:
    assert (DOCS / "glossary.md").read_text(encoding="utf-8") == markdown()


def test_every_term_is_explained_in_two_sentences() -> None:
    for term in TERMS:
        assert len(re.findall(r"[.?](?= |$)", term.definition.replace("20 ", ""))) == 2, term.name
    assert len({term.id for term in TERMS}) == len(TERMS)


def test_the_first_mention_of_a_term_is_linked_and_the_rest_stays_text() -> None:
    html = link_terms("<b> ECE 0.02 and ECE 0.03; the Brier score, not Brier scores & preECE")
    assert html == Markup(
        '&lt;b&gt; <a class="term" href="#term-ece">ECE</a> 0.02 and ECE 0.03; the '
        '<a class="term" href="#term-brier-score">Brier score</a>, not Brier scores &amp; preECE'
    )
    assert [term.id for term in linked_terms([html])] == ["brier-score", "ece"]


def test_longer_terms_are_linked_before_their_parts() -> None:
    assert ">expected calibration error (ECE)<" in link_terms("The expected calibration error (ECE), 0.1")


def test_an_unknown_term_is_an_error() -> None:
    with pytest.raises(KeyError):
        glossary_link("no such term")


def test_a_term_is_linked_once_in_a_section() -> None:
    html = f"<p>{glossary_link('ece')} &lt;</p><p>{glossary_link('ece', 'ECE')} {glossary_link('logits')}</p>"
    assert link_once(html) == (
        '<p><a class="term" href="#term-ece">expected calibration error (ECE)</a> &lt;</p>'
        '<p>ECE <a class="term" href="#term-logits">logits</a></p>'
    )
    seen = {"ece"}
    assert "term-ece" not in link_once(html, seen)
    assert seen == {"ece", "logits"}
