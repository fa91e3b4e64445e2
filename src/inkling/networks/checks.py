"""What networks refuse before they compute: wrong devices, sizes, images, targets, weights and saved arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError
from inkling.networks.protocols import Classifier, Targets

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where a network computes. "auto" is a GPU where there is one that it can use; "cuda:1" is the second GPU of CUDA."""

_SUM_TOLERANCE = 1e-3  # of a row of probabilities, whatever float made them

MOST_PIXELS = 2**27
"""Numbers in one image, at most: a photograph of 6,600 x 6,600 pixels in colour."""

MOST_PARAMETERS = 2**28
"""Parameters of a network, at most: 1 GiB in float32, and several times that while training."""


def check_device(name: str) -> None:
    """Raise NetworkError unless a device is called that."""
    if name not in DEVICES and not re.fullmatch(r"cuda:[0-9]{1,3}", name):
        raise NetworkError(f"a device is one of {', '.join(DEVICES)}, or a certain GPU as cuda:1, found '{name}'")


def check_images(network: Classifier, images: NDArray[np.uint8]) -> None:
    """Raise NetworkError unless the network takes such images."""
    _check_arrays(images=images)
    if images.dtype != np.uint8 or images.shape[1:] != network.image_shape:
        raise NetworkError(
            f"this network takes uint8 images of shape {network.image_shape}, "
            f"found {images.dtype} of shape {images.shape[1:]}"
        )


def _check_arrays(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            raise NetworkError(f"{name} must be a NumPy array, found {type(value).__name__}: give numpy.asarray of it")


def check_batch(
    network: Classifier, images: NDArray[np.uint8], targets: Targets, weights: NDArray[np.floating[Any]] | None
) -> None:
    """Raise NetworkError unless a network can take a training step on these.

    Parameters
    ----------
    network : Classifier
    images : ndarray of uint8, shape (N, H, W, C)
        N at least 1.
    targets : ndarray
        Labels, integers (N,) in 0..K-1, or probabilities, float (N, K), finite, 0 or more, each row's sum 1.
    weights : ndarray of float, shape (N,), optional
        Finite, 0 or more.
    """
    check_images(network, images)
    _check_arrays(targets=targets, weights=np.empty(0) if weights is None else weights)
    n, classes = len(images), network.n_classes
    labels = targets.ndim == 1 and targets.dtype.kind in "iu"
    if n == 0 or not (labels or targets.dtype.kind == "f") or targets.shape != ((n,) if labels else (n, classes)):
        raise NetworkError(
            f"a training step takes 1 image or more, with as many labels (whole numbers) or rows of {classes} "
            f"probabilities, found {n} images and {targets.dtype} of shape {targets.shape}"
        )
    if labels and not 0 <= targets.min() <= targets.max() < classes:
        raise NetworkError(f"labels must lie in 0..{classes - 1}, found {targets.min()} to {targets.max()}")
    # Written so that what is not a number fails it too.
    if not labels and not (targets.min() >= 0 and np.abs(targets.sum(axis=1) - 1).max() <= _SUM_TOLERANCE):
        raise NetworkError(
            f"probabilities of the classes must be 0 or more, each row's sum 1, found {targets.min():g} at least and "
            f"sums of {targets.sum(axis=1).min():g} to {targets.sum(axis=1).max():g}"
        )
    if weights is None:
        return
    if weights.shape != (n,) or weights.dtype.kind not in "fiu":
        raise NetworkError(
            f"weights must be one number for each of {n} images, found {weights.dtype} of shape {weights.shape}"
        )
    if not (weights.min() >= 0 and np.isfinite(weights.max())):
        raise NetworkError(
            f"weights of images must be finite and 0 or more, found {weights.min():g} to {weights.max():g}"
        )


def check_state(state: Mapping[str, NDArray[Any]], own: Mapping[str, NDArray[Any]], memory: Mapping[str, Any]) -> None:
    """Raise NetworkError unless arrays are what a network can take over.

    Parameters
    ----------
    state : mapping of str to ndarray
        What is to be loaded.
    own : mapping of str to ndarray
        All that must be there, in the right shapes and dtypes.
    memory : mapping of str to ndarray
        The optimiser's, which may be there, likewise.
    """
    for name, array in state.items():
        like = own.get(name, memory.get(name))
        if like is None:
            raise NetworkError(f"weights hold an array '{name}' that this network does not have")
        if array.shape != like.shape or array.dtype != like.dtype:
            raise NetworkError(
                f"weights '{name}' must be {like.dtype} of shape {like.shape}, found {array.dtype} of {array.shape}"
            )
        if not np.isfinite(array).all():
            raise NetworkError(f"weights '{name}' hold numbers that are not finite: the file is damaged")
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise NetworkError(f"weights lack {', '.join(missing)}")


def check_sizes(image_shape: tuple[int, int, int], n_classes: int) -> tuple[tuple[int, int, int], int]:
    """Return the sizes as plain integers, or raise NetworkError for those that no network can have.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C), each at least 1, `MOST_PIXELS` together at most.
    n_classes : int
        K, at least 2 and `MOST_PARAMETERS` at most.
    """
    try:
        height, width, channels = (int(length) for length in image_shape)
    except (TypeError, ValueError, OverflowError):
        raise NetworkError(f"an image's shape is (height, width, channels), found {image_shape!r}") from None
    if min(height, width, channels) < 1 or height * width * channels > MOST_PIXELS:
        raise NetworkError(
            f"a network takes images (height, width, channels) of 1 to {MOST_PIXELS:,} numbers, "
            f"found {height} x {width} x {channels}"
        )
    if n_classes < 2:
        raise NetworkError(f"a classifier needs at least 2 classes, found {n_classes}")
    if n_classes > MOST_PARAMETERS:
        raise NetworkError(f"a classifier has {MOST_PARAMETERS:,} classes at most, found {n_classes:,}")
    return (height, width, channels), int(n_classes)


def check_parameters(parameters: int, name: str, image_shape: tuple[int, int, int], n_classes: int) -> None:
    """Raise NetworkError if a network would have more than `MOST_PARAMETERS`, before it is built."""
    if parameters > MOST_PARAMETERS:
        height, width, channels = image_shape
        raise NetworkError(
            f"{name} for {n_classes} classes of images of {height} x {width} x {channels} would have {parameters:,} "
            f"parameters, more than {MOST_PARAMETERS:,}: make the images smaller, or choose a smaller network"
        )
