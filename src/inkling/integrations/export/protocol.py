"""What a format of exported models offers, and what it is given: one file a format, found through the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inkling.integrations.export.model import LeavingModel
from inkling.integrations.export.parity import TOLERANCE, Parity

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Images (N, H, W, C) -> probabilities (N, K)."""


@dataclass(frozen=True)
class Draft:
    """A model in a format: what is checked against the run, and after that written."""

    predict: Predict  # as the exported model computes, by a program that is not Inkling's own network
    computed_by: str  # that program, with its version: "onnxruntime 1.32.0"
    files: Callable[[Parity], Mapping[str, bytes]]
    """Ending of the file's name -> its content, the certificate of parity inside. The first ending is the format's
    suffix, which stands in the place of that of the user's file: ".pt", then "_loader.py"."""
    tolerance: float = TOLERANCE  # by which a probability may differ from the run's: `LeavingModel.tolerance`, or more


class Format(Protocol):
    """A format of exported models."""

    @property
    def name(self) -> str:
        """Of --format."""
        ...

    @property
    def suffix(self) -> str:
        """Of the file, with its point."""
        ...

    @property
    def summary(self) -> str:
        """One line, for help and documentation."""
        ...

    def draft(self, model: LeavingModel) -> Draft:
        """Return a model in this format.

        Raises
        ------
        NetworkError
            If the format cannot express it, with the reason.
        MissingLibraryError
            If a library is not installed.
        """
        ...
