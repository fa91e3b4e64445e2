"""Data sets known by name: where they are published, how their bytes are verified, and how they are fetched."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import platformdirs
import pooch
import requests

from inkling.errors import DataError, DownloadError
from inkling.images.dataset import Splits
from inkling.images.options import AS_THE_SOURCE_HAS_IT, LoadOptions
from inkling.images.sources.idx import load_idx_pairs
from inkling.images.sources.protocol import LoadObserver, stage


@dataclass(frozen=True)
class Digest:
    """SHA-256 (hex) that a file must have.

    `covers` is "content" for the uncompressed bytes, whatever compression they come in, or "archive" for the
    published .gz file itself, where its authors record no other.
    """

    sha256: str
    covers: str = "content"


@dataclass(frozen=True)
class NamedSet:
    """One published data set in MNIST's four files."""

    name: str
    title: str
    licence: str
    source: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    digests: dict[str, Digest]

    @property
    def file_names(self) -> tuple[str, ...]:
        """The four .gz file names."""
        return tuple(self.digests)


def _four(covers: str, train_images: str, train_labels: str, test_images: str, test_labels: str) -> dict[str, Digest]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    hashes = (train_images, train_labels, test_images, test_labels)
    return {f"{name}-ubyte.gz": Digest(sha256, covers) for name, sha256 in zip(names, hashes, strict=True)}


