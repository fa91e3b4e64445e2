"""Convolutional networks, as plain PyTorch modules: logits (N, K) from numbers in 0..1, (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from inkling.errors import NetworkError

ImageShape = tuple[int, int, int]


def reference_cnn(image_shape: ImageShape, n_classes: int, hidden: int = 1000, dropout: float = 0.5) -> nn.Module:
    """Return the study's network: two convolutions 5x5 of 32 and 64 filters, each pooled, and two dense layers.

    conv 5x5, 32 -> ReLU -> max-pool 2 -> conv 5x5, 64 -> ReLU -> max-pool 2 -> dropout 0.5 -> dense 1000 -> dense K.
    There is no activation between the dense layers, as in the study. 3.2 million parameters at 28x28.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C), H and W at least 4.
    n_classes : int
        K.
    hidden : int
        Units of the first dense layer.
    dropout : float
        Part of its inputs that is set to zero in training, 0..1 (1 excluded).

    Raises
    ------
    NetworkError
        If `hidden` or `dropout` is out of range.
    """
    if hidden < 1 or not 0 <= dropout < 1:
        raise NetworkError(
            f"reference-cnn needs a hidden unit or more and a dropout in 0..1 (1 excluded), found {hidden}, {dropout}"
        )
    height, width, channels = image_shape
    return nn.Sequential(
        nn.Conv2d(channels, 32, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(64 * (height // 4) * (width // 4), hidden),
        nn.Linear(hidden, n_classes),
    )


def cnn(image_shape: ImageShape, n_classes: int) -> nn.Module:
    """Return the recommended network: six 3x3 convolutions, a residual pair among them, and a mean over all places.

    conv 32, pool -> conv 32 -> conv 64, pool -> x + (conv 64 -> conv 64) -> conv 128, pool -> mean -> dense K, each
    convolution with batch normalisation and ReLU. 177,450 parameters for grey images of any size and 10 classes.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C), H and W at least 8.
    n_classes : int
        K.
    """
    _, _, channels = image_shape
    return nn.Sequential(
        *_convolution(channels, 32, pool=True),
        *_convolution(32, 32),
        *_convolution(32, 64, pool=True),
        *_residual_pair(64),
        *_convolution(64, 128, pool=True),
        MeanPool(),
        nn.Linear(128, n_classes),
    )


def small_cnn(image_shape: ImageShape, n_classes: int) -> nn.Module:
    """Return a network that learns in seconds: three convolutions, the first of which looks at every other place.

    conv 5x5 8, stride 2 -> conv 3x3 16, pool -> conv 3x3 48, pool -> dense K, each convolution with batch
    normalisation and ReLU. 13 thousand parameters at 28x28.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C), H and W at least 8.
    n_classes : int
        K.
    """
    height, width, channels = image_shape
    places = ((height + 1) // 2 // 4) * ((width + 1) // 2 // 4)
    return nn.Sequential(
        *_convolution(channels, 8, size=5, stride=2),
        *_convolution(8, 16, pool=True),
        *_convolution(16, 48, pool=True),
        nn.Flatten(),
        nn.Linear(48 * places, n_classes),
    )


def photo_cnn(image_shape: ImageShape, n_classes: int) -> nn.Module:
    """Return a network for colour photos: few places from the first layer on, then nine 3x3 convolutions.

    conv 7x7 48, stride 4, pool -> conv 64, pool -> x + (conv 64 -> conv 64) -> conv 128, pool -> x + (conv 128 -> conv
    128) -> conv 256, pool -> x + (conv 256 -> conv 256) -> mean -> dense K, each convolution with batch normalisation
    and ReLU. 2.0 million parameters and 38 million multiply-adds for photos of 128x128 pixels.

    The stride is the power of 2 that leaves 24 to 48 places along the shorter side; where it is 1, for small images,
    the first layer is not pooled. Its filters are as large as two strides less one, and 3x3 at least. The batch
    normalisation behind them takes away the mean and the spread of the colours.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W, C), H and W at least 8.
    n_classes : int
        K.
    """
    height, width, channels = image_shape
    stride = 1
    while min(height, width) // (2 * stride) >= 24:
        stride *= 2
    return nn.Sequential(
        *_convolution(channels, 48, size=max(2 * stride - 1, 3), stride=stride, pool=stride > 1),
        *_convolution(48, 64, pool=True),
        *_residual_pair(64),
        *_convolution(64, 128, pool=True),
        *_residual_pair(128),
        *_convolution(128, 256, pool=True),
        *_residual_pair(256),
        MeanPool(),
        nn.Linear(256, n_classes),
    )


CONVOLUTIONAL: dict[str, Callable[..., nn.Module]] = {
    "reference-cnn": reference_cnn,
    "cnn": cnn,
    "small-cnn": small_cnn,
    "photo-cnn": photo_cnn,
}
"""Name of the network -> what makes its module from image shape, number of classes and the network's own options."""


class Residual(nn.Module):  # type: ignore[misc]
    """x + f(x), f being the layers inside (He et al., 2016)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inside = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return x + f(x), of the shape of x."""
        return x + self.inside(x)


class MeanPool(nn.Module):  # type: ignore[misc]
    """The mean over all places of each channel: (N, C, H, W) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return torch.mean(x, dim=(2, 3))


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, pool: bool = False) -> list[nn.Module]:
    """Convolution, max-pool if asked, batch normalisation, ReLU.

    Pooling comes right after the convolution: what follows then has a quarter of the work.
    """
    return [
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _residual_pair(filters: int) -> list[nn.Module]:
    """Two convolutions in a residual sum, and the ReLU behind it."""
    return [Residual(*_convolution(filters, filters), *_convolution(filters, filters)[:-1]), nn.ReLU(inplace=True)]
