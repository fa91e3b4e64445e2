"""What commands print: names that files and classes have, shown and never obeyed."""

from __future__ import annotations

import pytest

from inkling.cli.console import Output, table

NAMES = ("ok\x1b[31m", "two\nlines", "bell\x07", "c1\x9b31m", "[bold]x[/]", ":cat:", "plain ü 日本")
SHOWN = ("ok\\x1b[31m", "two\\nlines", "bell\\x07", "c1\\x9b31m", "[bold]x[/]", ":cat:", "plain ü 日本")


def test_tables_show_names_and_do_not_obey_them(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("class", *NAMES)
    for name in NAMES:
        rows.add_row(name, 1)
    Output(quiet=False, as_json=False).result({}, rows)
    said = capsys.readouterr().out
    assert [line.split("  ")[0].strip() for line in said.splitlines()[1:]] == list(SHOWN)
    assert all(name in said.splitlines()[0] for name in SHOWN)
    assert all(character == "\n" or character.isprintable() for character in said)


def test_lines_show_names_and_do_not_obey_them(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=False, as_json=False)
    output.note(*NAMES)
    output.result({}, *NAMES)
    shown = [name.replace("two\\nlines", "two\nlines") for name in SHOWN]  # a text may have lines
    for said in capsys.readouterr():
        assert said.splitlines() == "\n".join(shown).split("\n")
