"""Reader of zip and tar archives of class folders: laid out as folders are, and read without unpacking them to disk.

Archives come from anywhere: names that lead outside, links and devices are refused, what comes out is counted, and
memory is needed for one picture at a time.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, BinaryIO, NoReturn

from inkling.errors import DataError
from inkling.images.dataset import Splits
from inkling.images.decoding import PictureFile, Pictures, file_key, load_pictures
from inkling.images.naming import shown
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.pictures import open_file, readable_suffixes
from inkling.images.sources.folder import Listing, arrange_listing
from inkling.images.sources.layout import walk_order
from inkling.images.sources.passed_over import PassedOver, is_hidden, suffix
from inkling.images.sources.protocol import LoadObserver, stage

MAX_RATIO = 1000
"""An archive may unpack to less than so many times its size: pictures hardly shrink, a bomb does."""

MAX_BYTES = 64 * 1024**3
"""What may come out of an archive in all, in bytes."""

MAX_PICTURE = 256 * 1024**2
"""Largest encoded picture, in bytes: it is read into memory as a whole."""

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
_MAGIC = {
    ".zip": (0, b"PK\x03\x04"), ".tar": (257, b"ustar"), "gzip": (0, b"\x1f\x8b"), "bzip2": (0, b"BZh"),
    "xz": (0, b"\xfd7zXZ"), "7z": (0, b"7z\xbc\xaf\x27\x1c"), "rar": (0, b"Rar!"), "zstd": (0, b"\x28\xb5\x2f\xfd"),
}  # fmt: skip
"""Where what stands in archives of each kind."""

_BLOCK = 1 << 20
_IN_MEMORY = 64 * 1024**2
"""Of a compressed tar, whose members cannot be found by their place, so many bytes are kept in memory; more in a
temporary file without a name."""

_LONGEST_HEADER = 1 << 20
"""Bytes of a header of a tar: names are shorter, and it is read as a whole."""


class Archive:
    """A zip or tar archive of class folders."""

    names = ()
    description = "a .zip, .tar or .tar.gz of class folders"
    takes = ("image_size", "fit", "skip_unreadable", "groups", "bits_used")

    def matches(self, source: str) -> bool:
        """Whether it is a file that is called so."""
        return source.lower().endswith(_ENDINGS) and Path(source).expanduser().is_file()

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,
    ) -> Splits:
        """Return what `load_pictures` makes of what `open_archive` finds."""
        with open_archive(Path(source).expanduser(), observer) as pictures:
            return load_pictures(pictures, options, observer)


@contextmanager
def open_archive(path: Path, observer: LoadObserver | None = None) -> Iterator[Pictures]:
    """Give the pictures of an archive of class folders, which can be opened as long as the context lasts.

    Parameters
    ----------
    path : Path
        Its ending says what it is. Inside it is like a folder of class folders (`layout.arrange`).
    observer : callable, optional
        Told how much of a compressed tar is unpacked.

    Raises
    ------
    DataError
        If it is damaged, encrypted or a bomb; a member lies outside, or is a link or a device; or the layout is not
        understood.
    """
    with ExitStack() as stack:
        with _reading(path):
            is_zip = path.name.lower().endswith(".zip")
            members = _zip_members(path, stack) if is_zip else _tar_members(path, stack, observer)
        name = path.name[: -len(next(ending for ending in _ENDINGS if path.name.lower().endswith(ending)))]
        yield arrange_listing(_listing(members, path), name, str(path))


@dataclass(frozen=True)
class _Member:
    """A file or folder in an archive."""

    name: str
    is_folder: bool
    key: tuple[int, ...]
    size: int  # bytes, unpacked
    read: Callable[[], bytes]


def _listing(members: list[_Member], path: Path) -> Listing:
    """Return the pictures, sorted as those of a folder; of a name that is there twice, the last, as if unpacked."""
    archive_key = file_key(path.stat())
    files, folders, passed = dict[str, PictureFile](), [], PassedOver()
    suffixes = frozenset(readable_suffixes())
    for member in members:
        name = _inside(member.name, path)
        if not name or any(is_hidden(part) for part in name.split("/")):
            continue
        if member.is_folder:
            folders.append(name)
        elif suffix(name) in suffixes:
            key = (*archive_key, *member.key)
            files[name] = PictureFile(name, key, partial(_open, member))
        elif "/" in name:
            passed.suffixes[suffix(name)] += 1
    return Listing([files[name] for name in sorted(files, key=walk_order)], folders, passed)


def _inside(name: str, path: Path) -> str:
    """Return a member's name with `/` between folders, or raise DataError if it leads outside."""
    parts = name.replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise DataError(
            f"{path}: expected members below the folder that it is unpacked to, found '{shown(name[:200])}': do not "
            "trust it, and ask where it came from"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _open(member: _Member) -> BinaryIO:
    if member.size > MAX_PICTURE:
        raise DataError(f"expected a picture of at most {MAX_PICTURE:,} bytes, found {member.size:,}")
    try:
        return io.BytesIO(member.read())
    except Exception as error:  # each way of packing has errors of its own
        if isinstance(error, OSError) and error.errno is not None:  # of the disk
            raise
        raise DataError(f"damaged in the archive ({' '.join(str(error).split())[:200]})") from None


def _zip_members(path: Path, stack: ExitStack) -> list[_Member]:
    archive = stack.enter_context(zipfile.ZipFile(path))
    infos = archive.infolist()
    # No more than this comes out: a member that has more than it says is cut off, and its check sum is wrong then.
    _check_unpacked(sum(info.file_size for info in infos), path)
    members = []
    for info in infos:
        if info.flag_bits & 1:
            raise DataError(f"{path}: is encrypted: unpack it with its password, and give the folder")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            _refuse_kind(path, info.filename)
        key = (info.header_offset, info.file_size, info.CRC)
        members.append(_Member(info.filename, info.is_dir(), key, info.file_size, partial(archive.read, info)))
    return members


def _tar_members(path: Path, stack: ExitStack, observer: LoadObserver | None) -> list[_Member]:
    is_plain = path.name.lower().endswith(".tar")
    file: IO[bytes] = stack.enter_context(open_file(path) if is_plain else _unpacked(path, observer))
    lock, members = Lock(), list[_Member]()

    def read(start: int, size: int) -> bytes:
        with lock:
            file.seek(start)
            return file.read(size)

    with tarfile.open(fileobj=_ShortReads(file), mode="r:") as archive:  # type: ignore[call-overload] # needs no more
        for info in archive:
            if not (info.isfile() or info.isdir()) or info.issparse():
                _refuse_kind(path, info.name)
            key = (info.offset_data, info.size, int(info.mtime))
            members.append(_Member(info.name, info.isdir(), key, info.size, partial(read, info.offset_data, info.size)))
        file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a damaged header for the end
        raise tarfile.ReadError("a header is damaged")
    return members


class _ShortReads:
    """A file of which `tarfile` reads headers, and none that is longer than names ever are."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.file.read(size)


def _unpacked(path: Path, observer: LoadObserver | None) -> IO[bytes]:
    """Return what a gzip file unpacks to."""
    total, unpacked = path.stat().st_size, 0
    progress = stage(observer, f"unpacking {path.name}", "bytes")
    with ExitStack() as stack:
        target: IO[bytes] = stack.enter_context(SpooledTemporaryFile(_IN_MEMORY))
        with open(path, "rb") as raw, gzip.GzipFile(fileobj=raw) as file:
            while block := file.read(_BLOCK):
                unpacked += len(block)
                _check_unpacked(unpacked, path)
                target.write(block)
                progress(raw.tell(), total)
        progress(total, total)
        target.seek(0)
        stack.pop_all()
    return target


def _check_unpacked(size: int, path: Path) -> None:
    """Raise DataError if more comes out of an archive than pictures can be."""
    packed = path.stat().st_size
    if size >= MAX_RATIO * packed:
        raise DataError(
            f"{path}: unpacks to {MAX_RATIO:,} times its {packed:,} bytes or more, which pictures never do: do not "
            "trust it, and ask where it came from"
        )
    if size > MAX_BYTES:
        raise DataError(f"{path}: unpacks to more than the {MAX_BYTES:,} bytes allowed: give a folder instead")


def _refuse_kind(path: Path, name: str) -> NoReturn:
    raise DataError(
        f"{path}: expected files and folders, found a link, a device or a sparse file, '{shown(name[:200])}': pack the "
        "pictures themselves"
    )


def _refuse_other_kind(path: Path) -> None:
    """Raise DataError if a file begins as another kind of archive than its ending says."""
    with open(path, "rb") as file:
        beginning = file.read(tarfile.BLOCKSIZE)
    kind = next((kind for kind, (place, magic) in _MAGIC.items() if beginning[place:].startswith(magic)), None)
    endings = {".zip": (".zip",), ".tar": (".tar",), "gzip": (".tar.gz", ".tgz")}
    if kind is None or path.name.lower().endswith(endings.get(kind, ())):
        return
    to_do = f"call it {endings[kind][0]}" if kind in endings else "pack the folder as .zip or .tar.gz"
    raise DataError(f"{path}: expected an archive as its ending says, found one of {kind}: {to_do}")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        _refuse_other_kind(path)
        raise DataError(
            f"{path}: expected an archive as its ending says, truncated, damaged or something else "
            f"({' '.join(str(error).split())[:200]}): replace it with the original"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
