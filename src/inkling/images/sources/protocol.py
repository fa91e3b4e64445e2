"""What a kind of source is: it knows what it can load, and loads it as splits, saying how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.progress import Progress, paced


@dataclass(frozen=True)
class LoadProgress:
    """How far one stage of loading is."""

    stage: str  # such as "reading pictures" or "downloading train-images-idx3-ubyte.gz"
    done: int
    total: int  # 0 where nobody knows
    unit: str  # "pictures", "files" or "bytes"


LoadObserver = Callable[[LoadProgress], None]
"""Called a few times a second at most, and at the end of each stage."""


def stage(observer: LoadObserver | None, name: str, unit: str) -> Progress:
    """Return the callback that tells an observer of one stage of loading."""
    return paced(observer and (lambda done, total: observer(LoadProgress(name, done, total, unit))))


class Source(Protocol):
    """One kind of source. To add one: a file with a class like this, and an entry in the registry."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which it is known; none where it is a path."""
        ...

    @property
    def description(self) -> str:
        """What a user gives instead of a name, for the message that a source is none; empty where names are all."""
        ...

    def matches(self, source: str) -> bool:
        """Whether this is a source of this kind, by a look at its name or folder; nothing is decoded."""
        ...

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of the `LoadOptions` that it heeds; a source is never loaded with others."""
        ...

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return its images, split. Images that come from files of their own name them (`ImageDataset.files`).

        The splits hold the options that make the same images again (`Splits.options`), a chosen size included, and
        what there is to say aloud (`Splits.notes`).

        Raises
        ------
        DataError
            If files are damaged, do not fit together, or cannot be downloaded.
        """
        ...
