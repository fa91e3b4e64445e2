"""PyTorch: a state file that loads with `weights_only=True`, and a Python file beside it that needs PyTorch alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from inkling.errors import MissingLibraryError, NetworkError
from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import Parity
from inkling.integrations.export.protocol import Draft
from inkling.networks.protocols import Portable, State

LOADER = "_loader.py"

_HEAD = '''\
"""A model as PyTorch computes it; Inkling is not needed.

    load = runpy.run_path("NAME_loader.py")["load"]  # or import it, where NAME is one that Python can import
    predict, about = load("NAME.pt")
    probabilities = predict(images)  # uint8 (N, H, W, C) -> float32 (N, K), in the order of about["class_names"]
"""

import torch
from torch import device, inf, nan  # noqa: F401 - names that the functions may use

'''

_LOAD = """

def load(file, where="cpu"):
    saved = torch.load(file, map_location=where, weights_only=True)

    @torch.inference_mode()
    def predict(images):
        images, weights = torch.asarray(images, device=where, copy=True), saved["weights"]
        p = torch.stack([network(weights[network.__name__], images) for network in NETWORKS]).mean(0)
        t = saved["temperature"]
        return p if t == 1 else torch.softmax(p.clamp_min(torch.finfo(p.dtype).tiny).log() / t, dim=1)

    return predict, saved
"""


class TorchFormat:
    """NAME.pt with weights, facts and certificate, and NAME_loader.py, which gives a function from images."""

    name, suffix = "torch", ".pt"
    summary = "a state file and a Python file that needs PyTorch alone"

    def draft(self, model: LeavingModel) -> Draft:
        """Return the model as the two files, run from a folder of their own as their user would."""
        texts, weights = [], {}
        for number, network in enumerate(model.networks, 1):
            if not isinstance(network, Portable):
                raise NetworkError(
                    "this network is a NumPy class of somebody's own, which PyTorch does not compute: "
                    "use --format npz, which keeps its arrays"
                )
            body, arrays = network.torch_function()
            texts.append(f"\ndef network_{number}(w, images):\n{body}")
            weights[f"network_{number}"] = arrays
        loader = _HEAD + "\n".join(texts) + f"\n\nNETWORKS = ({', '.join(weights)},)\n" + _LOAD

        def files(parity: Parity) -> dict[str, bytes]:
            state = _state_file({**model.facts(), "parity": parity.to_dict()}, weights)
            return {self.suffix: state, LOADER: loader.encode()}

        state = _state_file({"temperature": model.temperature}, weights)
        predict = _as_its_user(loader.encode(), state)
        return Draft(predict, f"PyTorch {_torch_version()}", files, model.tolerance)


def _as_its_user(loader: bytes, state: bytes) -> Callable[[Any], Any]:
    """Return the function that the two files give, loaded from a folder as their user would."""
    with TemporaryDirectory(prefix="inkling-export-") as folder:
        file, script = Path(folder) / "model.pt", Path(folder) / "model_loader.py"
        file.write_bytes(state)
        script.write_bytes(loader)
        spec = importlib.util.spec_from_file_location("model_loader", script)
        if spec is None or spec.loader is None:
            raise ImportError(str(script))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        predict, _ = module.load(file)
    # A copy: PyTorch warns of arrays that it could not write to.
    return lambda images: np.asarray(predict(images.copy()))


def _state_file(values: dict[str, Any], weights: dict[str, State]) -> bytes:
    try:
        from inkling.networks.torch.portable import state_file
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingLibraryError(
            "--format torch needs PyTorch, which is not installed: run pip install 'inkling-ml[torch]'"
        ) from None
    return state_file(values, weights)


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch")
