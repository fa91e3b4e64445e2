"""Any text, as class names and folders may be called, as one that YAML and Markdown show and never obey."""

from __future__ import annotations

import html
import re

_MARKUP = re.compile(r"^[-+=]|[\\`*_{}\[\]#|~@!$^]|:(?=//)|(?<=www)\.|^\d+[.)]", re.IGNORECASE)
"""What CommonMark or GitHub's extensions could take for markup, links made of bare addresses included."""


def in_yaml(text: str) -> str:
    """Return a text as a double-quoted YAML scalar, on one line (YAML 1.2, section 7.3.1)."""
    return '"' + "".join(_in_yaml(character) for character in text) + '"'


def _in_yaml(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_markdown(text: str) -> str:
    """Return a text for a line or a table's cell: no markup, HTML, link or line break of its own is left in it.

    Punctuation that could be markup is escaped, which CommonMark allows (section 2.4); a character that is not
    printable becomes the replacement character.
    """
    line = " ".join(text.split()) or "(blank)"
    shown = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", html.escape(shown, quote=False))
