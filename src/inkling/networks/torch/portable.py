"""A PyTorch network for programs without Inkling: from uint8 images to probabilities, in operations of any exporter."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.networks.protocols import State
from inkling.networks.torch.devices import to_numpy
from inkling.networks.torch.efficientnet import SameConv2d
from inkling.networks.torch.pretrained_module import Preparation


class Answering(nn.Module):  # type: ignore[misc]
    """Probabilities (N, K) of uint8 images (N, H, W, C): scaling, a module that gives logits, softmax."""

    def __init__(self, module: nn.Module, pixel_scale: float) -> None:
        super().__init__()
        self.module, self.pixel_scale = module, pixel_scale

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 (N, K)."""
        x = images.permute(0, 3, 1, 2).to(torch.float32) * self.pixel_scale
        return torch.softmax(self.module(x).float(), dim=1)


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
    # Each place as an image that is 1 there, and some columns wide: PyTorch filters a single column wrongly.
    units = torch.eye(length)[:, None, :, None].expand(-1, -1, -1, 4).contiguous()
    resized = functional.interpolate(units, (side, 4), mode="bilinear", antialias=filtered)
    return resized[:, 0, :, 0].T.contiguous()


def _with_its_kernel(convolution: SameConv2d) -> nn.Conv2d:
    """Return a convolution with the weights as they are applied: onnxruntime drops an operator that pads them."""
    kernel = convolution.kernel().detach()
    outputs, sides = kernel.shape[0], kernel.shape[2:]
    plain = nn.Conv2d(
        convolution.in_channels, outputs, sides, convolution.stride, convolution.padding, groups=convolution.groups
    )
    plain.weight, plain.bias = nn.Parameter(kernel), convolution.bias
    return plain


def answering(module: nn.Module, pixel_scale: np.float32, image_shape: tuple[int, int, int]) -> Answering:
    """Return a copy on the CPU, for prediction."""
    copied = copy.deepcopy(module).cpu()
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Preparation) and image_shape[:2] != (child.side, child.side):
                setattr(parent, name, PreparedByProducts(child, *image_shape[:2]))
            if isinstance(child, SameConv2d):
                setattr(parent, name, _with_its_kernel(child))
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


def torch_function(module: Answering, image_shape: tuple[int, int, int], name: str) -> tuple[str, State]:
    """Return the body of a function that computes as the module does, and the arrays that it looks up.

    The text is that of the graph which torch.export traces: calls of PyTorch's own operators, one a line.

    Raises
    ------
    NetworkError
        If torch.export cannot follow the module, or not for any number of images.
    """
    with _silent():
        try:
            program = torch.export.export(
                module, (_images(image_shape),), dynamic_shapes={"images": {0: torch.export.Dim("n")}}
            )
        except Exception as error:  # of a module of somebody's own, which can fail in any way
            raise NetworkError(f"PyTorch cannot export the network '{name}' ({_reason(error)})") from error
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:  # would hold it on the CPU
            graph.erase_node(node)
    odd = [node.op for node in graph.nodes if node.op in ("call_module", "get_attr")]
    if odd or len(program.graph_signature.output_specs) != 1:
        raise NetworkError(
            f"PyTorch cannot export the network '{name}' as one function: it branches by its numbers, or changes its "
            "arrays when it predicts"
        )
    arrays = {**program.state_dict, **program.constants}
    used = {node.name for node in graph.nodes if node.op == "placeholder" and node.users}
    looked_up = {
        part.arg.name: part.target for part in program.graph_signature.input_specs
        if part.target is not None and part.arg.name in used
    }  # fmt: skip
    written = graph.python_code("self").src.partition(":\n")[2].rstrip()
    first = [f"    {variable} = w[{array!r}]" for variable, array in looked_up.items()]
    (answer,) = next(node for node in graph.nodes if node.op == "output").args[0]
    body = [line for line in written.splitlines() if line.strip() and not line.strip().startswith("return ")]
    text = "\n".join([*first, *body, f"    return {answer.name}"]) + "\n"
    return text, {array: to_numpy(arrays[array]) for array in looked_up.values()}


def state_file(values: Mapping[str, Any], weights: Mapping[str, State]) -> bytes:
    """Return what `torch.load(…, weights_only=True)` reads: JSON values, and tensors of each network as "weights"."""
    tensors = {
        network: {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        for network, arrays in weights.items()
    }
    content = io.BytesIO()
    torch.save({**values, "weights": tensors}, content)
    return content.getvalue()


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
