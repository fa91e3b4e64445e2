"""The `inkling` command: the commands put together, and every mistake turned into one line and an exit status."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from inkling.cli import (
    compare,
    data,
    demo,
    evaluate,
    explain,
    find_lr,
    gradcheck,
    labels,
    predict,
    report,
    study,
    train,
)
from inkling.errors import InklingError

app = typer.Typer(
    name="inkling",
    help="Train, examine and ship neural-network image classifiers, with every number on the table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    demo.demo,
    train.train,
    evaluate.evaluate,
    study.study,
    compare.compare,
    report.report,
    predict.predict,
    explain.explain,
    labels.labels,
    find_lr.find_lr,
    gradcheck.gradcheck,
):
    app.command()(command)
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from inkling import __version__

        typer.echo(f"inkling {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and exit: 0 done, 2 a mistake that the user can mend, 130 interrupted."""
    try:
        status = app(prog_name="inkling", standalone_mode=False)
    except InklingError as error:
        status = _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except typer.TyperException as error:
        status = _usage_error(error)
    except BrokenPipeError:
        # The reader of our output went away; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _usage_error(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.format_message() + "\n")
        return 0
    command = error.ctx.command_path if getattr(error, "ctx", None) else "inkling"
    return _fail(f"{error.format_message()} See '{command} --help'.")


def _fail(message: str) -> int:
    sys.stderr.write("inkling: " + " ".join(message.split()) + "\n")
    return 2
