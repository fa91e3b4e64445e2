"""From the encoded pictures of a source to images in three splits: measured, fitted, decoded on all cores, cached.

A source says what pictures it holds (`Pictures`); everything after that is the same for folders, tables, archives and
rows of encoded bytes, and is done by `load_pictures`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from typing import BinaryIO, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from inkling.errors import DataError, InklingError
from inkling.images import picture_cache as cache
from inkling.images.classes import alike_note, check_two
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.groups import is_file_of_groups, read_groups
from inkling.images.measuring import chosen_side, measure
from inkling.images.naming import SHOWN, shown, some
from inkling.images.options import AS_THE_SOURCE_HAS_IT, CROP, PAD, LoadOptions
from inkling.images.parallel import in_threads
from inkling.images.picture_cache import DamagedEntryError, Measured
from inkling.images.pictures import UnreadablePictureError, attempt, decode, quiet
from inkling.images.progress import part_of
from inkling.images.sources.idx import MAX_BYTES
from inkling.images.sources.protocol import LoadObserver, stage
from inkling.images.splitting import SPLITS, TEST, TRAIN, VALIDATION, split_indices
from inkling.storage.cache import cache_folder

_BLOCK, _BLOCK_BYTES = 16, 4 * 1024**2
"""Pictures that a thread decodes before it asks for more: fewer, where they have more than so many bytes together."""

_FITTED = {PAD: "padded", CROP: "cropped"}

_BY_COMMAND = "replace or remove them, or go on without them by --skip-unreadable"
_FROM_PYTHON = "replace them or leave them out"

_REBUILT = "What was kept of these pictures in the cache was {}: it is made anew."


class PictureFile(NamedTuple):
    """One encoded picture of a source.

    Attributes
    ----------
    name : str
        Relative to the source, with `/` between folders ("cat/1.png"); or what else tells a person which one it is
        ("row 17"). It becomes the image's name (`ImageDataset.files`) and stands in messages.
    key : tuple of int and str
        Changes when its bytes change: `file_key` of a file; (offset, size, CRC) of an archive's member together with
        the archive's own; a digest of bytes. Cheap: it is asked for before every load.
    open : callable
        Returns its bytes as a binary file, at their beginning, that is closed after use: `partial(open, path, "rb")`,
        `partial(io.BytesIO, content)`. Called at least twice (once for the header), from several threads at a time.
        May raise OSError or DataError: the picture then counts as unreadable.
    """

    name: str
    key: tuple[int | str, ...]
    open: Callable[[], BinaryIO]


def file_key(about: os.stat_result) -> tuple[int, int, int]:
    """Return what is another when a file is another: its size, and its times, of which one cannot be set back."""
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


@dataclass(frozen=True, eq=False)
class Pictures:
    """All pictures of a source, labelled, none of them opened yet.

    Attributes
    ----------
    name : str
        What the data is called (`Splits.name`).
    where : str
        The source as messages name it, usually its path.
    class_names : tuple of str, length K
        At least two.
    files : sequence of PictureFile, length N
        In an order that is the same on every machine: images of a split keep it.
    labels : ndarray of int64, shape (N,)
        0..K-1.
    splits : sequence of str, length N, optional
        "train", "validation" or "test" of each picture, where the source gives them. Validation or test may be
        missing; it is then cut from the training pictures. None: all three are made.
    groups : sequence of str, length N, optional
        The group of each picture, where the source itself has a column of them. Otherwise `options.groups` (a CSV file
        or a regular expression on names) is read by `load_pictures`.
    notes : tuple of str
        What the source has to say aloud; comes first in `Splits.notes`.
    """

    name: str
    where: str
    class_names: tuple[str, ...]
    files: Sequence[PictureFile]
    labels: NDArray[np.int64]
    splits: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = ()


def load_pictures(
    pictures: Pictures, options: LoadOptions = AS_THE_SOURCE_HAS_IT, observer: LoadObserver | None = None
) -> Splits:
    """Return the pictures as images in three splits.

    Splits are made where they are not given (`images.splitting`): 70% training, 15% validation and 15% test pictures,
    or a sixth of the training pictures for the one that is missing; stratified by class, no group in two of them, and
    always the same. The headers of all pictures are read before any is decoded. Pictures of one size of at most 256
    pixels keep it; otherwise each is made a square, whose side is the median of the shorter sides, 224 at most, unless
    `options` says another. Images are grey where all pictures are, else RGB. They are decoded once and then read from
    the cache, memory-mapped, with their fingerprints.

    Parameters
    ----------
    pictures : Pictures
    options : LoadOptions
        All are heeded: a source that calls this has them all in its `takes`.
    observer : callable, optional
        Told how many pictures are measured and read.

    Returns
    -------
    Splits
        With the resolved options, notes, and the names of skipped files.

    Raises
    ------
    DataError
        If there is one class, pictures cannot be read (all are named, unless `options.skip_unreadable`), a split or a
        class has no training picture, groups do not fit, or images would be too many for the memory where the cache
        cannot be written.
    """
    check_two(pictures.class_names, pictures.where)
    options, groups = _groups(pictures, options)
    pictures = replace(pictures, groups=groups)
    parts = split_indices(pictures.labels, pictures.where, pictures.splits, groups)
    notes = [note for note in (*pictures.notes, alike_note(pictures.class_names)) if note]
    measured, options, stored = _load(pictures, [parts[split] for split in SPLITS], options, observer, notes)
    datasets = _datasets(pictures, parts, stored)
    _check_classes(pictures, datasets, stored.unreadable, notes)
    _fingerprint(datasets, stored, observer)
    if stored.unreadable:
        notes.append(f"Left out: {_listed(pictures, stored.unreadable)}.")
    shorter = [min(width, height) for width, height, _ in measured.sizes]
    return Splits(
        datasets[TRAIN],
        datasets[VALIDATION],
        datasets[TEST],
        pictures.name,
        options,
        tuple(dict.fromkeys(notes)),
        tuple(shown(pictures.files[place].name) for place in sorted(stored.unreadable)),
        measured.bits_used,
        (min(shorter), max(shorter)),
    )


def load_dataset(
    pictures: Pictures, options: LoadOptions = AS_THE_SOURCE_HAS_IT, observer: LoadObserver | None = None
) -> ImageDataset:
    """Return the pictures as one data set, in their order; all else is as `load_pictures` does it."""
    if not pictures.files:
        raise DataError(f"{pictures.where}: expected pictures, found none")
    everything = np.arange(len(pictures.files))
    _, _, stored = _load(pictures, [everything], options, observer, [], _FROM_PYTHON)
    places = [int(place) for place in everything if place not in stored.unreadable]
    return _dataset(pictures, places, stored.images)


def _load(
    pictures: Pictures,
    parts: Sequence[NDArray[np.intp]],
    options: LoadOptions,
    observer: LoadObserver | None,
    notes: list[str],
    what_to_do: str = _BY_COMMAND,
) -> tuple[Measured, LoadOptions, _Stored]:
    """Return what the headers say, the options that make the same images again, and the images part by part."""
    with quiet():
        measured, lasting, key = _measure(pictures, observer, notes)
        if measured.bits_used is not None and options.bits_used is not None:
            measured = structs.replace(measured, bits_used=options.bits_used)
        options, size = _size(measured, pictures, options, notes)
        work = _Work(pictures, np.concatenate(parts), size, options, measured, lasting, what_to_do)
        return measured, options, _decode(work, key, parts, observer, notes)


@dataclass(frozen=True, eq=False)
class _Work:
    """What is to be decoded."""

    pictures: Pictures
    order: NDArray[np.intp]  # (N,) places among the pictures: training, validation and test images
    size: tuple[int, int]  # (H, W)
    options: LoadOptions
    measured: Measured
    lasting: bool  # pictures that are unreadable now always will be
    what_to_do: str  # about those that cannot be read


@dataclass(frozen=True, eq=False)
class _Stored:
    """What was decoded, now or before."""

    images: NDArray[np.uint8]  # (N, H, W, C) in the order of the splits
    unreadable: Mapping[int, str]
    key: str | None = None  # None where it is not in the cache
    fingerprints: Sequence[str] | None = None


class _PassingFailureError(Exception):
    """A picture could not be read, perhaps only this time: what is left is not to be kept."""

    def __str__(self) -> str:
        return "a picture could not be read, perhaps only this time"


def _groups(pictures: Pictures, options: LoadOptions) -> tuple[LoadOptions, Sequence[str] | None]:
    """Return the group of each picture, and options that say where they are from, to be found from any folder."""
    if pictures.groups is not None or options.groups is None:
        return options, pictures.groups
    groups = read_groups(options.groups, [file.name for file in pictures.files], pictures.where)
    if is_file_of_groups(options.groups):
        options = replace(options, groups=os.path.abspath(os.path.expanduser(options.groups)))
    return options, groups


def _measure(pictures: Pictures, observer: LoadObserver | None, notes: list[str]) -> tuple[Measured, bool, str]:
    """Return what all headers say, whether it is to be kept, and the key of the pictures in the cache."""
    key = cache.digest([(file.name, file.key) for file in pictures.files])
    try:
        measured = cache.read_measured(key, len(pictures.files))
    except DamagedEntryError as damaged:
        measured = None
        notes.append(_REBUILT.format(damaged))
    if measured is not None:
        return measured, True, key
    measured, lasting = measure([file.open for file in pictures.files], observer)
    if lasting:
        with suppress(OSError, InklingError):  # said where the images cannot be kept either
            cache.write_measured(key, measured, f"sizes of {len(pictures.files):,} pictures: {pictures.where}")
    return measured, lasting, key


def _size(
    measured: Measured, pictures: Pictures, options: LoadOptions, notes: list[str]
) -> tuple[LoadOptions, tuple[int, int]]:
    """Return the (H, W) of every image, and the options that lead to it again; say what was chosen."""
    if not measured.sizes:
        raise DataError(f"{pictures.where}: {_listed(pictures, measured.unreadable)}: replace them")
    if measured.bits_used is not None and measured.bits_used < 16:
        notes.append(
            f"Pictures of 16 bits a pixel use {measured.bits_used} of them, "
            f"{'by the brightest pixel of all' if options.bits_used is None else 'as was said'}: "
            "it is this range that becomes 0..255."
        )
    # A run without recorded options had pictures of one size up to 1024x1024 in that size: where the rule now gives
    # another, the run says that the source holds other images than it was trained on.
    side = options.image_size or chosen_side(measured.sizes)
    width, height, _ = measured.sizes[0]
    if side is None:
        return options, (height, width)
    if options.image_size is None:
        n, kinds = sum(count for *_, count in measured.sizes), len(measured.sizes)
        sizes = f"{kinds:,} sizes, {width}x{height} most often" if kinds > 1 else f"{width}x{height} pixels"
        notes.append(
            f"{n:,} pictures of {sizes}: each is made {side}x{side}, {_FITTED.get(options.fit, 'stretched')} "
            "(--image-size, --fit pad|crop|stretch)."
        )
    return replace(options, image_size=side), (side, side)


def _decode(
    work: _Work, key: str, parts: Sequence[NDArray[np.intp]], observer: LoadObserver | None, notes: list[str]
) -> _Stored:
    """Return the images: from the cache, or decoded and kept there, or decoded in memory where that is impossible."""
    pictures, (height, width), sizes = work.pictures, work.size, work.measured.sizes
    fit = work.options.fit if len(sizes) > 1 or sizes[0][:2] != (width, height) else ""
    key = cache.digest(
        key, work.size, fit, pictures.class_names, [len(part) for part in parts],
        hashlib.sha256(work.order.tobytes() + pictures.labels.tobytes()).hexdigest(),
        *([] if work.options.bits_used is None else [work.options.bits_used]),
    )  # fmt: skip
    n, about = len(work.order), f"{len(work.order):,} pictures, {width}x{height}: {pictures.where}"
    try:
        stored = _from_cache(key, n, work.size, observer)
    except DamagedEntryError as damaged:
        stored = None
        notes.append(_REBUILT.format(damaged))
    if stored is None:
        unreadable: dict[int, str] = {}
        try:
            if not work.lasting:
                raise _PassingFailureError
            cache.write_images(key, about, (n, height, width), _blocks(work, unreadable, observer), unreadable)
            stored = _from_cache(key, n, work.size)
        except (OSError, InklingError, DamagedEntryError, _PassingFailureError) as error:
            if isinstance(error, DataError):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            notes.append(f"The images are not kept in the cache {cache_folder()} ({reason}).")
        stored = stored or _in_memory(work, observer)
    _refuse_unreadable(work, stored.unreadable)
    return stored


def _from_cache(key: str, n: int, size: tuple[int, int], observer: LoadObserver | None = None) -> _Stored | None:
    found = cache.read_images(key, n, size, stage(observer, "checking the cache", "bytes"))
    return found and _Stored(found[0], found[1].unreadable, key, found[2])


def _in_memory(work: _Work, observer: LoadObserver | None) -> _Stored:
    n, (height, width) = len(work.order) - len(work.measured.unreadable), work.size
    if n * height * width * 3 > MAX_BYTES:
        raise DataError(
            f"{work.pictures.where}: {n:,} pictures of {width}x{height} pixels are more than the {MAX_BYTES:,} bytes "
            f"allowed without the cache ({cache_folder()}): free some space there, or make them smaller (--image-size)"
        )
    images, unreadable, done = np.empty((n, height, width, 3), np.uint8), dict[int, str](), 0
    for block in _blocks(replace(work, lasting=True), unreadable, observer):
        images[done : done + len(block)] = block
        done += len(block)
    if cache.is_grey(images[:done]):
        images = np.ascontiguousarray(images[..., :1])
    images.flags.writeable = False  # nobody else has them: the data sets need no copies of their own
    return _Stored(images[:done], unreadable)


def _blocks(work: _Work, unreadable: dict[int, str], observer: LoadObserver | None) -> Iterator[NDArray[np.uint8]]:
    """Yield decoded images, (n, H, W, 3) each, in their order; what cannot be read is added to `unreadable`.

    Raises
    ------
    DataError
        At the end, when all unreadable pictures are known, unless they are to be skipped.
    """
    files, fit, bits_used = work.pictures.files, work.options.fit, work.measured.bits_used
    unreadable |= work.measured.unreadable
    readable = [int(place) for place in work.order if place not in unreadable]
    shape, lasting = (*work.size, 3), work.lasting

    def decode_block(places: Sequence[int]) -> tuple[NDArray[np.uint8], dict[int, UnreadablePictureError]]:
        images, failures, done = np.empty((len(places), *shape), np.uint8), dict[int, UnreadablePictureError](), 0
        for place in places:
            image = attempt(lambda file: decode(file, shape, fit, bits_used), files[place].open)
            if isinstance(image, UnreadablePictureError):
                failures[place] = image
            else:
                images[done] = image
                done += 1
        return images[:done], failures

    report, block = stage(observer, "reading pictures", "pictures"), max(1, min(_BLOCK, _BLOCK_BYTES // prod(shape)))
    for done, (images, failures) in in_threads(decode_block, readable, block):
        unreadable |= {place: str(error) for place, error in failures.items()}
        lasting = lasting and all(error.lasting for error in failures.values())
        yield images
        report(done, len(readable))
    _refuse_unreadable(work, unreadable)
    if len(unreadable) == len(files):
        raise DataError(f"{work.pictures.where}: {_listed(work.pictures, unreadable)}: replace them")
    if not lasting:
        raise _PassingFailureError


def _refuse_unreadable(work: _Work, unreadable: Mapping[int, str]) -> None:
    if unreadable and not work.options.skip_unreadable:
        all_of_them = len(unreadable) > SHOWN and work.what_to_do == _BY_COMMAND
        raise DataError(
            f"{work.pictures.where}: {_listed(work.pictures, unreadable)}: {work.what_to_do}"
            + (f"; 'inkling data check {work.pictures.where}' lists all" if all_of_them else "")
        )


def _listed(pictures: Pictures, unreadable: Mapping[int, str]) -> str:
    """Name the first unreadable pictures, with the reason of each."""
    first = "; ".join(
        f"{shown(pictures.files[place].name)}: {unreadable[place]}" for place in sorted(unreadable)[:SHOWN]
    )
    more = f"; and {len(unreadable) - SHOWN:,} more" if len(unreadable) > SHOWN else ""
    return f"{len(unreadable):,} of {len(pictures.files):,} pictures cannot be read ({first}{more})"


def _datasets(pictures: Pictures, parts: Mapping[str, NDArray[np.intp]], stored: _Stored) -> dict[str, ImageDataset]:
    datasets, start = {}, 0
    for split in SPLITS:
        places = [int(place) for place in parts[split] if place not in stored.unreadable]
        if not places:
            raise DataError(f"{pictures.where}: no {split} picture that can be read is left: add some")
        datasets[split] = _dataset(pictures, places, stored.images[start : start + len(places)])
        start += len(places)
    return datasets


def _dataset(pictures: Pictures, places: list[int], images: NDArray[np.uint8]) -> ImageDataset:
    files = tuple(pictures.files[place].name for place in places)
    groups = () if pictures.groups is None else tuple(pictures.groups[place] for place in places)
    return ImageDataset(images, pictures.labels[places], pictures.class_names, files, groups)


def _check_classes(
    pictures: Pictures, datasets: Mapping[str, ImageDataset], unreadable: Mapping[int, str], notes: list[str]
) -> None:
    """Refuse classes that cannot be learnt, and say which cannot be judged."""
    counts = {split: dataset.class_counts for split, dataset in datasets.items()}
    untrained = [name for name, count in counts[TRAIN].items() if not count]
    if untrained:
        places = np.flatnonzero(np.isin(pictures.labels, [pictures.class_names.index(name) for name in untrained]))
        skipped = sum(int(place) in unreadable for place in places)
        if skipped and skipped == len(places):
            why = f" that can be read, of {skipped:,} in all: replace them, or remove the class"
        elif pictures.groups is not None:
            why = ": its groups are in other splits. Give it more groups, or do without them"
        else:
            why = ": add some, or remove the class"
        raise DataError(f"{pictures.where}: no training picture of {some(untrained)}{why}")
    single = [name for name in pictures.class_names if sum(of_split[name] for of_split in counts.values()) == 1]
    if single:
        notes.append(f"One picture alone, which is for training: {some(single)}. Add more: nothing can be measured.")
    for split in (VALIDATION, TEST):
        missing = [name for name, count in counts[split].items() if not count and name not in set(single)]
        if missing:
            notes.append(f"No {split} picture of {some(missing)}: nothing is measured there. Add some.")


def _fingerprint(datasets: Mapping[str, ImageDataset], stored: _Stored, observer: LoadObserver | None) -> None:
    """Give data sets the fingerprints that the cache knows, or let it know them."""
    if stored.fingerprints is not None:
        for dataset, fingerprint in zip(datasets.values(), stored.fingerprints, strict=True):
            dataset.know_fingerprint(fingerprint)
        return
    report, done, total = stage(observer, "hashing images", "images"), 0, len(stored.images)
    fingerprints = []
    for dataset in datasets.values():
        fingerprints.append(dataset.compute_fingerprint(part_of(report, done, total)))
        done += len(dataset)
    if stored.key is not None:
        with suppress(InklingError):  # the entry was removed meanwhile
            cache.write_fingerprints(stored.key, fingerprints)
