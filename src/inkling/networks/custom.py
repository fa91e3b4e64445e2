"""Networks of a person's own: a class in a Python file, named as FILE.py:CLASS wherever a network is named.

A run keeps the file's text, with its SHA-256, in the description of its network. Loading the run executes that text,
which is done only for a file that was named in this process, or after `trust_custom_networks`.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.custom_options import GIVEN, check_options, options_of, parameters_of
from inkling.networks.faults import fault
from inkling.networks.numpy.custom_network import NumpyClass, NumpyNetwork
from inkling.networks.protocols import Network

CUSTOM = re.compile(r"(.+\.py):([^\W\d]\w*)", re.DOTALL)
"""Names of such networks: "my_net.py:MyNet"."""

LARGEST_FILE = 2**20
"""Bytes that the file of a network may have: it is kept with every run."""

_trusted: set[str] = set()  # SHA-256 of files that were named in this process
_ALL = "all"

Result = TypeVar("Result")


class CustomClass(NamedTuple):
    """A class of somebody's own, loaded from its file."""

    name: str  # "my_net.py:MyNet"
    source: str  # the file's text
    file: str  # what tracebacks call it
    kind: type

    @property
    def sha256(self) -> str:
        """Of the text."""
        return _digest(self.source)


def is_custom(name: str) -> bool:
    """Whether a name is of the form FILE.py:CLASS."""
    return CUSTOM.fullmatch(name) is not None


def trust_custom_networks() -> None:
    """From now on, run the code that run folders and network files hold. For folders whose origin you trust."""
    _trusted.add(_ALL)


def load_class(name: str) -> CustomClass:
    """Return the class that FILE.py:CLASS names; the file is executed, and trusted from then on.

    Raises
    ------
    NetworkError
        If the file cannot be read or does not import, with the line at fault, or has no class of that name.
    """
    match = CUSTOM.fullmatch(name)
    if match is None:
        raise NetworkError(f"expected FILE.py:CLASS, as my_net.py:MyNet, found '{name}'")
    path = Path(match[1]).expanduser()
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise NetworkError(f"{path}: the file of a network may have {LARGEST_FILE:,} bytes at most")
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file: expected the Python file of the network {match[2]}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(f"{path}: cannot be read as Python text ({error})") from None
    _trusted.add(_digest(source))
    return _executed(name, source, str(path))


def custom_options(name: str) -> dict[str, type]:
    """Return the options of the class that FILE.py:CLASS names, with their types; the file is executed.

    Raises
    ------
    NetworkError
        As of `load_class`.
    """
    return options_of(load_class(name).kind)


def build_custom(
    name: str,
    image_shape: tuple[int, int, int],
    n_classes: int,
    seed: int = 0,
    device: str = "auto",
    source: str | None = None,
    source_sha256: str | None = None,
    numpy_network: type[NumpyNetwork] = NumpyNetwork,
    options: Mapping[str, Any] | None = None,
    **given: Any,
) -> Network:
    """Return a fresh network of a person's own class.

    Parameters
    ----------
    name : str
        FILE.py:CLASS.
    image_shape, n_classes, seed
        Given to the class where it takes them; the global random numbers of NumPy and PyTorch are drawn from the seed.
    device : str
        Of a PyTorch network.
    source, source_sha256 : str, optional
        The file's text as a run kept it, in the place of the file.
    numpy_network : type
        What an object of a plain NumPy class is made into.
    options : mapping, optional
        Further arguments of the class, as a run kept them.
    **given
        The same, by name: `hidden=32`.

    Raises
    ------
    NetworkError
        If the class cannot be loaded or made, with the line at fault; does not do what a network must; or its text was
        kept by a run and is not trusted.
    """
    if source is None:
        found = load_class(name)
    else:
        _check_trusted(name, source, source_sha256)
        found = _executed(name, source, f"{name.rpartition(':')[0]} (kept by the run)")
    kept: dict[str, Any] = {"source": found.source, "source_sha256": found.sha256}
    chosen = _located(found, lambda: check_options(found.kind, {**(options or {}), **given}))
    if chosen:
        kept["options"] = chosen
    torch = sys.modules.get("torch")
    if torch is not None and issubclass(found.kind, torch.nn.Module):
        from inkling.networks.torch.devices import seeded
        from inkling.networks.torch.network import TorchNetwork

        with seeded(torch.device("cpu"), seed):
            module = _made(found, image_shape, n_classes, seed, chosen)
            height, width, channels = image_shape
            two = torch.zeros(2, channels, height, width)
            with torch.no_grad():  # on a copy: batch normalisation would remember it
                _located(found, lambda: copy.deepcopy(module).train()(two))
        network: Network = _located(
            found, lambda: TorchNetwork(module, image_shape, n_classes, name, seed, device, kept)
        )
        return network
    if device not in ("auto", "cpu"):
        raise NetworkError(f"{name} is no torch.nn.Module and computes on the CPU: leave out --device")
    lacks = [what for what in ("forward", "gradients") if not callable(getattr(found.kind, what, None))]
    if lacks:
        raise NetworkError(
            f"{_at_class(found)}: {found.kind.__name__} lacks {' and '.join(lacks)}: expected a torch.nn.Module, or a "
            "class with parameters, forward(x) and gradients(x, targets) ('inkling new network FILE' writes one)"
        )
    before = np.random.get_state()  # noqa: NPY002 - what people's classes draw from
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        made: NumpyClass = _made(found, image_shape, n_classes, seed, chosen)
        return _located(found, lambda: numpy_network(made, image_shape, n_classes, name, kept))
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _located(found: CustomClass, call: Callable[[], Result]) -> Result:
    """Return what a call of a person's own code returns; what it raises becomes a NetworkError with the line at fault.

    Raises
    ------
    NetworkError
    """
    try:
        return call()
    except NetworkError as error:
        said = str(error)
        if not said.startswith(f"{found.file}, line "):
            said = f"{_at_class(found)}: {said.removeprefix(f'{found.file}: ')}"
        raise NetworkError(said) from None
    except (Exception, SystemExit) as error:  # code of a person's own can fail in any way
        said = fault(error, found.file)
        if not said.startswith(f"{found.file}, line "):  # the call itself failed, as for an abstract class
            said = f"{_at_class(found)}: {said.removeprefix(f'{found.file}: ')}"
        raise NetworkError(said) from error


