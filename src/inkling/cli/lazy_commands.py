"""Commands known by their names, and imported when they are asked for."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

Trust = Annotated[
    bool, typer.Option("--trust", help="Execute the code that a run keeps of a network from FILE.py:CLASS.")
]


@dataclass(frozen=True)
class Entry:
    """What is known of a command before its module is imported; the module bears its name.

    Attributes
    ----------
    function : str, optional
        Its function in the module; None where the module has a group of commands, `app`.
    examples : tuple of str
        Shown under its help.
    loads_runs : bool
        Whether it loads networks from run folders, which may hold code of a person's own, and so takes `--trust`.
    kind : str, optional
        A class of command in `cli.optional_value`, where the usual one does not do.
    """

    function: str | None = None
    examples: tuple[str, ...] = ()
    loads_runs: bool = False
    kind: str | None = None


def summary(name: str, entry: Entry) -> str:
    """Return the first line of a command's help, read from its module's source without running that."""
    function = entry.function
    for statement in ast.parse(files("inkling.cli").joinpath(f"{_module(name)}.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == function:
            return (ast.get_docstring(statement) or "").partition("\n")[0]
        if function is None and isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "app":
            told = next(
                word.value for word in ast.walk(statement.value) if isinstance(word, ast.keyword) and word.arg == "help"
            )
            return str(ast.literal_eval(told))
    raise LookupError(f"inkling.cli.{_module(name)} has no {function or 'app'}")


def load(name: str, entry: Entry) -> Any:
    """Return a command, its module imported."""
    module = import_module(f"inkling.cli.{_module(name)}")
    parent = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    parent.callback()(lambda: None)  # with one, Typer makes a group of whatever is in it
    if entry.function is None:
        parent.add_typer(module.app, name=name)
    else:
        function = getattr(module, entry.function)
        kind = getattr(import_module("inkling.cli.optional_value"), entry.kind) if entry.kind else None
        parent.command(name=name, cls=kind, epilog=_examples(*entry.examples) if entry.examples else None)(
            _trusting(function) if entry.loads_runs else function
        )
    return cast(TyperGroup, get_command(parent)).commands[name]


def _module(name: str) -> str:
    return name.replace("-", "_")


class LazyCommands(MutableMapping[str, Any]):
    """Every command by name, loaded when it is looked up."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load(name, self._entries[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


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
