"""Features of images, found again by the content of each image: computed once, whatever asks for them.

Training at any size and seed, folds of cross-validation, the review of labels, evaluation and the report see the same
pictures again and again. A segment is one .npy file of (digest of the image, features) whose name has the checksum of
its bytes; it is written whole or not at all, and one that is damaged is removed, said, and made again.
"""

from __future__ import annotations

import hashlib
import io
import logging
import secrets
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import InklingError
from inkling.images.progress import Progress, paced, part_of
from inkling.storage.atomic import make_folder, write_atomically
from inkling.storage.cache import ABOUT, FEATURES, entry_folder

MOST_BYTES = 2 * 1024**3
"""Of all segments of a store on disk; the oldest are removed when there are more."""

FEWEST_KEPT = 32
"""Images that must be new together for a segment: single pictures to predict are not worth a file."""

_SEGMENT = 1024
"""Images whose features are computed before they are kept: what an interruption costs at most."""

_log = logging.getLogger(__name__)

Compute = Callable[[NDArray[np.uint8], Progress], NDArray[np.float32]]


class FeatureStore:
    """The features that one backbone makes of images, float32.

    Parameters
    ----------
    key : str
        Digest of all that decides the features, but for the image: weights, sizes, views.
    about : str
        The same in words, for `inkling data cache`.
    width : int
        D, the number of features of an image.
    """

    def __init__(self, key: str, about: str, width: int) -> None:
        self.folder, self.about = entry_folder(FEATURES, key), about
        self._kind = np.dtype([("digest", "V16"), ("features", "<f4", (width,))])
        self._segments: dict[str, NDArray[np.void]] = {}  # by file name
        self._places: dict[bytes, tuple[str, int]] = {}  # digest -> segment and row in it
        self._cannot_write = False

    def features(
        self, images: NDArray[np.uint8], compute: Compute, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the features of images, computing those that are not known.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, H, W, C)
        compute : callable
            Makes features (n, D) of n images, calling its second argument with (images done, n).
        progress : callable, optional
            Called with (images done, images to compute) a few times a second at most.

        Returns
        -------
        ndarray of float32, shape (N, D)
        """
        digests = [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]
        if any(digest not in self._places for digest in digests):
            self._read_new_segments()
        first_of = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest not in self._places}
        new = self._compute(images, dict(reversed(first_of.items())), compute, paced(progress))
        features = np.empty((len(images), *self._kind["features"].shape), np.float32)
        for row, digest in enumerate(digests):
            if digest in new:
                features[row] = new[digest]
            else:
                segment, place = self._places[digest]
                features[row] = self._segments[segment]["features"][place]
        return features

    def _compute(
        self, images: NDArray[np.uint8], unknown: dict[bytes, int], compute: Compute, tell: Progress
    ) -> dict[bytes, NDArray[np.float32]]:
        """Compute the features of images at `unknown` places, and keep them where they are many enough."""
        places, digests = np.array(list(unknown.values()), np.intp), list(unknown)
        new: dict[bytes, NDArray[np.float32]] = {}
        for start in range(0, len(places), _SEGMENT):
            part = slice(start, start + _SEGMENT)
            computed = compute(images[places[part]], part_of(tell, start, len(places)))
            new.update(zip(digests[part], computed, strict=True))
            if len(computed) >= FEWEST_KEPT:
                rows = np.empty(len(computed), self._kind)
                rows["digest"] = [np.void(digest) for digest in digests[part]]
                rows["features"] = computed
                self._keep(rows)
        return new

    def _keep(self, rows: NDArray[np.void]) -> None:
        content = io.BytesIO()
        np.save(content, rows, allow_pickle=False)
        name = f"{secrets.token_hex(8)}-{zlib.crc32(content.getbuffer()):08x}.npy"
        self._add(name, rows)
        try:
            make_folder(self.folder)
            write_atomically(self.folder / name, content.getvalue())
            write_atomically(self.folder / ABOUT, f"{self.about}\n")
        except InklingError as error:  # a full disk is no reason not to go on
            if not self._cannot_write:
                _log.warning("inkling: features are not kept in the cache, and computed again next time (%s)", error)
            self._cannot_write = True
            if not any(self.folder.glob("[!.]*.npy")):  # nothing is to be left of an entry that holds nothing
                shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self._remove_oldest()

    def _add(self, name: str, rows: NDArray[np.void]) -> None:
        self._segments[name] = rows
        for place, digest in enumerate(rows["digest"]):
            self._places.setdefault(digest.tobytes(), (name, place))

    def _read_new_segments(self) -> None:
        damaged = 0
        for path in sorted(self.folder.glob("[!.]*.npy")) if self.folder.is_dir() else ():
            if path.name in self._segments:
                continue
            try:
                rows = self._read(path)
            except FileNotFoundError:  # another process removed it
                continue
            except (OSError, ValueError, EOFError):
                damaged += 1
                with suppress(OSError):
                    path.unlink()
            else:
                self._add(path.name, rows)
        if damaged:
            _log.warning(
                "inkling: %s of the features in the cache %s damaged or written by another version: what they held is "
                "computed anew",
                f"{damaged:,} {'file' if damaged == 1 else 'files'}",
                "was" if damaged == 1 else "were",
            )

    def _read(self, path: Path) -> NDArray[np.void]:
        """Return the rows of a segment, memory-mapped; whatever is wrong with it is an exception."""
        content = np.memmap(path, np.uint8, "r")
        if not path.stem.endswith(f"-{zlib.crc32(content.data):08x}"):
            raise ValueError
        rows: NDArray[np.void] = np.load(path, mmap_mode="r", allow_pickle=False)
        if rows.dtype != self._kind or rows.ndim != 1:
            raise ValueError
        return rows

    def _remove_oldest(self) -> None:
        segments = sorted((path.stat().st_mtime, path) for path in self.folder.glob("[!.]*.npy"))
        sizes = [path.stat().st_size for _, path in segments]
        for (_, path), size in zip(segments, sizes, strict=True):
            if sum(sizes) <= MOST_BYTES:
                return
            sizes.remove(size)
            with suppress(OSError):
                path.unlink()


def store_key(*parts: bytes | str | Path) -> str:
    """Return the digest of what decides features, as the key of a store."""
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:32]
