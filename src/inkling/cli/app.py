"""The commands, put together."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from inkling.cli import (
    card,
    compare,
    data,
    demo,
    evaluate,
    explain,
    export,
    find_lr,
    gradcheck,
    labels,
    new,
    predict,
    report,
    serve,
    stress,
    study,
    train,
)
from inkling.cli import next as next_to_label
from inkling.cli.optional_value import InvertCommand
from inkling.cli.streams import writing_output

Trust = Annotated[
    bool, typer.Option("--trust", help="Execute the code that a run keeps of a network from FILE.py:CLASS.")
]

app = typer.Typer(
    name="inkling",
    help="Train, examine and ship neural-network image classifiers, with every number on the table.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _trusting(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes --trust beside its own options."""

    @functools.wraps(command)
    def trusting(*words: Any, trust: bool = False, **options: Any) -> None:
        if trust:
            from inkling.networks.custom import trust_custom_networks

            trust_custom_networks()
        command(*words, **options)

    signature = inspect.signature(command, eval_str=True)
    added = inspect.Parameter("trust", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Trust)
    vars(trusting)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), added])
    trusting.__annotations__ = {**command.__annotations__, "trust": Trust}
    return trusting


def _examples(*commands: str) -> str:
    """Return commands as the end of a help text, where each keeps its line."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    demo.demo: (),
    train.train: (
        "inkling train digits",
        "inkling train mnist --network cnn --recipe strong --out runs/cnn",
        "inkling train mnist --network cnn --recipe strong --out runs/cnn --resume",
    ),
    evaluate.evaluate: (
        "inkling evaluate runs/cnn",
        "inkling evaluate runs/cnn --split train",
        "inkling evaluate runs/cnn-seed0 runs/cnn-seed1 runs/cnn-seed2",
    ),
    study.study: (
        "inkling study digits --networks perceptron,reference-cnn --train-sizes 200,1077",
        "inkling study mnist --train-sizes 2000,50000 --seeds 0,1,2 --jobs 2 --out study",
    ),
    compare.compare: ("inkling compare runs/perceptron runs/cnn", "inkling compare study"),
    report.report: ("inkling report runs/cnn", "inkling report study --figures figures"),
    predict.predict: (
        "inkling predict runs/cnn digit.png",
        "inkling predict runs/cnn scan.png --invert --calibrated",
        "inkling predict runs/cnn new-pictures --invert auto --skip-unreadable --out predictions.csv",
        "inkling predict runs/cnn 'scans/**/*.png' --format jsonl",
    ),
    serve.serve: (
        "inkling serve runs/cnn",
        "inkling serve runs/perceptron best=runs/cnn --calibrated --port 8080",
    ),
    stress.stress: ("inkling stress runs/cnn", "inkling stress runs/perceptron runs/cnn --images 2000"),
    export.export: (
        "inkling export runs/cnn --format onnx --calibrated --out cnn.onnx",
        "inkling export runs/cnn-seed0 runs/cnn-seed1 --format onnx --out mean.onnx",
        "inkling export runs/cnn --format page --calibrated --out cnn.html",
    ),
    card.card: ("inkling card runs/cnn", "inkling card runs/cnn --out README.md"),
    explain.explain: ("inkling explain runs/cnn digit.png", "inkling explain runs/cnn digit.png --class 7"),
    labels.labels: (
        "inkling labels mnist --train-size 10000 --epochs 10",
        "inkling labels mnist --split test --run runs/cnn",
    ),
    next_to_label.next_pictures: ("inkling next runs/cnn new-pictures --count 50",),
    find_lr.find_lr: ("inkling find-lr mnist --network cnn --recipe strong",),
    gradcheck.gradcheck: ("inkling gradcheck", "inkling gradcheck my_net.py:MyNetwork"),
}
"""Command -> examples of it."""

LOADING = (
    card.card,
    compare.compare,
    evaluate.evaluate,
    explain.explain,
    export.export,
    gradcheck.gradcheck,
    labels.labels,
    next_to_label.next_pictures,
    predict.predict,
    report.report,
    serve.serve,
    stress.stress,
    study.study,
    train.train,
)
"""Commands that load networks from run folders, which may hold code of a person's own."""

for command, examples in COMMANDS.items():
    # Named after its file: `next` as a function would hide Python's own.
    name = command.__module__.rpartition(".")[2].replace("_", "-")
    kind = InvertCommand if command is predict.predict else None
    app.command(name=name, cls=kind, epilog=_examples(*examples) if examples else None)(
        _trusting(command) if command in LOADING else command
    )
app.add_typer(data.app, name="data")
app.add_typer(new.app, name="new")


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from inkling import __version__

        with writing_output():
            typer.echo(f"inkling {__version__}")
        raise typer.Exit