def _executed(name: str, source: str, file: str) -> CustomClass:
    """Run the text of a file as a module, and find the class in it."""
    wanted = name.rpartition(":")[2]
    module = ModuleType(f"inkling_custom_{_digest(source)[:16]}")
    module.__file__ = file
    known = sys.modules.get(module.__name__)
    if known is None:
        sys.modules[module.__name__] = module  # where pickle and dataclasses look for it
        try:
            # Not inherited: annotations as text, which this file asks for, would be forced on theirs.
            code = compile(source, file, "exec", dont_inherit=True)
            exec(code, module.__dict__)  # noqa: S102 - a file that its user named, or trusts
        except BaseException as error:
            del sys.modules[module.__name__]
            if not isinstance(error, Exception | SystemExit):
                raise
            raise NetworkError(fault(error, file)) from error
    else:
        module = known
    kind = getattr(module, wanted, None)
    if not isinstance(kind, type):
        raise NetworkError(_no_class(module, wanted, source, file))
    return CustomClass(name, source, file, kind)


def _no_class(module: ModuleType, wanted: str, source: str, file: str) -> str:
    """Return what a file has in the place of the class that is wanted, with lines."""
    lines = _lines_of_classes(source)
    classes = [
        what for what, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__
    ]
    listed = ", ".join(f"{what} (line {lines[what]})" if what in lines else what for what in classes)
    there = f"the file has {listed}" if listed else "the file has none; 'inkling new network FILE' writes one"
    if wanted in vars(module):
        kind = type(vars(module)[wanted]).__name__
        what = f"a {kind}" if kind in ("function", "module") else f"an object of type {kind}"
        line = _line_of(wanted, source)
        where = file if line is None else f"{file}, line {line}"
        return f"{where}: '{wanted}' is {what}, expected a class: {there}"
    return f"{file}: no class is called '{wanted}'{did_you_mean(wanted, classes)}: {there}"


def _made(
    found: CustomClass, image_shape: tuple[int, int, int], n_classes: int, seed: int, chosen: Mapping[str, Any]
) -> Any:
    """Return an object of the class, given what it takes by name, and its options that were chosen."""
    takes = parameters_of(found.kind)
    values = {**dict(zip(GIVEN, (image_shape, n_classes, seed), strict=True)), **chosen}
    for what, parameter in takes.items():
        plain = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if plain and parameter.default is parameter.empty and what not in values:
            chosen_by = f", or choose it by --set {what}=VALUE" if what in options_of(found.kind) else ""
            raise NetworkError(
                f"{_at_class(found)}: {found.kind.__name__} asks for '{what}', which is not given: {', '.join(GIVEN)} "
                f"are, so give it a default value{chosen_by}"
            )
    return _located(found, lambda: found.kind(**{what: value for what, value in values.items() if what in takes}))


def _check_trusted(name: str, source: str, sha256: str | None) -> None:
    digest = _digest(source)
    if sha256 != digest:
        raise NetworkError(f"the text of {name} is not what its SHA-256 says: the run is damaged: train it again")
    if not {digest, _ALL} & _trusted:
        raise NetworkError(
            f"the network {name} is Python code that the run keeps (SHA-256 {digest[:12]}…), and loading it executes "
            "that code: read it in network.py of the run, and add --trust if you trust it"
        )


def _at_class(found: CustomClass) -> str:
    """Where the class is defined: "my_net.py, line 7"."""
    line = _lines_of_classes(found.source).get(found.kind.__name__)
    return found.file if line is None else f"{found.file}, line {line}"


def _lines_of_classes(source: str) -> dict[str, int]:
    """Return where the classes of a file begin, by name."""
    return {node.name: node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)}


def _line_of(name: str, source: str) -> int | None:
    """Return where a file gives something a name at its top level, for the last time; None if it cannot be seen."""
    for statement in reversed(ast.parse(source).body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound = {statement.name}
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            bound = {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
        else:
            names = [part for part in ast.walk(statement) if isinstance(part, ast.Name)]
            bound = {part.id for part in names if isinstance(part.ctx, ast.Store)}
        if name in bound:
            return statement.lineno
    return None


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
