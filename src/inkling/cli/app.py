"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

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
from inkling.cli.streams import writing_output

app = typer.Typer(
    name="inkling",
    help="Train, examine and ship neural-network image classifiers, with every number on the table.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
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
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from inkling import __version__

        with writing_output():
            typer.echo(f"inkling {__version__}")
        raise typer.Exit
