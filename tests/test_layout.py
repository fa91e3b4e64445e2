"""The tests lie where the code lies: a file beside each package, named after what it tests."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "src" / "inkling"
ACROSS_PACKAGES = {"benchmarks", "end_to_end", "packaging", "reliability"}
FILES = [
    path.relative_to(TESTS)
    for path in sorted(TESTS.rglob("test_*.py"))
    if len(path.relative_to(TESTS).parts) > 1 and path.relative_to(TESTS).parts[0] not in ACROSS_PACKAGES
]


def names_a_module(path: Path) -> bool:
    """Whether a test file stands in the folder of a package and is named after it or a part of it, as one of its words.

    A second word (`test_study_folder.py` of `studies/folder.py`) keeps the names of test files apart.
    """
    package = PACKAGE / path.parent
    if not (package / "__init__.py").is_file():
        return False
    name = path.stem.removeprefix("test_")
    parts = {part.stem for part in package.iterdir() if part.suffix == ".py" or (part / "__init__.py").is_file()}
    return any(f"_{part}_" in f"_{name}_" for part in (parts - {"__init__"}) | {package.name})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.as_posix())
def test_a_test_file_is_named_after_what_it_tests(path: Path) -> None:
    assert names_a_module(path)


@pytest.mark.parametrize("path", ["images/test_nothing.py", "nowhere/test_dataset.py", "test_dataset.py"])
def test_a_file_that_is_named_after_nothing_is_found(path: str) -> None:
    assert not names_a_module(Path(path))


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
