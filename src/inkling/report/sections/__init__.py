"""The sections of the report: every module here is one, with its template beside it."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from inkling.report.section import Section


@cache
def sections() -> tuple[Section[Any], ...]:
    """Return the `SECTION` of every module in this package, by their `order`."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.SECTION for module in modules), key=lambda section: section.order))
