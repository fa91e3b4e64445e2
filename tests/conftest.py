"""Small data for every test, and the files to keep it in."""

from __future__ import annotations

import atexit
import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from inkling.errors import DataError
from inkling.images import pictures
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.downloads import NAMED_SETS, data_folder, find
from inkling.images.sources.idx import load_idx_folder

# Networks here are tiny: more threads would spend their time waiting for each other. Set before PyTorch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What the tests cache is theirs, and a user's own cache never decides a test.
os.environ["INKLING_CACHE"] = tempfile.mkdtemp(prefix="inkling-tests-cache-")
atexit.register(shutil.rmtree, os.environ["INKLING_CACHE"], ignore_errors=True)

# A shared machine is slow at times; that is no failure.
settings.register_profile("inkling", deadline=None)
settings.load_profile("inkling")

WriteIdx = Callable[..., Path]
Simulated = Callable[[str, float, int], None]


@pytest.fixture(scope="session")
def tiny_splits() -> Splits:
    """60 + 30 + 30 images of 4x4 pixels and three classes: a bright row each, in noise."""
    rng = np.random.default_rng(0)

    def part(n: int) -> ImageDataset:
        labels = np.arange(n) % 3
        images = rng.integers(0, 120, (n, 4, 4, 1), dtype=np.uint8)
        images[np.arange(n), labels] += 100
        return ImageDataset(images, labels, ("top", "upper", "lower"))

    return Splits(part(60), part(30), part(30), "tiny")


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pictures are read as where the plugin for HEIC is not installed."""

    def forget() -> None:
        pictures._formats.cache_clear()
        pictures.readable_suffixes.cache_clear()

    monkeypatch.setattr(pictures, "find_spec", lambda _: None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def write_idx() -> WriteIdx:
    """write_idx(path, array, compress=False): an IDX file of unsigned bytes, its folder made where missing."""

    def write(path: Path, array: NDArray[np.uint8], compress: bool = False) -> Path:
        content = idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 1, mtime=0) if compress else content)
        return path

    return write


@pytest.fixture(scope="session")
def mnist() -> Splits:
    """MNIST from `INKLING_DATA`; skips where it is not there, and never downloads."""
    entry = NAMED_SETS["mnist"]
    folder = data_folder() / "mnist"
    try:
        files = find(entry, folder)
    except DataError as error:
        pytest.skip(f"MNIST is damaged: {error}")
    if len(files) < len(entry.file_names):
        pytest.skip(f"MNIST is not in {folder}: set INKLING_DATA, or run `inkling data fetch mnist`")
    return load_idx_folder(folder, "mnist", entry.class_names)


@pytest.fixture
def simulated(record_property: Callable[[str, object], None]) -> Simulated:
    """simulated(claim, share, times): keep how often a claim held, for the table at the end of the tests."""

    def keep(claim: str, share: float, times: int) -> None:
        record_property("simulated", f"| {claim} | {share:.1%} of {times:,} |")

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    done = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    rows = [row for report in done for name, row in report.user_properties if name == "simulated"]
    if rows:
        terminalreporter.section("simulated")
        for row in dict.fromkeys(rows):
            terminalreporter.write_line(str(row))


def calibrated(
    rng: np.random.Generator, n: int, classes: int = 10, sharpness: float = 4.0
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (N,) and the probabilities (N, K) that they are drawn from."""
    logits = rng.normal(size=(n, classes)) * sharpness
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return np.minimum(labels, classes - 1), probabilities.astype(np.float32)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    return header + array.tobytes()
