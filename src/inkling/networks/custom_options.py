"""Options of a class of a person's own: arguments of its `__init__` beside those that every network is given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from inkling.errors import NetworkError, did_you_mean

GIVEN = ("image_shape", "n_classes", "seed")
"""What a class is given where it takes it, by these names."""

_TAKEN = (*GIVEN, "network", "name", "device", "options", "source", "source_sha256", "numpy_network")
"""Names that mean something else to whoever builds a network."""

_KINDS = {kind.__name__: kind for kind in (int, float, bool, str)}
_NAMED = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def parameters_of(kind: type) -> Mapping[str, inspect.Parameter]:
    """Return what a class is made with, by name; nothing where its signature is not known."""
    try:
        return inspect.signature(kind).parameters
    except (TypeError, ValueError, NameError):
        return {}


def options_of(kind: type) -> dict[str, type]:
    """Return the options of a class with their types: int, float, bool or str.

    The type is that of the annotation (`hidden: int`, also `int | None`), else that of the default value
    (`hidden=64`). Arguments of other types are no options.
    """
    found = {}
    for name, parameter in parameters_of(kind).items():
        if parameter.kind in _NAMED and name not in _TAKEN:
            of = _annotated(parameter.annotation) or _KINDS.get(type(parameter.default).__name__)
            if of is not None:
                found[name] = of
    return found


def _annotated(annotation: Any) -> type | None:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    words = [word.strip() for word in text.removeprefix("Optional[").removeprefix("typing.Optional[").split("|")]
    kinds = [word.rstrip("]") for word in words if word != "None"]
    return _KINDS.get(kinds[0]) if len(kinds) == 1 else None


def check_options(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for options of a class, or say which is none.

    Raises
    ------
    NetworkError
        If the class has no option of a name, or a value is of another type.
    """
    there, checked = options_of(kind), {}
    for name, value in values.items():
        if name not in there:
            raise NetworkError(
                f"{kind.__name__} has no option '{name}'{did_you_mean(name, there)}: it has "
                f"{', '.join(there) or 'none'}"
            )
        wanted = there[name]
        fits = isinstance(value, (int, float) if wanted is float else wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise NetworkError(
                f"the option '{name}' of {kind.__name__} must be of type {wanted.__name__}, found "
                f"{type(value).__name__} ({value!r})"
            )
        checked[name] = float(value) if wanted is float else value
    return checked
