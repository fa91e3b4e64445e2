"""Update rules for named NumPy parameters. They live beside the networks because their memory is network state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OptimizerSettings:
    """Stochastic gradient descent, with momentum and weight decay where they are not zero."""

    momentum: float = 0.0  # fraction of the last update kept, 0..1
    nesterov: bool = False  # look ahead along the momentum
    weight_decay: float = 0.0  # gradient of weight_decay/2 * |W|^2 is added; biases are not decayed

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        found = []
        if not 0 <= self.momentum < 1:
            found.append(f"momentum must lie in 0..1 (1 excluded), found {self.momentum}")
        if not 0 <= self.weight_decay < 1:
            found.append(f"weight decay must lie in 0..1 (1 excluded), found {self.weight_decay}")
        if self.nesterov and self.momentum == 0:
            found.append("nesterov needs a momentum above 0")
        return found


class SGD:
    """Stochastic gradient descent (momentum in the form of Sutskever et al. 2013, as PyTorch writes it).

    v <- momentum * v + g + weight_decay * w;  w <- w - rate * (g + momentum * v if nesterov, else v)

    Parameters
    ----------
    settings : OptimizerSettings
    """

    def __init__(self, settings: OptimizerSettings) -> None:
        self.settings = settings
        self.velocity: dict[str, NDArray[Any]] = {}

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
        momentum, decay = self.settings.momentum, self.settings.weight_decay
        for name, parameter in parameters.items():
            step = gradients[name]
            if decay and not name.startswith("b"):
                step += parameter.dtype.type(decay) * parameter
            if momentum:
                velocity = self.velocity.setdefault(name, np.zeros_like(parameter))
                velocity *= momentum
                velocity += step
                if self.settings.nesterov:
                    step += momentum * velocity
                else:
                    np.copyto(step, velocity)
            step *= learning_rate
            parameter -= step

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the velocities, by parameter name."""
        return {name: velocity.copy() for name, velocity in self.velocity.items()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue with these velocities."""
        self.velocity = {name: np.array(velocity) for name, velocity in state.items()}
