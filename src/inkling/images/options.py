"""How pictures become images: what a person may choose beside a source, written down with every run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import index
from typing import Any

from inkling.errors import DataError, did_you_mean

PAD, CROP, STRETCH = "pad", "crop", "stretch"
FITS = (PAD, CROP, STRETCH)
"""How a picture of another shape is made to fit: borders are added, what stands over is cut off, or it is distorted."""

DEPTHS = (8, 10, 12, 14, 16)
"""Bits of a 16-bit pixel that may be in use: the depths that cameras and scanners have."""

LARGEST_SIDE = 1024
"""Pixels that `image_size` may ask for: a network would have gigabytes of weights for more."""


@dataclass(frozen=True)
class LoadOptions:
    """What a person chose for the loading of a source; the defaults leave the choice to the source.

    Parameters
    ----------
    image_size : int, optional
        Side in pixels, 1..1024: every picture is made a square of so many. None: chosen from the data.
    fit : str
        One of FITS: what is done with a picture of another shape.
    skip_unreadable : bool
        Go on without the files that cannot be read, instead of refusing the source.
    groups : str, optional
        Which images belong together, so that no group is in two splits: a CSV file with the columns `file` and
        `group`; a regular expression with one pair of parentheses, matched against each file's name; or, of a table,
        the name of a column; or, of an .npz file, that of an array.
    bits_used : int, optional
        Of pictures of 16 bits a pixel: 8, 10, 12, 14 or 16, of which the range becomes 0..255. None: found from the
        brightest pixel of all. From Python, for new pictures of the same camera; a run gives its own.

    Raises
    ------
    DataError
        If a choice is out of range, or of another type.
    """

    image_size: int | None = None
    fit: str = PAD
    skip_unreadable: bool = False
    groups: str | None = None
    bits_used: int | None = None

    def __post_init__(self) -> None:
        for name, what in (("image_size", "an image size"), ("bits_used", "bits used")):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _whole(getattr(self, name), what))
        if not isinstance(self.skip_unreadable, bool):
            raise DataError(f"skip_unreadable must be True or False, found {self.skip_unreadable!r}")
        if self.groups is not None:
            if not isinstance(self.groups, (str, os.PathLike)):
                raise DataError(f"groups must be a path or a regular expression, found {self.groups!r}")
            object.__setattr__(self, "groups", os.fspath(self.groups))
        if self.image_size is not None and not 1 <= self.image_size <= LARGEST_SIDE:
            raise DataError(f"an image size must lie in 1..{LARGEST_SIDE} pixels, found {self.image_size}")
        if not isinstance(self.fit, str):
            raise DataError(f"fit must be one of {', '.join(FITS)}, found {self.fit!r}")
        if self.fit not in FITS:
            raise DataError(
                f"no way to fit pictures is called '{self.fit}'{did_you_mean(self.fit, FITS)}: use {', '.join(FITS)}"
            )
        if self.bits_used is not None and self.bits_used not in DEPTHS:
            raise DataError(f"bits used must be one of {', '.join(map(str, DEPTHS))}, found {self.bits_used}")

    def changed(self) -> tuple[str, ...]:
        """Return the names of the options that are not as they are by default."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) != field.default)

    def words(self) -> list[str]:
        """Return the words of a command line that choose these options, as far as it has them."""
        words: list[str] = []
        for name in self.changed():
            if name == "bits_used":
                continue
            value = getattr(self, name)
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return words


def _whole(number: Any, what: str) -> int:
    """Return a whole number of any type, NumPy's too, as int."""
    with suppress(TypeError):
        if not isinstance(number, bool):
            return index(number)
    raise DataError(f"{what} must be a whole number, found {number!r}")


AS_THE_SOURCE_HAS_IT = LoadOptions()
"""Nothing was chosen."""


def check_takes(options: LoadOptions, takes: Iterable[str], source: str) -> None:
    """Raise DataError unless every option that was chosen is one that a source takes."""
    refused = [name for name in options.changed() if name not in set(takes)]
    if refused:
        groups = refused[0] == "groups"
        raise DataError(
            f"{source}: --{refused[0].replace('_', '-')} is for sources that hold picture files"
            f"{', tables and .npz files' if groups else ''}, which this is not: leave it out"
        )
