"""run.json and the history: what no run writes is one clear error, and never more memory than the file."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import assert_refused, inkling
from inkling.errors import RunError
from inkling.runs.run import Run
from inkling.runs.schema import parse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(Path(__file__).parents[1] / "data/run-of-commit-5418b5d", tmp_path / "run"))


def change(folder: Path, *path_and_value: Any) -> None:
    *path, last, value = path_and_value
    info = json.loads((folder / "run.json").read_text())
    at = info
    for key in path:
        at = at[key]
    at[last] = value
    (folder / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize(
    ("path_and_value", "message"),
    [
        (("data", "train", "many"), "data.train: expected int, got str"),
        (("data", "train", "60"), "data.train: expected int, got str"),
        (("data", "train", True), "data.train: expected int, got bool"),
        (("data", "train", 0), "data.train: expected int >= 1"),
        (("data", "source", 5), "data.source: expected str, got int"),
        (("data", "class_names", 5), "data.class_names: expected array, got int"),
        (("data", "fingerprint", "abc"), "data.fingerprint: expected str matching regex"),
        (("data", "image_shape", [8, 8]), "data.image_shape: expected array of length 3"),
        (("data", "image_shape", [8, 8, "1"]), r"data.image_shape\[2\]: expected int, got str"),
        (("data", "image_shape", [10**9, 10**9, 3]), r"data.image_shape\[0\]: expected int <="),
        (("data", "image_shape", [9, 8, 1]), r"the network takes images and classes .*\(8, 8, 1\)"),
        (("network", "n_classes", 10**9), "the network takes images and classes .*1000000000"),
        (("network", "n_classes", "10"), "network.n_classes: expected int, got str"),
        (("network", "network", None), "network.network: expected str, got null"),
        (("settings", "epochs", "3"), "settings: epochs: expected int, got str"),
        (("settings", "seed", 1.5), "settings: seed: expected int, got float"),
        (("settings", "schedule", "learning_rate", "2.0"), "schedule.learning_rate: expected float, got str"),
        (("settings", "schedule", []), "settings: schedule: expected object, got array"),
        (("settings", "balance_classes", 1), "balance_classes: expected bool, got int"),
        (("settings", "epochz", 1), "unknown setting 'epochz'.*did you mean 'epochs'"),
        (("settings", "epochs", -1), "epochs must be 1 or more, found -1"),
        (("machine", [1]), "machine: expected object, got array"),
        (("machine", "threads", [1]), r"machine.threads\[0\]: expected object, got int"),
        (("versions", []), "versions: expected object, got array"),
        (("command", None), "command: expected str, got null"),
        (("teacher", {"run": "a"}), "teacher: object missing required field"),
        (("corrections", {"file": 1}), "corrections.*: .*"),
        (("results", {}), "results: object missing required field"),
        (("results", [1]), "results: expected object"),
        (("results", "temperature", 0), "results.temperature: expected float > 0"),
        (("results", "temperature", "1"), "results.temperature: expected float, got str"),
        (("results", "validation_accuracy", 1.01), "validation_accuracy: expected float <= 1"),
        (("results", "train_loss", -0.1), "train_loss: expected float >= 0"),
        (("format", 2), "has format 2, this version reads 1"),
        (("format", "1"), "has format 1, this version reads 1|expected int, got str"),
    ],
)
def test_a_value_that_no_run_writes_is_named(folder: Path, path_and_value: tuple[Any, ...], message: str) -> None:
    change(folder, *path_and_value)
    with pytest.raises(RunError, match=message) as caught:
        Run(folder)
    assert str(folder / "run.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_of_later_versions_are_passed_over(folder: Path) -> None:
    change(folder, "weather", {"rain": [1, 2]})
    change(folder, "data", "colour", "grey")
    change(folder, "results", "joy", 1)
    run = Run(folder)
    assert run.info["weather"] == {"rain": [1, 2]}
    assert (run.results or {})["joy"] == 1


HOSTILE: dict[str, Callable[[str], str]] = {
    "nested arrays": lambda text: "[" * 200_000 + "]" * 200_000,
    "nested objects": lambda text: text.replace('"format": 1', '"x": ' + '{"x":' * 100_000 + "1" + "}" * 100_000),
    "images of 10^9 x 10^9": lambda text: text.replace(
        '"image_shape": [8, 8, 1]', f'"image_shape": [{10**9}, {10**9}, 3]'
    ),
    "images that only together are too large": lambda text: text.replace(
        '"image_shape": [8, 8, 1]', '"image_shape": [50000, 50000, 3]'
    ),
    "a billion classes": lambda text: text.replace('"n_classes": 10', '"n_classes": 1000000000'),
    "a number that is none": lambda text: text.replace('"train": 60', '"train": NaN'),
    "an infinite number": lambda text: text.replace('"train_loss": ', '"train_loss": 1e999'),
    "half of it": lambda text: text[: len(text) // 2],
    "not UTF-8": lambda text: text.replace("digits", "\udcff"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_cost_one_line_and_no_memory(folder: Path, what: str) -> None:
    compact = json.dumps(json.loads((folder / "run.json").read_text()))
    (folder / "run.json").write_bytes(HOSTILE[what](compact).encode(errors="surrogateescape"))
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match=r"run\.json: (damaged|has format None)"):
            Run(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**25
    assert_refused(inkling("evaluate", folder), "run.json")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"epoch": "1"}', '{"epoch": 1, "train_loss": "2.5"}', "null", "\x00"])
def test_a_line_of_the_history_that_no_run_writes_is_named(folder: Path, line: str) -> None:
    path = folder / "history.jsonl"
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(RunError, match=r"history\.jsonl: line 1 is damaged"):
        Run(folder).history()


def test_json_that_is_no_object_is_refused() -> None:
    for text in ("1", "[]", '"text"', ""):
        with pytest.raises(ValueError, match=r"expected|truncated"):
            parse(text)


def test_an_abbreviation_keeps_its_capitals(folder: Path) -> None:
    (folder / "run.json").write_text("no JSON")
    with pytest.raises(RunError, match=r"run\.json: damaged \(JSON is malformed"):
        Run(folder)
