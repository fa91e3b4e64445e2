"""Images on every system: no call that only some systems have, and the same images whatever the system's order is."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from PIL import Image

from conftest import WriteIdx
from inkling.diagnosis.duplicates import NEAR, find_duplicates
from inkling.images.corrections import Suspect, correct, to_csv
from inkling.images.sources.folder import folder_and_size
from inkling.images.sources.registry import load_images

POSIX_ONLY = (
    "O_DIRECTORY", "O_NOFOLLOW", "chown", "fchmod", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg",
    "getpgid", "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "posix_fadvise", "pread", "pwrite",
    "sched_getaffinity", "sched_setaffinity", "sendfile", "setsid", "statvfs", "sync", "sysconf", "uname",
)  # fmt: skip


@pytest.fixture
def no_posix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what `os` has on POSIX systems alone, after pytest made its folder by it."""
    free = shutil.disk_usage(tmp_path)
    for name in POSIX_ONLY:
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)  # which Windows answers by a call of its own


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(40):
        picture = tmp_path / "photos" / ("Cat" if number % 2 else "dog") / f"{'aB'[number % 3 == 0]}{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).save(picture)
    return tmp_path / "photos"


@pytest.mark.usefixtures("no_posix")
def test_every_source_loads_without_posix_calls(photos: Path, tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path / "idx/train-images-idx3-ubyte.gz", np.zeros((60, 4, 4), np.uint8), compress=True)
    write_idx(tmp_path / "idx/train-labels-idx1-ubyte.gz", np.arange(60, dtype=np.uint8) % 3, compress=True)
    for source in ("digits", photos, f"{photos}@4", tmp_path / "idx"):
        splits = load_images(source, lambda progress: None)
        assert len(splits.compute_fingerprint()) == 64
        find_duplicates(splits, NEAR)


@pytest.mark.usefixtures("no_posix")
def test_named_sets_are_found_without_posix_calls(mnist: object) -> None:
    assert len(load_images("mnist").train) == 50_000


def test_images_have_one_order_whatever_order_a_folder_is_listed_in(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_images(photos)
    scandir = os.scandir

    @contextmanager
    def shuffled(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(path) as entries:
            yield random.Random(1).sample(list(entries), k=len(os.listdir(path)))

    monkeypatch.setattr(os, "scandir", shuffled)
    splits = load_images(photos)
    assert splits.fingerprint == expected.fingerprint
    assert splits.test.files == expected.test.files


def test_a_size_is_taken_from_a_path_with_backslashes(monkeypatch: pytest.MonkeyPatch) -> None:
    class WindowsPath(PureWindowsPath):
        def expanduser(self) -> PureWindowsPath:
            return self

        def exists(self) -> bool:
            return False

    monkeypatch.setattr("inkling.images.sources.folder.Path", WindowsPath)
    assert folder_and_size("C:\\photos\\cats@64") == (WindowsPath("C:/photos/cats"), 64)


def test_corrections_are_read_with_either_end_of_line(photos: Path, tmp_path: Path) -> None:
    splits = load_images(photos)
    label = splits.train.class_names[splits.train.labels[0]]
    other = splits.train.class_names[1 - splits.train.labels[0]]
    text = to_csv([Suspect("train", 0, splits.train.files[0], label, other, 0.1, other)])
    for name, content in (
        ("windows.csv", text.replace("\r\n", "\n").replace("\n", "\r\n")),
        ("unix.csv", text.replace("\r\n", "\n")),
    ):
        (tmp_path / name).write_bytes(content.encode())
        assert correct(splits, tmp_path / name).train.labels[0] == 1 - splits.train.labels[0]
