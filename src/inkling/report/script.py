"""The report's script, with its fingerprint.

The page is whole without the script. What comes from a user stands in attributes, escaped, and never in the script.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup


@dataclass(frozen=True)
class Script:
    """A script for one `<script>` element."""

    text: Markup
    source: str  # what a Content-Security-Policy lets run: this text and nothing else


@cache
def script() -> Script:
    """Return the report's script."""
    text = files("inkling.report").joinpath("templates", "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    # The file is the package's own, and holds nothing of a user.
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704