NAMED_SETS = {
    entry.name: entry
    for entry in (
        NamedSet(
            name="mnist",
            title="MNIST handwritten digits, 28x28 grey",
            licence="CC BY-SA 3.0",
            source="LeCun, Cortes, Burges (1998)",
            class_names=tuple("0123456789"),
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://raw.githubusercontent.com/fgnt/mnist/master/",
            ),
            digests=_four(
                "content",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        # The digests of the next two are of the published archives: no digest of their content is on record.
        NamedSet(
            name="fashion-mnist",
            title="Fashion-MNIST, pictures of clothes, 28x28 grey",
            licence="MIT",
            source="Xiao, Rasul, Vollgraf (2017), arXiv 1708.07747",
            class_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
            digests=_four(
                "archive",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        NamedSet(
            name="kmnist",
            title="Kuzushiji-MNIST, cursive Japanese characters, 28x28 grey",
            licence="CC BY-SA 4.0",
            source="Clanuwat et al. (2018), arXiv 1812.01718",
            class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            mirrors=(
                "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            ),
            digests=_four(
                "archive",
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ),
    )
}


class NamedDownloads:
    """The sources that `NAMED_SETS` lists."""

    names = tuple(NAMED_SETS)
    description = ""
    takes = ()

    def matches(self, source: str) -> bool:
        """Whether a set is called so."""
        return source in NAMED_SETS

    def load(
        self,
        source: str,
        observer: LoadObserver | None = None,
        options: LoadOptions = AS_THE_SOURCE_HAS_IT,  # noqa: ARG002 - the protocol's
    ) -> Splits:
        """Fetch what is missing, verify every byte, and read the files."""
        entry = NAMED_SETS[source]
        folder = data_folder() / source
        # The very files that were verified, whatever else lies beside them.
        files = fetch(entry, folder, observer)
        train_images, train_labels, test_images, test_labels = (files[file] for file in entry.file_names)
        pairs = {"train": (train_images, train_labels), "test": (test_images, test_labels)}
        return load_idx_pairs(pairs, folder, source, entry.class_names, observer)


def data_folder() -> Path:
    """Where named sets live: `INKLING_DATA`, or else the user's cache folder."""
    return Path(os.environ.get("INKLING_DATA") or platformdirs.user_cache_dir("inkling"))


def find(
    entry: NamedSet, folder: Path, *, verify: bool = True, observer: LoadObserver | None = None
) -> dict[str, Path]:
    """Map each of the set's file names to the file in `folder` (raw or .gz) that holds it; absent ones are left out.

    Raises
    ------
    DataError
        If `verify` and a file that is there does not have the right SHA-256.
    """
    present = {}
    progress = stage(observer, f"verifying {entry.name}", "files")
    for place, (name, digest) in enumerate(entry.digests.items(), 1):
        candidates = [folder / name]
        if digest.covers == "content":
            candidates.append(folder / name.removesuffix(".gz"))
        for path in candidates:
            if path.is_file():
                if verify:
                    check_digest(path, digest)
                present[name] = path
                break
        progress(place, len(entry.digests))
    return present


def check_digest(path: Path, digest: Digest) -> None:
    """Raise DataError unless the file has the SHA-256 it must have."""
    sha256 = hashlib.sha256()
    try:
        with open(path, "rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
        unpack = compressed and digest.covers == "content"
        with gzip.open(path, "rb") if unpack else open(path, "rb") as file:
            while block := file.read(1 << 20):
                sha256.update(block)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: truncated or damaged ({error}): delete it and fetch it again") from None
    if sha256.hexdigest() != digest.sha256:
        raise DataError(
            f"{path}: expected SHA-256 {digest.sha256[:16]}… of its {digest.covers}, found {sha256.hexdigest()[:16]}…: "
            "delete it and fetch it again"
        )


def fetch(entry: NamedSet, folder: Path, observer: LoadObserver | None = None) -> dict[str, Path]:
    """Return the set's four verified files in `folder`, downloading those that are not there.

    Each mirror is tried in turn, each twice. `INKLING_MIRROR` (a base address) replaces the public mirrors. A
    file appears under its name only after its SHA-256 has been found right.

    Raises
    ------
    DownloadError
        If no mirror gives the right bytes; the message says where to put the files by hand.
    DataError
        If a file that is already there is not right, or the folder cannot be written.
    """
    files = find(entry, folder, observer=observer)
    own_mirror = os.environ.get("INKLING_MIRROR")
    mirrors = (own_mirror.rstrip("/") + "/",) if own_mirror else entry.mirrors
    for name, digest in entry.digests.items():
        if name not in files:
            files[name] = _download(entry, name, digest, mirrors, folder, observer)
    return files


def _download(
    entry: NamedSet, name: str, digest: Digest, mirrors: tuple[str, ...], folder: Path, observer: LoadObserver | None
) -> Path:
    pooch.get_logger().setLevel("ERROR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    partial = folder / f"{name}.part"
    failures = []
    for mirror in mirrors:
        downloads = pooch.create(
            folder,
            mirror,
            registry={partial.name: None},
            urls={partial.name: urljoin(mirror, name)},
            retry_if_failed=1,
        )
        try:
            downloads.fetch(
                partial.name,
                downloader=pooch.HTTPDownloader(timeout=30, progressbar=_PoochProgress(name, observer)),
            )
            check_digest(partial, digest)
            partial.replace(folder / name)
            return folder / name
        except (requests.RequestException, DataError, ValueError) as error:  # a RequestException is an OSError too
            failures.append(f"{mirror} {_reason(error)}")
        except OSError as error:
            raise _cannot_write(folder, error) from None
        finally:
            partial.unlink(missing_ok=True)
    raise DownloadError(
        f"no mirror gave {name}: {'; '.join(failures)}. Download the four files of {entry.name} "
        f"({', '.join(entry.file_names)}) by hand into {folder} and run the command again"
    )


def _cannot_write(folder: Path, error: OSError) -> DataError:
    return DataError(f"{folder}: cannot be written ({error.strerror}): set INKLING_DATA to a folder that can be")


def _reason(error: Exception) -> str:
    """Say in a few words what went wrong with a mirror."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    if isinstance(error, DataError):
        return "sent other bytes than those with the right SHA-256"
    return f"failed ({error})"


class _PoochProgress:
    """What pooch wants of a progress display: `total`, update, reset, close."""

    def __init__(self, name: str, observer: LoadObserver | None) -> None:
        self.progress = stage(observer, f"downloading {name}", "bytes")
        self.total, self.done = 0, 0

    def update(self, size: int) -> None:
        self.done += size
        self.progress(self.done, int(self.total or 0))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass
