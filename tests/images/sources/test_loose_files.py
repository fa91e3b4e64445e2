"""Files, folders, patterns and lists of paths become picture files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from inkling.errors import DataError
from inkling.images.sources.loose_files import expanded, find_loose_files, paths_on


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "notes.txt", ".hidden.png", "deep/c.PNG", "deep/er/d.webp", "Thumbs.db"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_stands_for_the_pictures_below_it_and_other_files_are_counted(folder: Path) -> None:
    found = find_loose_files([str(folder)])
    assert [os.path.relpath(file, folder).replace(os.sep, "/") for file in found.files] == [
        "a.jpg", "b.png", "deep/c.PNG", "deep/er/d.webp"
    ]  # fmt: skip
    (note,) = found.notes
    assert note.startswith("Passed over: 1 file (1 .txt)")


def test_what_is_named_is_taken_whatever_its_ending_in_the_order_given(folder: Path) -> None:
    words = [str(folder / "notes.txt"), str(folder / "deep" / "er"), str(folder / "missing.png")]
    found = find_loose_files(words)
    assert found.files == (words[0], str(folder / "deep" / "er" / "d.webp"), words[2])
    assert found.notes == ()


def test_a_folder_without_pictures_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="expected a run or a folder of pictures, found neither in it"):
        find_loose_files([str(folder / "empty")])


def test_patterns_are_expanded_unless_something_is_called_so(folder: Path) -> None:
    (folder / "x[1].png").touch()
    assert expanded([f"{folder}/*.png"]) == [f"{folder}/b.png", f"{folder}/x[1].png"]
    assert expanded([f"{folder}/**/*.webp", "-"]) == [f"{folder}/deep/er/d.webp", "-"]
    assert expanded([f"{folder}/x[1].png"]) == [f"{folder}/x[1].png"]
    assert expanded([f"{folder}/missing.png"]) == [f"{folder}/missing.png"]
    with pytest.raises(DataError, match="matches no file"):
        expanded([f"{folder}/*.gif"])


def test_a_list_of_paths_has_one_a_line() -> None:
    assert paths_on(io.BytesIO("a b.png\r\n\n  \nü.png\nlast".encode())) == ["a b.png", "ü.png", "last"]
