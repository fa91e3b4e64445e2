"""What commands print: names that files and classes have, shown and never obeyed."""

from __future__ import annotations

import pytest

from command_line import assert_refused, inkling
from inkling.cli.console import Output, table
from inkling.cli.progress import Meter

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


def test_a_refusal_shows_names_and_does_not_obey_them() -> None:
    done = inkling("evaluate", "no\x1b[31mrun")
    assert_refused(done, "no\\x1b[31mrun")
    assert "\x1b" not in done.stderr


def test_progress_shows_names_and_does_not_obey_them() -> None:
    meter = Meter(2, "a\x1b[31m")
    meter.update(1, "b\x07")
    assert (meter.what, meter.detail) == ("a\\x1b[31m", "b\\x07")
