"""Where templates are, and what they may use: every value from outside is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from inkling.figures.pictures import png_uri
from inkling.metrics import formatting


@cache
def environment(package: str) -> Environment:
    """Return the environment that the pages of a package are made in: its own templates and the shared ones.

    Parameters
    ----------
    package : str
        Such as "inkling.report", which has a folder `templates`.
    """
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("inkling.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(png=png_uri, percent=formatting.percent, seconds=formatting.seconds)
    made.globals.update(formatting=formatting)
    return made
