"""Files written whole: with the permissions that the user chose, on every system, and without a trace of a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inkling.errors import RunError
from inkling.storage.atomic import check_writable, write_atomically


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inkling.storage.atomic.os.replace", full)
    with pytest.raises(RunError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_written_is_known_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    check_writable(path)
    check_writable(tmp_path / "new")
    assert (path.read_text(), [entry.name for entry in tmp_path.iterdir()]) == ("old", ["file"])
    with pytest.raises(RunError, match="cannot be written"):
        check_writable(tmp_path)
    with pytest.raises(RunError, match=r"no/file: cannot be written \(No such file or directory\)"):
        check_writable(tmp_path / "no" / "file")
    if sys.platform == "linux":
        real = open
        monkeypatch.setattr("builtins.open", lambda file, mode, *words: real("/dev/full", "wb", *words))
        with pytest.raises(RunError, match="No space left on device"):
            check_writable(path)


def test_buffers_that_end_in_an_error_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, [b"o", memoryview(b"ld")])

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, broken())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_the_umask_decides_who_may_read(umask: int, mode: int, tmp_path: Path) -> None:
    code = (
        f"import os; os.umask({umask})\n"
        "from pathlib import Path; from inkling.storage.atomic import write_atomically\n"
        f"write_atomically(Path({str(tmp_path / 'file')!r}), 'text')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_windows_which_opens_no_folder_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = vars(os)["open"]

    def windows_open(path: Any, *rest: Any, **options: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **options)

    monkeypatch.setattr("inkling.storage.atomic.os.open", windows_open)
    monkeypatch.setattr("inkling.storage.atomic.FOLDERS_CAN_BE_SYNCED", False)
    write_atomically(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"
    monkeypatch.setattr("inkling.storage.atomic.FOLDERS_CAN_BE_SYNCED", True)
    with pytest.raises(RunError, match="Permission denied"):  # the emulation does what Windows does
        write_atomically(tmp_path / "file", "text")
