"""The report's script: that of its figures and lists, and that of the review of labels."""

from __future__ import annotations

from inkling.pages.script import Script
from inkling.pages.script import script as page_script


def script() -> Script:
    """Return the report's script."""
    return page_script("pages/elements.js", "report/report.js", "pages/review.js")
