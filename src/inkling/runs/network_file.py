"""A network in one file, with all that is needed to use it: description, class names and weights. No run is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from numpy.typing import NDArray

from inkling.errors import NetworkError, RunError
from inkling.networks.catalogue import rebuild
from inkling.networks.protocols import Network, weights_only
from inkling.runs.arrays import load_arrays, save_arrays
from inkling.runs.schema import NetworkInfo, check, parse


class NamedNetwork(NamedTuple):
    """A network and the names of its classes."""

    network: Network
    class_names: tuple[str, ...]


def save_network(network: Network, path: Path | str, class_names: Sequence[str]) -> None:
    """Write a network into one safetensors file.

    Parameters
    ----------
    network : Network
        One that the catalogue builds.
    path : Path
        Such as digits.safetensors.
    class_names : sequence of str, length K

    Raises
    ------
    NetworkError
        If the names are not one for each class.
    RunError
        If the file cannot be written.
    """
    names = tuple(class_names)
    if len(names) != network.n_classes:
        raise NetworkError(f"a network of {network.n_classes} classes needs as many class names, found {len(names)}")
    save_weights(Path(path), weights_only(network.state()), network.description(), names, {})


def load_network(path: Path | str, device: str = "auto") -> NamedNetwork:
    """Return the network that `save_network` wrote, or that of the weights.safetensors of a run.

    Parameters
    ----------
    path : Path
    device : str
        Where a PyTorch network shall compute: "auto", "cpu", "cuda", …

    Raises
    ------
    RunError
        If the file is missing, damaged or holds no network.
    NetworkError
        If the network is of a kind that is not known here, or PyTorch or the device is missing.
    """
    path = Path(path)
    arrays, metadata = load_arrays(path)
    try:
        description = parse(metadata["network"])
        names = check(msgspec.json.decode(metadata["class_names"]), tuple[str, ...])
        if check(description, NetworkInfo).n_classes != len(names):
            raise ValueError(f"{len(names)} class names")
    except (KeyError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise RunError(f"{path}: holds no network ({error}): expected a file that save_network wrote") from None
    return NamedNetwork(with_weights(description, arrays, path, device), names)


def save_weights(
    path: Path,
    weights: Mapping[str, NDArray[Any]],
    description: Mapping[str, Any],
    class_names: Sequence[str],
    metadata: Mapping[str, str],
) -> None:
    """Write weights with all that is needed to use them, and more metadata."""
    known = {
        "class_names": json.dumps(list(class_names)),
        "image_shape": json.dumps(description["image_shape"]),
        "network": json.dumps(description),
    }
    save_arrays(path, weights, {**known, **metadata})


def with_weights(
    description: Mapping[str, Any], weights: Mapping[str, NDArray[Any]], path: Path, device: str
) -> Network:
    """Return a network built from its description with weights that were in a file.

    Raises
    ------
    RunError
        If the weights do not fit.
    NetworkError
        As `networks.catalogue.rebuild`.
    """
    try:
        network = rebuild(description, device)
    except MemoryError as error:
        raise RunError(f"{path}: {error}: its network does not fit into memory") from None
    try:
        network.load_state(weights)
    except (NetworkError, MemoryError) as error:
        raise RunError(f"{path}: {error}") from None
    return network
