"""Scripts of pages, each with the fingerprint by which a Content-Security-Policy lets it run, and nothing else.

Every page is whole without its script. What comes from a user stands in attributes, escaped, and never in a script.
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
def script(*names: str) -> Script:
    """Return files as one script.

    Parameters
    ----------
    names : str
        A package of Inkling and a file among its templates: "pages/review.js", "integrations/export/model.js".
    """
    parts = [name.rsplit("/", 1) for name in names]
    text = "\n".join(
        files("inkling").joinpath(package, "templates", file).read_text(encoding="utf-8") for package, file in parts
    )
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    # The files are the package's own, and hold nothing of a user.
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704
