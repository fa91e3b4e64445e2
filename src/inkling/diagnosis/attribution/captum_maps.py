"""Attribution maps of PyTorch networks, by Captum (extra `explain`). `attribution.py` imports it where it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from numpy.typing import NDArray

from inkling.diagnosis.attribution.maps import INPUT_X_GRADIENT, INTEGRATED_GRADIENTS, PATH_STEPS, SALIENCY
from inkling.networks.torch.network import TorchNetwork

_OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    INTEGRATED_GRADIENTS: (IntegratedGradients, {"n_steps": PATH_STEPS, "method": "gausslegendre", "baselines": 0.0}),
    INPUT_X_GRADIENT: (InputXGradient, {}),
    SALIENCY: (Saliency, {"abs": True}),
}
"""Method -> Captum's class, and what its `attribute` is called with."""

_BATCH = 16  # integrated gradients pass PATH_STEPS times as many at once


def maps(
    network: TorchNetwork, images: NDArray[np.uint8], targets: NDArray[np.int64], method: str
) -> NDArray[np.float32]:
    """Return the maps that `attribution.attribute` promises, float32 of shape (N, H, W), for checked arguments."""
    of, options = _OPTIONS[method]
    network.module.eval()
    explain = of(network.module)
    found = np.empty(images.shape[:3], np.float32)
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        inputs = network.inputs(images[part]).requires_grad_()
        values = explain.attribute(inputs, target=targets[part].tolist(), **options)  # (n, C, H, W)
        found[part] = values.detach().sum(dim=1).cpu().numpy()
    return found
