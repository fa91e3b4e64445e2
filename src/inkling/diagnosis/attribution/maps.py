"""Which pixels spoke for a class: a signed map over each image, of any network.

The perceptron's maps are computed here in NumPy, those of PyTorch networks by Captum in `torch_attribution.py`; the
definitions are the same, and all start from the black image, which is the absence of ink.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import MissingLibraryError, NetworkError, did_you_mean
from inkling.networks.numpy.perceptron import Array, Perceptron
from inkling.networks.protocols import Network, check_images

INTEGRATED_GRADIENTS, INPUT_X_GRADIENT, SALIENCY = "integrated-gradients", "input-x-gradient", "saliency"
METHODS = (INTEGRATED_GRADIENTS, INPUT_X_GRADIENT, SALIENCY)

PATH_STEPS = 32
"""Points on the way from black to the image at which integrated gradients are taken (Gauss-Legendre)."""

_BATCH = 256


def attribute(
    network: Network,
    images: NDArray[np.uint8],
    targets: NDArray[np.int64] | None = None,
    method: str = INTEGRATED_GRADIENTS,
) -> NDArray[np.float32]:
    """Return how much each pixel of each image spoke for a class.

    Parameters
    ----------
    network : Network
        A `Perceptron` or a `TorchNetwork`.
    images : ndarray of uint8, shape (N, H, W, C)
    targets : ndarray of int64, shape (N,), optional
        The class that is asked about, one an image; the predicted classes by default.
    method : str
        With z the target's logit and x the pixels in 0..1, channels summed:
        "integrated-gradients", x times the mean of dz/dx over the straight way from black to x (Sundararajan, Taly and
        Yan, 2017): the map sums to the difference of z between the image and black;
        "input-x-gradient", x * dz/dx (Shrikumar et al., 2016);
        "saliency", |dz/dx| (Simonyan, Vedaldi and Zisserman, 2014), which has no sign.

    Returns
    -------
    ndarray of float32, shape (N, H, W)
        In logits; above 0 where the pixel speaks for the class, below where against it.

    Raises
    ------
    NetworkError
        If the images or targets do not fit the network, the method is unknown, or the network is of another kind.
    MissingLibraryError
        If Captum, which PyTorch networks need, is not installed.
    """
    check_method(method)
    check_images(network, images)
    chosen = network.predict_proba(images).argmax(axis=1) if targets is None else np.asarray(targets)
    if chosen.shape != (len(images),) or chosen.dtype.kind not in "iu":
        raise NetworkError(
            f"targets must be whole numbers, one for each of {len(images)} images, "
            f"found {chosen.dtype} of shape {chosen.shape}"
        )
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < network.n_classes:
        raise NetworkError(
            f"targets must be classes 0 to {network.n_classes - 1}, found {chosen.min()} to {chosen.max()}"
        )
    if isinstance(network, Perceptron):
        maps = [
            _perceptron_maps(network, images[start : start + _BATCH], chosen[start : start + _BATCH], method)
            for start in range(0, len(images), _BATCH)
        ]
        return np.concatenate(maps) if maps else np.empty(images.shape[:3], np.float32)
    return _torch_maps(network, images, chosen.astype(np.int64), method)


def check_method(method: str) -> None:
    """Raise NetworkError unless a method is called that."""
    if method not in METHODS:
        raise NetworkError(
            f"no attribution method is called '{method}'{did_you_mean(method, METHODS)}: there is {', '.join(METHODS)}"
        )


def _perceptron_maps(
    network: Perceptron, images: NDArray[np.uint8], targets: NDArray[np.int64], method: str
) -> NDArray[np.float32]:
    x = network.inputs(images)  # (N, D)
    if method == INTEGRATED_GRADIENTS:
        places, weights = np.polynomial.legendre.leggauss(PATH_STEPS)  # on -1..1, where the weights sum to 2
        mean: Array = np.zeros_like(x)
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            mean += x.dtype.type(weight) * network.logit_gradients(x * x.dtype.type(place), targets)
        values = x * mean
    else:
        gradients = network.logit_gradients(x, targets)
        values = np.abs(gradients) if method == SALIENCY else x * gradients
    summed: NDArray[np.float32] = values.reshape(images.shape).sum(axis=3).astype(np.float32)
    return summed


def _torch_maps(
    network: Any, images: NDArray[np.uint8], targets: NDArray[np.int64], method: str
) -> NDArray[np.float32]:
    # Here and not above: the perceptron needs neither PyTorch nor Captum.
    try:
        from inkling.diagnosis.attribution.captum_maps import maps
        from inkling.networks.torch.network import TorchNetwork
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("captum", "torch"):
            raise
        raise MissingLibraryError(
            "attribution maps of PyTorch networks need Captum, which is not installed: "
            "run pip install 'inkling-ml[torch,explain]', or explain a perceptron, which needs NumPy only"
        ) from None
    if not isinstance(network, TorchNetwork):
        raise NetworkError(f"attribution maps are made of a Perceptron or a TorchNetwork, found {network!r}")
    return maps(network, images, targets, method)
