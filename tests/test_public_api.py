"""What `import inkling` offers, and what that costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import inkling
from inkling import errors


def stubbed() -> dict[str, str]:
    """Return the names in `__init__.pyi`, the one list of them, each with the module that it is imported from."""
    stub = Path(inkling.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    return {name.name: f"inkling.{node.module}" for node in imports for name in node.names}


def test_all_is_complete_sorted_and_importable() -> None:
    assert inkling.__all__ == sorted(inkling.__all__)
    assert set(inkling.__all__) == set(stubbed())
    assert set(inkling.__all__) <= set(dir(inkling))
    for name, module in stubbed().items():
        value = getattr(inkling, name)
        assert value.__doc__, name
        assert value is getattr(import_module(module), name)
        assert value.__module__ == module, name


def test_every_error_class_is_public() -> None:
    values = vars(errors).items()
    classes = {name for name, value in values if isinstance(value, type) and issubclass(value, inkling.InklingError)}
    assert classes <= set(inkling.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        inkling.no_such_name  # noqa: B018


def test_import_inkling_imports_no_library() -> None:
    code = """
import sys
import inkling
inkling.__version__
libraries = {"numpy", "scipy", "sklearn", "torch", "matplotlib", "typer", "rich", "PIL", "jinja2"} & set(sys.modules)
modules = {name for name in sys.modules if name.startswith("inkling.")}
assert not libraries | modules, libraries | modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
