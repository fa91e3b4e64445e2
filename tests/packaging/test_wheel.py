"""A wheel built from the checkout holds the whole package, and works where the checkout is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inkling

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "inkling"

Installed = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an sdist, and the wheel from it, in a copy of the checkout, with the setuptools of this environment."""
    pytest.importorskip("build", reason="build is not installed: pip install 'inkling-ml[dev]'")
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(PACKAGE, copy / "src" / "inkling", ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", copy / "dist", copy]
    done = subprocess.run(words, capture_output=True, text=True, cwd=copy, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """installed(program, *words): run a program where the wheel is, away from the checkout, and return its stdout.

    The packages that Inkling needs come from this environment; an editable Inkling in it is not seen there.
    """
    folder, elsewhere = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check"]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    subprocess.run([*pip, *words], check=True, env=variables)
    site_packages = next(folder.rglob("inkling/__init__.py")).parents[1]
    (site_packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def run(program: str, *words: Any) -> str:
        done = subprocess.run(
            [programs / program, *map(str, words)],
            capture_output=True, text=True, cwd=elsewhere, env=variables, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("inkling/")}
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    files = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    assert held == {name for name in files if "__pycache__" not in name}
    assert {"inkling/__init__.pyi", "inkling/py.typed", "inkling/report/templates/report.js"} <= held
    assert wheel.name == f"inkling_ml-{inkling.__version__}-py3-none-any.whl"
    assert "\nName: inkling-ml\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_what_is_installed_trains_evaluates_and_reports(installed: Installed) -> None:
    assert installed("inkling", "--version").strip().endswith(inkling.__version__)
    where = installed("python", "-c", "import inkling; print(inkling.__file__, len(inkling.__all__))").split()
    assert not Path(where[0]).is_relative_to(ROOT)
    assert int(where[1]) == len(inkling.__all__)
    words = ("--network", "perceptron", "--train-size", 100, "--epochs", 2, "--out", "run", "--quiet", "--json")
    trained = json.loads(installed("inkling", "train", "digits", *words))
    evaluated = json.loads(installed("inkling", "evaluate", "run", "--json", "--quiet"))
    assert (trained["epochs"], evaluated["n"]) == (2, 360)
    installed("inkling", "report", "run", "--out", "report.html", "--quiet")
    page = installed("python", "-c", "print(open('report.html', encoding='utf-8').read())")
    assert "<title>" in page
    assert "<style>" in page
    assert "<svg" in page
    assert "<script>" in page
