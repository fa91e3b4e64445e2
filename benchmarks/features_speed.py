"""Features a second of the pretrained backbone: Inkling's, and ONNX Runtime's over the same network, in turn.

ONNX Runtime is given its own graph of EfficientNet-Lite0 with the same weights, prepared images in its own layout, all
cores, and the batch size that it is fastest with; Inkling's time includes resizing and normalising.

    python benchmarks/features_speed.py [--quick]        (needs onnx and onnxruntime)
"""

from __future__ import annotations

import argparse
import io
import os
import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import nn

from inkling.networks.torch.backbones import build_backbone
from inkling.networks.torch.efficientnet import SameConv2d
from inkling.networks.torch.pretrained import PretrainedNetwork
from inkling.runs.environment import machine, versions

BATCHES = (1, 4, 16)


class OneSize(nn.Module):  # type: ignore[misc]
    """The backbone in the two sizes that Inkling uses, from prepared images."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, small: torch.Tensor, large: torch.Tensor) -> torch.Tensor:
        """Return the features of both sizes."""
        return torch.cat([self.backbone(small), self.backbone(large)], 1)


def main() -> None:
    """Time both in turn, and print images a second and the ratio of each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    try:
        import onnxruntime
    except ModuleNotFoundError:
        parser.exit(message="onnxruntime is not installed: pip install onnx onnxruntime\n")
    images, rounds = (8, 1) if options.quick else (192, 7)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, 128, 128, 3), dtype=np.uint8)
    network = PretrainedNetwork((128, 128, 3), 5, device="cpu")
    prepared = [preparation(network.inputs(pixels)).contiguous() for preparation in network.module.preparations]
    session = onnxruntime.InferenceSession(onnx_graph(prepared), providers=["CPUExecutionProvider"])

    def ours() -> np.ndarray:
        return network._compute(pixels, lambda *_: None)

    def theirs(batch: int) -> np.ndarray:
        parts = range(0, images, batch)
        inputs = [part.numpy() for part in prepared]
        return np.concatenate(
            [
                session.run(None, {"small": inputs[0][s : s + batch], "large": inputs[1][s : s + batch]})[0]
                for s in parts
            ]
        )

    difference = np.abs(ours() - theirs(4)).max()
    best = max(BATCHES, key=lambda batch: images / seconds(lambda: theirs(batch)))
    pairs = [(images / seconds(ours), images / seconds(lambda: theirs(best))) for _ in range(rounds)]
    print(f"{versions()}, onnxruntime {onnxruntime.__version__}; {machine()['processor']}, {os.cpu_count()} cores")
    print(f"largest difference of a feature {difference:.4f}; ONNX Runtime in batches of {best}")
    for name, place in (("Inkling", 0), ("ONNX Runtime", 1)):
        rates = [pair[place] for pair in pairs]
        print(f"{name}: {median(rates):.1f} images a second [{min(rates):.1f}, {max(rates):.1f}]")
    ratios = [own / other for own, other in pairs]
    print(f"ratio: {median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] over {rounds} pairs")


def onnx_graph(prepared: list[torch.Tensor]) -> bytes:
    """Return the network as PyTorch's own exporter writes it."""
    content = io.BytesIO()
    module = OneSize(plain(build_backbone("pretrained", weights=True).module)).eval()
    names = ["small", "large"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the old one, which needs no further library
        torch.onnx.export(
            module,
            tuple(part[:2] for part in prepared),
            content,
            input_names=names,
            dynamic_axes={name: {0: "n"} for name in names},
            dynamo=False,
        )
    return content.getvalue()


def plain(backbone: nn.Module) -> nn.Module:
    """Return it with the layers that any exporter knows: padding, where it is uneven, and a convolution."""
    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, SameConv2d):
                kernel, uneven = child.kernel_size[0], child.stride[0] == 2
                convolution = nn.Conv2d(
                    child.in_channels, child.out_channels, kernel, child.stride,
                    padding=0 if uneven else kernel // 2, groups=child.groups,
                )  # fmt: skip
                convolution.load_state_dict(child.state_dict())
                less, more = kernel // 2 - 1, kernel // 2
                padding = nn.ZeroPad2d((less, more, less, more))
                setattr(parent, name, nn.Sequential(padding, convolution) if uneven else convolution)
    return backbone


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
