"""Which pixels are evidence for a class, and which against it: a signed map over each image.

Every method is a formula over the gradients of one logit for the pixels, so it is written once, for every network that
gives those (`networks.protocols.Differentiable`). Integrated gradients start from a baseline: black, the absence of
ink, unless another is given (`diagnosis.attribution.baselines` has one for photos).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import NetworkError, did_you_mean
from inkling.networks.checks import check_images
from inkling.networks.protocols import Differentiable

INTEGRATED_GRADIENTS, INPUT_X_GRADIENT, SALIENCY = "integrated-gradients", "input-x-gradient", "saliency"
METHODS = (INTEGRATED_GRADIENTS, INPUT_X_GRADIENT, SALIENCY)

PATH_STEPS = 32
"""Points on the straight path from the baseline to the image where integrated gradients are taken (Gauss-Legendre)."""

_BATCH = 256


def attribute(
    network: Differentiable,
    images: NDArray[np.uint8],
    targets: NDArray[np.int64] | None = None,
    method: str = INTEGRATED_GRADIENTS,
    baselines: NDArray[np.uint8] | None = None,
) -> NDArray[np.float32]:
    """Return how much each pixel of each image is evidence for a class.

    Parameters
    ----------
    network : Differentiable
        Any built-in network, or a `TorchNetwork` around a module of your own.
    images : ndarray of uint8, shape (N, H, W, C)
    targets : ndarray of int64, shape (N,), optional
        The class whose evidence is asked for, one per image; the predicted classes by default.
    method : str
        With z the target's logit and x the pixels in 0..1, channels summed:
        "integrated-gradients", x - b times the mean of dz/dx over the straight path from the baseline b to x
        (Sundararajan, Taly and Yan, 2017): the map sums to the difference of z between the image and its baseline;
        "input-x-gradient", x * dz/dx (Shrikumar et al., 2016);
        "saliency", |dz/dx| (Simonyan, Vedaldi and Zisserman, 2014), which has no sign.
    baselines : ndarray of uint8, shape (N, H, W, C), optional
        Where the paths of integrated gradients begin; black by default.

    Returns
    -------
    ndarray of float32, shape (N, H, W)
        In logits; above 0 where the pixel is evidence for the class, below where against it.

    Raises
    ------
    NetworkError
        If the images or targets do not fit the network, the method is unknown, or the network gives no gradients.
    """
    check_method(method)
    if not isinstance(network, Differentiable):
        raise NetworkError(
            "attribution maps need a network with gradients for the pixels (logit_gradients), "
            f"found {type(network).__name__}: explain a single network"
        )
    check_images(network, images)
    classes = network.predict_proba(images).argmax(axis=1) if targets is None else np.asarray(targets)
    if classes.shape != (len(images),) or classes.dtype.kind not in "iu":
        raise NetworkError(
            f"targets must be whole numbers, one for each of {len(images)} images, "
            f"found {classes.dtype} of shape {classes.shape}"
        )
    if len(classes) and not 0 <= classes.min() <= classes.max() < network.n_classes:
        raise NetworkError(
            f"targets must be classes 0 to {network.n_classes - 1}, found {classes.min()} to {classes.max()}"
        )
    if baselines is not None and (baselines.shape != images.shape or baselines.dtype != np.uint8):
        raise NetworkError(
            f"expected a uint8 baseline for each image, {images.shape}, found {baselines.dtype} of {baselines.shape}"
        )
    maps = np.empty(images.shape[:3], np.float32)
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        pixels = images[part] * np.float32(1 / 255)
        start_of_path = np.zeros_like(pixels) if baselines is None else baselines[part] * np.float32(1 / 255)
        targets_of_part = classes[part].astype(np.int64)
        maps[part] = _evidence(network, pixels, start_of_path, targets_of_part, method).sum(axis=3)
    return maps


def check_method(method: str) -> None:
    """Raise NetworkError unless a method is called that."""
    if method not in METHODS:
        raise NetworkError(
            f"no attribution method is called '{method}'{did_you_mean(method, METHODS)}: "
            f"choose from {', '.join(METHODS)}"
        )


def _evidence(
    network: Differentiable,
    pixels: NDArray[np.float32],
    baselines: NDArray[np.float32],
    targets: NDArray[np.int64],
    method: str,
) -> NDArray[np.floating[Any]]:
    """Return the evidence at each pixel in each channel, (N, H, W, C)."""
    if method != INTEGRATED_GRADIENTS:
        gradients = network.logit_gradients(pixels, targets)
        saliency: NDArray[np.floating[Any]] = np.abs(gradients)
        return saliency if method == SALIENCY else pixels * gradients
    places, weights = np.polynomial.legendre.leggauss(PATH_STEPS)  # on -1..1, where the weights sum to 2
    mean, path = np.zeros_like(pixels), pixels - baselines
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        mean += np.float32(weight) * network.logit_gradients(baselines + path * np.float32(place), targets)
    return path * mean
