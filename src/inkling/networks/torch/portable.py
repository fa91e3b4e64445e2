"""A PyTorch network for programs without Inkling: from uint8 images to probabilities, in operations of any exporter."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.networks.torch.pretrained_module import Preparation, PretrainedModule


class Answering(nn.Module):  # type: ignore[misc]
    """Probabilities (N, K) of uint8 images (N, H, W, C): scaling, a module that gives logits, softmax."""

    def __init__(self, module: nn.Module, pixel_scale: float) -> None:
        super().__init__()
        self.module, self.pixel_scale = module, pixel_scale

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 (N, K)."""
        x = images.permute(0, 3, 1, 2).to(torch.float32) * self.pixel_scale
        return torch.softmax(self.module(x).float(), dim=1)


class InSixteenBits(nn.Module):  # type: ignore[misc]
    """Features rounded to 16 bits, as the run's own were where they are kept in the cache."""

    def forward(self, features: Tensor) -> Tensor:
        """Return float32 of the same shape."""
        return features.half().float()


class PreparedByProducts(nn.Module):  # type: ignore[misc]
    """A `Preparation` of images of one size, its resizing as products with two constant matrices.

    Resizing is linear and separable. Formats differ in how they filter when they make an image smaller, and PyTorch's
    exporter drops the filter; products are the same everywhere.
    """

    def __init__(self, preparation: Preparation, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", preparation.mean)
        self.register_buffer("spread", preparation.spread)
        filtered = max(height, width) > preparation.side
        self.register_buffer("rows", _resizing(height, preparation.side, filtered))  # (side, H)
        self.register_buffer("columns", _resizing(width, preparation.side, filtered).T.contiguous())  # (W, side)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3, side, side) of (N, C, H, W)."""
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.spread
        return torch.matmul(torch.matmul(self.rows, x), self.columns)


def _resizing(length: int, side: int, filtered: bool) -> Tensor:
    """Return the matrix (side, length) of bilinear interpolation along one axis, with or without a filter."""
    units = torch.eye(length)[None, :, :, None]  # each place as a channel that is 1 there
    resized = functional.interpolate(units, (side, 1), mode="bilinear", antialias=filtered)
    return resized[0, :, :, 0].T.contiguous()


def answering(module: nn.Module, pixel_scale: np.float32, image_shape: tuple[int, int, int]) -> Answering:
    """Return a copy on the CPU, for prediction."""
    copied = copy.deepcopy(module).cpu()
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Preparation) and image_shape[:2] != (child.side, child.side):
                setattr(parent, name, PreparedByProducts(child, *image_shape[:2]))
    if isinstance(copied, PretrainedModule):
        copied.head = nn.Sequential(InSixteenBits(), copied.head)
    made: Answering = Answering(copied, float(pixel_scale)).eval().requires_grad_(False)
    return made


def onnx_model(module: Answering, image_shape: tuple[int, int, int], name: str, opset: int) -> Any:
    """Return the `onnx.ModelProto` of a network: "images" (N, H, W, C) uint8 -> "probabilities" (N, K) float32.

    Raises
    ------
    NetworkError
        If ONNX cannot express it, or not for any number of images.
    ModuleNotFoundError
        If onnxscript is not installed, which the exporter of PyTorch writes graphs with.
    """
    import onnxscript  # noqa: F401 - a library that is missing is said before the exporter wraps that in its own error

    with _silent():
        try:
            program = torch.onnx.export(
                module,
                (_images(image_shape),),
                dynamo=True,
                dynamic_shapes={"images": {0: torch.export.Dim("n")}},
                input_names=["images"],
                output_names=["probabilities"],
                opset_version=opset,
                verbose=False,
            )
        except Exception as error:  # of a module of somebody's own, which can fail in any way
            raise NetworkError(f"ONNX cannot express the network '{name}' ({_reason(error)})") from error
    return program.model_proto


def _images(image_shape: tuple[int, int, int]) -> Tensor:
    """Return two blank images: of one, PyTorch would take the number as fixed."""
    return torch.zeros((2, *image_shape), dtype=torch.uint8)


def _reason(error: BaseException) -> str:
    """Return the first line of what went wrong first: exporters wrap it in advice of many lines."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep from the user what the exporter says to its own developers."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
