"""What the headers of all pictures of a source say, and the size that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from inkling.images.parallel import in_threads
from inkling.images.picture_cache import Measured
from inkling.images.pictures import (
    Header,
    Open,
    UnreadablePictureError,
    attempt,
    bits_that_hold,
    brightest,
    read_header,
)
from inkling.images.sources.protocol import LoadObserver, stage

LARGEST_OWN_SIZE = 256
"""Pixels on the longer side of pictures that keep their size where all have the same."""

LARGEST_CHOSEN_SIDE = 224
"""Pixels: the side that most networks for photos were designed for."""

_HEADERS, _PICTURES = 64, 16
"""Headers that a thread reads, and pictures that it decodes, before it asks for more."""


def measure(opens: Sequence[Open], observer: LoadObserver | None = None) -> tuple[Measured, bool]:
    """Return the sizes of encoded pictures, and whether those that cannot be read never can (`lasting`).

    Of pictures of 16 bits a pixel, of which cameras and scanners may use 12, the brightest pixel of all says how many
    bits are used: one rule for the whole source, so that its images can be compared. These are decoded for it, after
    all headers are read.

    Parameters
    ----------
    opens : sequence of callable
        Of each picture, in the order in which `Measured.unreadable` counts them.
    observer : callable, optional
        Told how many pictures are measured.
    """
    report, headers = stage(observer, "measuring pictures", "pictures"), list[Header | UnreadablePictureError]()
    for done, read in in_threads(lambda block: [attempt(read_header, each) for each in block], opens, _HEADERS):
        headers += read
        report(done, len(opens))
    unreadable = {place: each for place, each in enumerate(headers) if isinstance(each, UnreadablePictureError)}
    deep = [place for place, header in enumerate(headers) if isinstance(header, Header) and header.deep]
    report, samples = stage(observer, "measuring 16-bit pictures", "pictures"), list[int]()
    for done, found in in_threads(
        lambda places: [(place, attempt(brightest, opens[place])) for place in places], deep, _PICTURES
    ):
        unreadable |= {place: each for place, each in found if isinstance(each, UnreadablePictureError)}
        samples += [each for _, each in found if isinstance(each, int)]
        report(done, len(deep))
    sizes = Counter(
        header[:2] for place, header in enumerate(headers) if isinstance(header, Header) and place not in unreadable
    )
    measured = Measured(
        sizes=[(width, height, n) for (width, height), n in sizes.most_common()],
        bits_used=bits_that_hold(max(samples)) if samples else None,
        unreadable={place: str(error) for place, error in unreadable.items()},
    )
    return measured, all(error.lasting for error in unreadable.values())


def chosen_side(sizes: Sequence[tuple[int, int, int]]) -> int | None:
    """Return the side of the squares that pictures are made by default, or None where they keep the size they have.

    Parameters
    ----------
    sizes : sequence of (width, height, pictures)
        At least one.

    Returns
    -------
    int or None
        None for pictures of one size of at most 256 pixels on the longer side; otherwise the median of the shorter
        sides (the lower one of two), 224 at most.
    """
    if len(sizes) == 1 and max(sizes[0][:2]) <= LARGEST_OWN_SIZE:
        return None
    n, counted = sum(count for *_, count in sizes), 0
    for side, count in sorted((min(width, height), count) for width, height, count in sizes):
        counted += count
        if 2 * counted >= n:
            return min(side, LARGEST_CHOSEN_SIDE)
    raise AssertionError("the counts do not sum to themselves")
