"""What `import inkling` offers, and the README's examples, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import inkling

ROOT = Path(__file__).parents[1]


def test_all_is_complete_sorted_and_importable() -> None:
    assert inkling.__all__ == sorted(inkling.__all__)
    assert set(inkling.__all__) == set(inkling._HOMES)
    for name in inkling.__all__:
        value = getattr(inkling, name)
        assert value.__doc__, name
        assert value.__module__ == inkling._HOMES[name]


def test_the_readme_example_runs(capsys: object) -> None:
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})
