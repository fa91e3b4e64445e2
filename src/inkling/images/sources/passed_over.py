"""Files beside the pictures of a source that are passed over: those that a person put there are counted and named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from inkling.images.naming import shown, some
from inkling.images.pictures import TO_READ, readable_suffixes

_JUNK = frozenset({"__macosx", "desktop.ini", "thumbs.db", "ehthumbs.db", "@eadir", "$recycle.bin"})
"""What systems leave in folders."""

PICTURE_SUFFIXES = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".svg", ".tga"}
)
"""Endings of pictures that cannot be read here, or not everywhere."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder, by its own name, is nothing that a person put there."""
    return name.startswith(".") or name.lower() in _JUNK


def suffix(name: str) -> str:
    """Return the ending of a file name in lower case with its dot, or an empty string."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


@dataclass
class PassedOver:
    """Counts what is passed over."""

    suffixes: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)  # names of folders, relative to the source

    def notes(self) -> tuple[str, ...]:
        """Return what there is to say, a sentence each."""
        notes = []
        if self.suffixes:
            kinds = [
                f"{n:,} {shown(ending) or 'without an ending'}" + (f" ({TO_READ[ending]})" if ending in TO_READ else "")
                for ending, n in sorted(self.suffixes.items(), key=lambda item: (-item[1], item[0]))
            ]
            n = sum(self.suffixes.values())
            notes.append(
                f"Passed over: {n:,} file{'s' * (n != 1)} ({some(kinds)}); pictures end in "
                f"{', '.join(readable_suffixes())}."
            )
        if self.links:
            links = some(self.links)
            notes.append(f"Passed over: links to folders that are read already, or hold the source ({links}).")
        return tuple(notes)
