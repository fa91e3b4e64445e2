"""Where templates are, and what they may use: every value from outside is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from inkling.views import wording
from inkling.views.pictures import png_uri


@cache
def environment() -> Environment:
    """Return the environment that every page is made in."""
    made = Environment(
        loader=PackageLoader("inkling.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(png=png_uri, percent=wording.percent, interval=wording.interval, seconds=wording.seconds)
    return made
