"""onnxruntime-web, which a page holds where its own JavaScript cannot compute the network: found, and its bytes known.

It is a package of npm and no part of Inkling. What a page holds of it runs in the browsers of others, so that no other
bytes than those of one published version are taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inkling.errors import ExportError, MissingLibraryError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

VARIABLE = "INKLING_ONNXRUNTIME_WEB"
"""Of the environment: where the package is."""

_MODULE, _WASM = "dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"

SHA256: Mapping[str, str] = {
    _MODULE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    _WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""Of the files that are taken, as they were published."""

_GET_IT = f"run npm install {PACKAGE}@{VERSION}"


@dataclass(frozen=True, eq=False)
class WebRuntime:
    """The two files of onnxruntime-web that a page needs."""

    module: bytes  # JavaScript
    wasm: bytes


def find_runtime(given: Path | None = None) -> WebRuntime:
    """Return onnxruntime-web.

    Parameters
    ----------
    given : Path, optional
        The package's folder, or the file that npm pack makes. Without it, what the environment variable
        INKLING_ONNXRUNTIME_WEB names; without that, node_modules in the current folder or the nearest above it.

    Raises
    ------
    MissingLibraryError
        If there is none.
    ExportError
        If it is another version, or its files are not the published ones.
    """
    named = given if given is not None else os.environ.get(VARIABLE)
    place = Path(named) if named else _installed()
    if place is None:
        raise MissingLibraryError(
            f"a page with this network needs {PACKAGE} {VERSION}, which is in no node_modules here or above: "
            f"{_GET_IT}, or name its folder, or npm pack's file, by --runtime or {VARIABLE}; --format onnx needs none"
        )
    files = _from_folder(place) if place.is_dir() else _from_archive(place)
    try:
        version = json.loads(files["package.json"])["version"]
    except (ValueError, KeyError, TypeError):
        version = "none"
    if version != VERSION:
        raise ExportError(f"{place}: expected {PACKAGE} {VERSION}, found version {version}: {_GET_IT}")
    for name, digest in SHA256.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ExportError(f"{place}: {name} is not as {PACKAGE} {VERSION} was published: {_GET_IT} again")
    return WebRuntime(files[_MODULE], files[_WASM])


def _installed() -> Path | None:
    """Return the package's folder as node finds it."""
    here = Path.cwd()
    folders = (folder / "node_modules" / PACKAGE for folder in (here, *here.parents))
    return next((folder for folder in folders if folder.is_dir()), None)


def _from_folder(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in ("package.json", *SHA256)}
    except OSError as error:
        raise _no_package(folder, f"{error.filename}: {error.strerror}") from error


def _from_archive(file: Path) -> dict[str, bytes]:
    """Read what npm pack makes of a package; nothing is unpacked."""
    files = {}
    try:
        with tarfile.open(file, "r:gz") as archive:
            for name in ("package.json", *SHA256):
                member = archive.extractfile(f"package/{name}")
                if member is None:
                    raise KeyError(f"{name} is no file")
                files[name] = member.read()
    except OSError as error:
        raise _no_package(file, error.strerror or str(error)) from error
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise _no_package(file, str(error)) from error
    return files


def _no_package(place: Path, reason: str) -> ExportError:
    return ExportError(
        f"{place}: expected the folder of {PACKAGE} {VERSION}, or the file of npm pack ({reason}): {_GET_IT}"
    )
