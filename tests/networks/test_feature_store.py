"""Features that were computed once: kept, checked byte by byte, made anew where they are damaged, and said."""

from __future__ import annotations

import os
import re
from errno import ENOSPC
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inkling.images.progress import Progress
from inkling.networks import feature_store
from inkling.networks.feature_store import FeatureStore
from inkling.storage.atomic import cannot_write
from inkling.storage.cache import cache_entries

IMAGES = np.random.default_rng(0).integers(0, 256, (80, 4, 4, 3), dtype=np.uint8)
ANEW = (
    "inkling: 1 file of the features in the cache was damaged or written by another version: what they held is "
    "computed anew"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(feature_store, "_SEGMENT", 40)


class Backbone:
    """Makes three features of each image, and counts the images."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, images: NDArray[np.uint8], progress: Progress) -> NDArray[np.float32]:
        self.images += len(images)
        progress(len(images), len(images))
        return images.reshape(len(images), -1)[:, :3].astype(np.float32)


def computed(expected: int) -> Path:
    """Ask a new store for all features, check them, and return its folder."""
    backbone, store = Backbone(), FeatureStore("key", "features of this", 3)
    features = store.features(IMAGES, backbone)
    np.testing.assert_array_equal(features, IMAGES.reshape(80, -1)[:, :3])
    assert backbone.images == expected
    return store.folder


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npy"))


def test_features_are_computed_once(caplog: pytest.LogCaptureFixture) -> None:
    folder = computed(80)
    assert len(segments(folder)) == 2
    computed(0)
    assert [entry.about for entry in cache_entries()] == ["features of this"]
    assert caplog.messages == []


def test_no_byte_is_another_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    folder = computed(80)
    rng = np.random.default_rng(0)
    for fraction in (0.0, 0.05, 0.3, *rng.uniform(0.3, 1, 10).tolist()):  # from the header to the last row
        path = segments(folder)[0]
        content = bytearray(path.read_bytes())
        content[int(fraction * len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        caplog.clear()
        computed(40)
        assert caplog.messages == [ANEW]
        assert not path.exists()
        computed(0)


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_what_is_no_segment_is_made_anew(content: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    path = segments(computed(80))[1]
    path.write_bytes(path.read_bytes()[:-7] if content is None else content)
    computed(40)
    assert caplog.messages == [ANEW]
    computed(0)


def test_what_an_earlier_version_wrote_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    for path in segments(computed(80)):
        path.rename(path.with_name(path.name.partition("-")[0] + ".npy"))  # without a checksum
    computed(80)
    assert caplog.messages == [ANEW.replace("1 file of", "2 files of").replace("cache was", "cache were")]
    computed(0)


def test_a_full_disk_is_said_once_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: object) -> None:
        raise cannot_write(path, OSError(ENOSPC, os.strerror(ENOSPC)))

    with monkeypatch.context() as patched:
        patched.setattr(feature_store, "write_atomically", full)
        computed(80)
    assert re.fullmatch(
        r"inkling: features are not kept in the cache, and computed again next time "
        r"\(.*No space left on device\): free some space or choose another folder\)",
        *caplog.messages,
    )
    assert cache_entries() == []
    computed(80)
    with monkeypatch.context() as patched:  # what is there already stays
        patched.setattr(feature_store, "write_atomically", full)
        FeatureStore("key", "features of this", 3).features(255 - IMAGES, Backbone())
    computed(0)
