"""The commands, put together. Each one's module is imported when it is asked for: `inkling --help` needs none."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from inkling.cli.lazy_commands import Entry, LazyCommands, summary
from inkling.cli.streams import writing_output

COMMANDS = {
    "demo": Entry("demo"),
    "train": Entry(
        "train",
        (
            "inkling train digits",
            "inkling train mnist --network cnn --recipe strong --out runs/cnn",
            "inkling train mnist --network cnn --recipe strong --out runs/cnn --resume",
        ),
        loads_runs=True,
    ),
    "evaluate": Entry(
        "evaluate",
        (
            "inkling evaluate runs/cnn",
            "inkling evaluate runs/cnn --split train",
            "inkling evaluate runs/cnn-seed0 runs/cnn-seed1 runs/cnn-seed2",
        ),
        loads_runs=True,
    ),
    "study": Entry(
        "study",
        (
            "inkling study digits --networks perceptron,reference-cnn --train-sizes 200,1077",
            "inkling study mnist --train-sizes 2000,50000 --seeds 0,1,2 --jobs 2 --out study",
        ),
        loads_runs=True,
    ),
    "compare": Entry(
        "compare",
        ("inkling compare runs/perceptron runs/cnn", "inkling compare study"),
        loads_runs=True,
    ),
    "report": Entry(
        "report",
        ("inkling report runs/cnn", "inkling report study --figures figures"),
        loads_runs=True,
    ),
    "predict": Entry(
        "predict",
        (
            "inkling predict runs/cnn digit.png",
            "inkling predict runs/cnn scan.png --invert --calibrated",
            "inkling predict runs/cnn new-pictures --invert auto --skip-unreadable --out predictions.csv",
            "inkling predict runs/cnn 'scans/**/*.png' --format jsonl",
        ),
        loads_runs=True,
        kind="InvertCommand",
    ),
    "stress": Entry(
        "stress",
        ("inkling stress runs/cnn", "inkling stress runs/perceptron runs/cnn --images 2000"),
        loads_runs=True,
    ),
    "export": Entry(
        "export",
        (
            "inkling export runs/cnn --format onnx --calibrated --out cnn.onnx",
            "inkling export runs/cnn-seed0 runs/cnn-seed1 --format onnx --out mean.onnx",
            "inkling export runs/cnn --format page --calibrated --out cnn.html",
        ),
        loads_runs=True,
    ),
    "serve": Entry(
        "serve",
        (
            "inkling serve runs/cnn",
            "inkling serve runs/perceptron best=runs/cnn --calibrated --port 8080",
        ),
        loads_runs=True,
    ),
    "card": Entry(
        "card",
        ("inkling card runs/cnn", "inkling card runs/cnn --out README.md"),
        loads_runs=True,
    ),
    "explain": Entry(
        "explain",
        ("inkling explain runs/cnn digit.png", "inkling explain runs/cnn digit.png --class 7"),
        loads_runs=True,
    ),
    "labels": Entry(
        "labels",
        ("inkling labels mnist --train-size 10000 --epochs 10", "inkling labels mnist --split test --run runs/cnn"),
        loads_runs=True,
    ),
    "next": Entry("next_pictures", ("inkling next runs/cnn new-pictures --count 50",), loads_runs=True),
    "find-lr": Entry("find_lr", ("inkling find-lr mnist --network cnn --recipe strong",)),
    "gradcheck": Entry(
        "gradcheck",
        ("inkling gradcheck", "inkling gradcheck my_net.py:MyNetwork"),
        loads_runs=True,
    ),
    "data": Entry(),
    "new": Entry(),
}
"""Command -> what is known of it, in the order of the help."""


class _Root(TyperGroup):
    """`inkling` itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = LazyCommands(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names alone: the values would be loaded."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List the commands with the first line of the help of each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name, entry)) for name, entry in COMMANDS.items()])


app = typer.Typer(
    name="inkling",
    cls=_Root,
    help="Train, examine and ship neural-network image classifiers, with every number on the table.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from inkling import __version__

        with writing_output():
            typer.echo(f"inkling {__version__}")
        raise typer.Exit
