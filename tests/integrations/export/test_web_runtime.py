"""onnxruntime-web is taken from where it is named or installed, in its published bytes, or one line says what to do."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from pathlib import Path

import pytest

from command_line import TRAIN_DIGITS, assert_refused, inkling
from inkling.errors import ExportError, MissingLibraryError
from inkling.integrations.export import web_runtime
from inkling.integrations.export.web_runtime import PACKAGE, VARIABLE, VERSION, find_runtime


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of npm with other files, whose digests are taken for the published ones; nothing else is there."""
    folder, digests = tmp_path / "package", {}
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": PACKAGE, "version": VERSION}))
    for name in web_runtime.SHA256:
        (folder / name).write_bytes(name.encode())
        digests[name] = hashlib.sha256(name.encode()).hexdigest()
    monkeypatch.setattr(web_runtime, "SHA256", digests)
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "here" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "below")
    return folder


def packed(package: Path) -> Path:
    with tarfile.open(package.with_suffix(".tgz"), "w:gz") as archive:
        archive.add(package, "package")
    return package.with_suffix(".tgz")


def test_it_is_found_where_it_is_named_or_as_node_finds_it(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingLibraryError, match=f"run npm install {PACKAGE}@{VERSION}, or name its folder"):
        find_runtime()
    for place in (package, packed(package)):
        found = find_runtime(place)
        assert found.module == b"dist/ort.wasm.bundle.min.mjs"
        assert found.wasm == b"dist/ort-wasm-simd-threaded.wasm"
    monkeypatch.setenv(VARIABLE, str(package))
    assert find_runtime().module == found.module
    monkeypatch.delenv(VARIABLE)
    above = package.parent / "here" / "node_modules"
    above.mkdir()
    package.rename(above / PACKAGE)
    assert find_runtime().wasm == found.wasm


def test_another_version_or_other_bytes_are_not_taken(package: Path) -> None:
    (package / "package.json").write_text(json.dumps({"version": "1.29.0"}))
    with pytest.raises(ExportError, match=f"expected {PACKAGE} {VERSION}, found version 1.29.0"):
        find_runtime(package)
    (package / "package.json").write_text(json.dumps({"version": VERSION}))
    (package / "dist" / "ort.wasm.bundle.min.mjs").write_bytes(b"other")
    for place in (package, packed(package)):
        with pytest.raises(ExportError, match=r"is not as onnxruntime-web 1\.30\.0 was published"):
            find_runtime(place)


@pytest.mark.parametrize("content", [None, b"no archive", {"other.txt": b""}])
def test_what_is_no_package_is_said_in_one_line(package: Path, content: bytes | dict[str, bytes] | None) -> None:
    place = package.parent / "given"
    if isinstance(content, bytes):
        place.write_bytes(content)
    elif content:
        place.mkdir()
        for name, text in content.items():
            (place / name).write_bytes(text)
    with pytest.raises(ExportError, match=r"expected the folder of .*: run npm install") as caught:
        find_runtime(place)
    assert "\n" not in str(caught.value)


def test_the_version_that_the_tests_of_pages_get_is_the_one_that_is_taken() -> None:
    text = (Path(__file__).parents[3] / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(rf"{PACKAGE}[@-](\d+\.\d+\.\d+)", text)) == {VERSION}


def test_the_command_refuses_and_leaves_nothing(package: Path, tmp_path: Path) -> None:
    assert inkling(*TRAIN_DIGITS, "--epochs", 1, "--out", tmp_path / "run").returncode == 0
    (tmp_path / "out").mkdir()
    export = ("export", tmp_path / "run", "--runtime", tmp_path / "nowhere")
    assert_refused(inkling(*export, "--format", "page", cwd=tmp_path / "out"), "expected the folder of onnxruntime-web")
    assert_refused(inkling(*export, "--format", "npz", cwd=tmp_path / "out"), "--runtime is for --format page alone")
    assert not list((tmp_path / "out").iterdir())
