"""The certificate of parity: an exported model, run on the whole test set, gives the probabilities of its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.images.progress import Progress, paced
from inkling.networks.prediction import PART

TOLERANCE = 1e-5
"""By which a probability may differ, of networks that name no other tolerance (`Portable.parity_tolerance`)."""


@dataclass(frozen=True)
class Parity:
    """How far two ways to compute the same probabilities are apart.

    Attributes
    ----------
    computed_by : str
        What ran the exported model: "onnxruntime 1.32.0".
    images : int
        N, all test images.
    largest_difference : float
        Of any of the N x K probabilities, absolute; not a number where one of them is none.
    changed_labels : int
        Images whose most probable class is another.
    tolerance : float
        Of the largest difference.
    """

    computed_by: str
    images: int
    largest_difference: float
    changed_labels: int
    tolerance: float = TOLERANCE

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.largest_difference <= self.tolerance

    @property
    def verdict(self) -> str:
        """One sentence."""
        changed = "no predicted label" if not self.changed_labels else f"{self.changed_labels:,} predicted labels"
        if self.changed_labels == 1:
            changed = "1 predicted label"
        return (
            f"{self.computed_by} on {self.images:,} test images: probabilities differ from those of the run by "
            f"{self.largest_difference:.1e} at most ({self.tolerance:.0e} is allowed), and {changed} changed."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {**asdict(self), "verdict": self.verdict}


def measure_parity(
    exported: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]],
    run: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]],
    images: NDArray[np.uint8],
    computed_by: str,
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> Parity:
    """Compare an exported model with its run.

    Parameters
    ----------
    exported, run : callable
        Images (N, H, W, C) -> probabilities (N, K).
    images : ndarray of uint8, shape (N, H, W, C)
    computed_by : str
        What runs the exported model.
    tolerance : float
    progress : callable, optional
        Called with (images done, images in all).
    """
    tell, largest, changed = paced(progress), 0.0, 0
    for start in range(0, len(images), PART):
        part = images[start : start + PART]
        ours, theirs = run(part), exported(part)
        # np.maximum and not max: a probability that is not a number must not pass as no difference.
        largest = float(np.maximum(largest, np.abs(ours - theirs).max()))
        changed += int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
        tell(min(start + PART, len(images)), len(images))
    return Parity(computed_by, len(images), largest, changed, tolerance)
