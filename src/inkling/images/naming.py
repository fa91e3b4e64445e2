"""Names of files and classes as messages show them: a few of many, each in one line whatever it holds."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

SHOWN = 10
"""Names in a message, at most."""

_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"}
"""Characters that a terminal obeys instead of showing them; names of files and classes may hold any."""


def without_controls(text: str) -> str:
    """Return a text of one line or several with its control characters written as Python does, but for line breaks."""
    return text.translate(_CONTROLS)


def shown(name: str) -> str:
    """Return a name in one line: characters that would break it, or are no Unicode, are written as Python does."""
    return name if name.isprintable() else repr(name)[1:-1]


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many there are more: ``a, b, c and 17 more``."""
    first = ", ".join(map(shown, names[:SHOWN]))
    return f"{first} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else first


def and_list(parts: Sequence[str]) -> str:
    """Join parts by commas and a last "and"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def one_form(name: str) -> str:
    """Return the name of a class without spaces around it, in one Unicode form: macOS writes é as two characters."""
    return unicodedata.normalize("NFC", name.strip() or name)
