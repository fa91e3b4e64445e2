"""Where PyTorch computes: which device, its random numbers, its float32, and the way of arrays to it and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inkling.errors import NetworkError
from inkling.networks.checks import check_device


def find_device(name: str) -> torch.device:
    """Return a device by its name: "auto", "cpu", "cuda", "cuda:1" or "mps".

    "auto" is the first GPU of CUDA where there is one, else the CPU. Apple's GPUs ("mps") must be asked for.

    Raises
    ------
    NetworkError
        If there is no such name, or no such device on this machine.
    """
    check_device(name)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not gpus):
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise NetworkError("no Apple GPU that PyTorch can use was found: leave out --device, or give --device cpu")
        return torch.device("mps")
    number = int(name.partition(":")[2] or 0)
    if not gpus:
        raise NetworkError("no GPU that PyTorch can use was found: leave out --device, or give --device cpu")
    if number >= gpus:
        there = "cuda:0 alone" if gpus == 1 else f"cuda:0 to cuda:{gpus - 1}"
        raise NetworkError(f"there is no GPU {name} here, but {there}")
    return torch.device("cuda", number)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Draw random numbers from a seed, on the CPU and this one device; leave all generators of torch as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Not torch.manual_seed, which seeds every device of the machine.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        if device.type != "mps":
            yield
            return
        before = torch.mps.get_rng_state()
        torch.mps.manual_seed(seed)
        try:
            yield
        finally:
            torch.mps.set_rng_state(before)


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Compute products of float32 in float32 on a GPU of CUDA, not in TF32, whose factors have 10 bits of fraction.

    PyTorch's own default is TF32 in convolutions and float32 in matrix products. Its settings are for the whole
    process, so they are put back.
    """
    if device.type != "cuda":
        yield
        return
    settings: list[tuple[Any, str, Any]]
    if hasattr(torch.backends.cudnn, "conv"):  # PyTorch 2.9 and later, which refuses a mixture of old and new names
        places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
        settings = [(where, "fp32_precision", "ieee") for where in places]
    else:
        settings = [(torch.backends.cuda.matmul, "allow_tf32", False), (torch.backends.cudnn, "allow_tf32", False)]
    before = [getattr(where, name) for where, name, _ in settings]
    for where, name, value in settings:
        setattr(where, name, value)
    try:
        yield
    finally:
        for (where, name, _), value in zip(settings, before, strict=True):
            setattr(where, name, value)


def to_device(array: NDArray[Any], device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return a copy of an array on a device."""
    tensor = torch.tensor(np.asarray(array, order="C"), dtype=dtype)
    # From pinned memory a copy to the GPU waits for none of the work that is under way there.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """Return a copy of a tensor as an array in C order."""
    array: NDArray[Any] = np.array(tensor.detach().cpu().numpy(), order="C")
    return array
