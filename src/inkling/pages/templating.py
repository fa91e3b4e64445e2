"""Where templates are, and what they may use: every value from outside is escaped."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from inkling.figures.pictures import photo_uri, png_uri
from inkling.metrics import formatting
from inkling.networks.catalogue import network_noun
from inkling.pages.glossary import glossary_link, link_terms

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters but tab and line breaks: HTML does not allow them, and a terminal that shows a page obeys them."""


@cache
def environment(package: str, beside: str | None = None) -> Environment:
    """Return the environment that the pages of a package are made in: its own templates and the shared ones.

    Parameters
    ----------
    package : str
        Such as "inkling.report", which has a folder `templates`.
    beside : str, optional
        A package with templates beside its modules.
    """
    loaders = [PackageLoader(package), PackageLoader("inkling.pages")]
    if beside is not None:
        loaders.append(PackageLoader(beside, "."))
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(png=png_uri, photo=photo_uri, network_noun=network_noun)
    environment.filters.update(percent=formatting.percent, seconds=formatting.seconds, terms=link_terms)
    environment.globals.update(formatting=formatting, glossary_link=glossary_link)
    return environment


def _without_controls(value: Any) -> Any:
    """Return what is put into a page without control characters, as names of classes and files may hold them."""
    if not isinstance(value, str) or not _CONTROL.search(value):
        return value
    return type(value)(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", value))


def keep_hyphens(html: str) -> str:
    """Return HTML whose headings break no line inside a word with hyphens, such as the name of a network."""

    def keep(match: re.Match[str]) -> str:
        words = re.sub(r"(?<![\w&;-])\w+(?:-\w+)+", r'<span class="unbroken">\g<0></span>', match[2])
        return f"{match[1]}{words}{match[3]}"

    return re.sub(r"(<h[1-3][^>]*>)([^<]*)(</h[1-3]>)", keep, html)
