"""What torch.autograd gives for a module, against central differences: finds mistakes in an autograd.Function."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkling.errors import NetworkError
from inkling.images.progress import Progress
from inkling.networks.numpy.class_check import Array, compare, conclude
from inkling.networks.numpy.class_check_result import ClassCheck
from inkling.networks.numpy.differences import DOUBLE, SINGLE, Precision
from inkling.networks.numpy.equations import cross_entropy
from inkling.networks.numpy.loss_faults import Loss
from inkling.networks.torch.devices import seeded
from inkling.networks.torch.dropout import SeededDropout
from inkling.networks.torch.network import TorchNetwork

_CPU = torch.device("cpu")


def check_module(
    network: TorchNetwork, images: NDArray[np.uint8], labels: NDArray[np.int64], progress: Progress | None = None
) -> ClassCheck:
    """Compare the gradients of torch.autograd with central differences, in float64 on the CPU.

    Parameters
    ----------
    network : TorchNetwork
        Taken over: its module becomes float64, and its weights are moved by small random numbers. The module is in
        training mode, random draws are the same in every call, and `nn.Dropout` is off.
    images : ndarray of uint8, shape (N, H, W, C)
    labels : ndarray of int64, shape (N,)
    progress : callable, optional
        Called with (entries compared, entries in all).

    Raises
    ------
    NetworkError
        If the module fails, or its logits are no numbers.
    """
    module = network.module.to(_CPU).train()
    for part in module.modules():
        if isinstance(part, SeededDropout):
            part.eval()
    x = torch.tensor(images.transpose(0, 3, 1, 2).copy()).double() / 255
    targets = torch.tensor(labels, dtype=torch.int64)
    precision = _made_double(module, x, network.name)
    if precision is SINGLE:
        x = x.float()
    parameters = {name: array for name, array in module.named_parameters() if array.requires_grad}
    arrays: dict[str, Array] = {name: array.detach().numpy() for name, array in parameters.items()}  # shared memory
    rng = np.random.default_rng(1)
    for array in arrays.values():
        array += (rng.standard_normal(array.shape) * 0.1 * (float(array.std()) or 0.1)).astype(array.dtype)

    def logits() -> Array:
        with torch.no_grad():
            values: Array = _logits(module, x).double().numpy()
            return values

    def evaluate() -> Array:
        values = logits()
        return np.concatenate([[cross_entropy(values, labels).mean()], values.ravel()])

    given = logits()
    if not np.isfinite(given).all():
        raise NetworkError(f"{network.name} gives logits that are no finite numbers for random images")
    notices = [] if np.array_equal(given, logits()) else [f"{network.name} gives other logits each time for one batch"]
    loss = functional.cross_entropy(_logits(module, x).double(), targets)
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True) if loss.requires_grad else ()
    gradients = dict(zip(parameters, found or [None] * len(parameters), strict=True))
    returned: dict[str, Array] = {
        name: np.zeros(arrays[name].shape) if gradient is None else gradient.double().numpy()
        for name, gradient in gradients.items()
    }
    value = Loss(float(loss.detach()), float(evaluate()[0]), given, True)
    compared = compare(evaluate, arrays, returned, value, precision, progress)
    cut = [check.name for check in compared.checks if not check.passed and gradients[check.name] is None]
    if cut:
        notices.append(
            f"autograd has no gradient for {', '.join(cut)}, though the loss depends on it: cut off by detach(), "
            ".data, no_grad() or NumPy on the way"
        )
    return conclude(
        compared, returned, arrays, np.zeros((len(labels), 1)), labels, value, None, precision, notices,
        engine="torch.autograd",
    )  # fmt: skip


def _logits(module: nn.Module, x: Tensor) -> Tensor:
    with seeded(_CPU, 0):
        result: Tensor = module(x)
    return result


def _made_double(module: nn.Module, x: Tensor, name: str) -> Precision:
    """Make a module float64 where it works in that; say in which it works.

    Raises
    ------
    NetworkError
        If it works in neither.
    """
    for precision, change in ((DOUBLE, module.double), (SINGLE, module.float)):
        change()
        try:
            with torch.no_grad():
                found = _logits(module, x if precision is DOUBLE else x.float())
        except Exception as error:  # a module of the caller's own, which can fail in any way
            if precision is SINGLE:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise NetworkError(f"the module of '{name}' fails on random images: {reason}") from error
            continue
        if found.dtype == torch.float64 or precision is SINGLE:
            return precision
    return SINGLE
