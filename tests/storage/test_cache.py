"""Entries of the cache: whole or not at all, listed, cleared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inkling.errors import DataError
from inkling.storage.cache import (
    FEATURES,
    KINDS,
    PICTURES,
    cache_entries,
    cache_folder,
    clear_cache,
    entry_folder,
    new_entry,
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(kind: str, key: str, content: bytes, about: str = "of this") -> None:
    with new_entry(kind, key, about) as folder:
        (folder / "content").write_bytes(content)


def test_an_entry_appears_whole(own_cache: Path) -> None:
    assert cache_folder() == own_cache
    assert cache_entries() == []
    with new_entry(PICTURES, "abc", "two\nlines") as folder:
        (folder / "content").write_bytes(b"x")
        assert not entry_folder(PICTURES, "abc").exists()
    assert (own_cache / "pictures" / "abc" / "content").read_bytes() == b"x"
    (entry,) = cache_entries()
    assert (entry.kind, entry.about, entry.folder) == (PICTURES, "two lines", own_cache / "pictures" / "abc")


def test_what_fails_leaves_nothing(own_cache: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_entry(PICTURES, "abc", "this") as folder:
        (folder / "content").write_bytes(bytes(1 // 0))
    assert list(own_cache.rglob("*")) == [own_cache / "pictures"]


def test_the_first_of_two_stays(own_cache: Path) -> None:
    with new_entry(PICTURES, "abc", "late") as folder:
        (folder / "content").write_bytes(b"late")
        write(PICTURES, "abc", b"first")
    assert (entry_folder(PICTURES, "abc") / "content").read_bytes() == b"first"
    assert os.listdir(own_cache / "pictures") == ["abc"]


def test_clearing_removes_one_kind_or_all() -> None:
    write(PICTURES, "small", b"x" * 10, "")
    write(PICTURES, "large", b"x" * 1000, "")
    write(FEATURES, "other", b"x" * 100, "")
    assert [entry.folder.name for entry in cache_entries()] == ["large", "other", "small"]
    assert clear_cache(PICTURES) == 1010
    assert [entry.kind for entry in cache_entries()] == [FEATURES]
    assert clear_cache() == 100
    assert cache_entries() == []
    assert clear_cache() == 0


def test_a_cache_that_is_a_file_is_said(own_cache: Path) -> None:
    own_cache.write_text("a file")
    for ask in (cache_entries, clear_cache):
        with pytest.raises(DataError, match="cache: expected the folder of the cache, found a file: set INKLING_CACHE"):
            ask()


def test_what_cannot_be_removed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    write(KINDS[0], "abc", b"x")

    def refuse(folder: Path, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(DataError, match=r"abc: cannot be removed \(Permission denied\): check its permissions"):
        clear_cache()
