"""Update rules for named NumPy parameters. They live beside the networks because their memory is network state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPTIMIZERS = ("sgd", "adam")


@dataclass(frozen=True)
class OptimizerSettings:
    """Stochastic gradient descent or Adam, with weight decay where it is not zero.

    Biases and the scales of batch normalisation are not decayed.
    """

    name: str = "sgd"  # one of OPTIMIZERS
    # Fraction of the last update kept, 0..1, 0 unless given (sgd); memory of the mean gradient, beta1, 0.9 unless given
    # (adam: Kingma and Ba, 2015, section 2). Left out, it becomes its number when the settings are made.
    momentum: float = None  # type: ignore[assignment]
    nesterov: bool = False  # look ahead along the momentum (sgd)
    beta2: float = 0.999  # memory of the mean squared gradient, 0..1 (adam)
    weight_decay: float = 0.0  # weight_decay * W joins the gradient (sgd), or is taken beside it (adam, as AdamW)
    # Fraction of the learning rate that a pretrained backbone learns at, 0..1; 0: it stays as it is (discriminative
    # rates: Howard and Ruder, 2018, section 3.2). Other networks have no backbone.
    backbone_rate: float = 1.0

    def __post_init__(self) -> None:
        given: float | None = self.momentum
        if given is None:
            object.__setattr__(self, "momentum", 0.9 if self.name == "adam" else 0.0)

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        problems = []
        if self.name not in OPTIMIZERS:
            problems.append(f"optimizer must be one of {', '.join(OPTIMIZERS)}, found '{self.name}'")
        if not 0 <= self.momentum < 1:
            problems.append(f"momentum must lie in 0..1 (1 excluded), found {self.momentum}")
        if not 0 <= self.beta2 < 1:
            problems.append(f"beta2 must lie in 0..1 (1 excluded), found {self.beta2}")
        if not 0 <= self.weight_decay < 1:
            problems.append(f"weight decay must lie in 0..1 (1 excluded), found {self.weight_decay}")
        if not 0 <= self.backbone_rate <= 1:
            problems.append(f"backbone rate must lie in 0..1, found {self.backbone_rate}")
        if self.nesterov and self.name == "adam":
            problems.append("nesterov needs the optimizer sgd")
        elif self.nesterov and self.momentum == 0:
            problems.append("nesterov needs a momentum above 0")
        return problems


class Optimizer(ABC):
    """An update rule and its memory: named arrays, two per parameter for a rule that remembers two things.

    Parameters
    ----------
    settings : OptimizerSettings
    """

    def __init__(self, settings: OptimizerSettings) -> None:
        self.settings = settings
        self.memory: dict[str, NDArray[Any]] = {}

    @abstractmethod
    def update(
        self, parameters: Mapping[str, NDArray[Any]], gradients: Mapping[str, NDArray[Any]], learning_rate: float
    ) -> None:
        """Change the parameters in place; the gradients are used as scratch space.

        Parameters
        ----------
        parameters, gradients : mapping of str to ndarray
            Same names and shapes. Names that start with "b" are biases.
        learning_rate : float
            Step per unit of gradient.
        """

    @abstractmethod
    def shapes(self, parameters: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return arrays of the names, shapes and dtypes that the memory can have."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the memory."""
        return {name: array.copy() for name, array in self.memory.items()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue with this memory."""
        self.memory = {name: np.array(array) for name, array in state.items()}


class SGD(Optimizer):
    """Stochastic gradient descent (momentum in the form of Sutskever et al. 2013, as PyTorch writes it).

    v <- momentum * v + g + weight_decay * w;  w <- w - rate * (g + momentum * v if nesterov, else v)
    """

    def update(
        self, parameters: Mapping[str, NDArray[Any]], gradients: Mapping[str, NDArray[Any]], learning_rate: float
    ) -> None:
        """Take one step."""
        momentum, decay = self.settings.momentum, self.settings.weight_decay
        for name, parameter in parameters.items():
            step = gradients[name]
            if decay and not name.startswith("b"):
                step += parameter.dtype.type(decay) * parameter
            if momentum:
                velocity = self.memory.setdefault(name, np.zeros_like(parameter))
                velocity *= momentum
                velocity += step
                if self.settings.nesterov:
                    step += momentum * velocity
                else:
                    np.copyto(step, velocity)
            step *= learning_rate
            parameter -= step

    def shapes(self, parameters: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return one velocity per parameter."""
        return dict(parameters)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019).

    m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) g^2
    w <- w - rate * (m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + 1e-8) + weight_decay w)
    """

    EPSILON = 1e-8

    def update(
        self, parameters: Mapping[str, NDArray[Any]], gradients: Mapping[str, NDArray[Any]], learning_rate: float
    ) -> None:
        """Take one step."""
        beta1, beta2, decay = self.settings.momentum, self.settings.beta2, self.settings.weight_decay
        steps = self.memory.setdefault("steps", np.zeros(1))
        steps += 1
        t = float(steps[0])
        for name, parameter in parameters.items():
            gradient = gradients[name]
            mean = self.memory.setdefault(f"{name}.mean", np.zeros_like(parameter))
            square = self.memory.setdefault(f"{name}.square", np.zeros_like(parameter))
            mean += (1 - beta1) * (gradient - mean)
            square += (1 - beta2) * (gradient * gradient - square)
            if decay and not name.startswith("b"):
                parameter *= 1 - learning_rate * decay
            parameter -= learning_rate / (1 - beta1**t) * mean / (np.sqrt(square / (1 - beta2**t)) + self.EPSILON)

    def shapes(self, parameters: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the step count, and a mean and a mean square per parameter."""
        moments = {f"{name}.{what}": array for name, array in parameters.items() for what in ("mean", "square")}
        return {"steps": np.zeros(1), **moments}


def make_optimizer(settings: OptimizerSettings) -> Optimizer:
    """Return the update rule that the settings name, with an empty memory."""
    return Adam(settings) if settings.name == "adam" else SGD(settings)
