"""The registry: every kind of source is listed once, and another one takes its file and an entry."""

from __future__ import annotations

import numpy as np
import pytest

from inkling.errors import DataError, UnknownSourceError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources import registry
from inkling.images.sources.protocol import LoadObserver, LoadProgress
from inkling.images.sources.registry import canonical, load_images, source_names


class Stripes:
    """A source as somebody might add one."""

    names = ("stripes",)
    description = "a picture of stripes"
    takes = ("image_size",)

    def matches(self, source: str) -> bool:
        return source in self.names

    def load(
        self, source: str, observer: LoadObserver | None = None, options: LoadOptions = AS_THE_SOURCE_HAS_IT
    ) -> Splits:
        if observer:
            observer(LoadProgress("painting stripes", 3, 3, "pictures"))
        part = ImageDataset(np.zeros((2, 4, 4), np.uint8), np.array([0, 1]), ("across", "down"))
        return Splits(part, part, part, source, options)


def test_another_kind_of_source_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SOURCES", (*registry.SOURCES, Stripes()))
    seen: list[LoadProgress] = []
    assert load_images("stripes", seen.append).name == "stripes"
    assert seen == [LoadProgress("painting stripes", 3, 3, "pictures")]
    assert canonical("stripes") == "stripes"
    assert source_names()[-1] == "stripes"
    assert load_images("stripes", options=LoadOptions(image_size=8)).options.image_size == 8
    with pytest.raises(DataError, match="stripes: --fit is for sources that hold picture files"):
        load_images("stripes", options=LoadOptions(fit="crop"))
    with pytest.raises(UnknownSourceError, match=r"did you mean 'stripes'.* or a picture of stripes"):
        load_images("strips")


def test_names_are_distinct() -> None:
    names = source_names()
    assert names == ["digits", "mnist", "fashion-mnist", "kmnist"]
    assert len(set(names)) == len(names)
