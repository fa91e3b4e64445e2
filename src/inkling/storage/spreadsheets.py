"""Text in CSV files that a spreadsheet program takes for text.

It takes what begins with =, +, - or @ for a formula, and runs it (https://owasp.org/www-community/attacks/CSV_Injection).
Such text is written with an apostrophe in front, which is taken off when the file is read.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def no_formula(text: str) -> str:
    """Return a text as it is written into a cell."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_meant(text: str) -> str:
    """Return the text that `no_formula` made a cell of."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
