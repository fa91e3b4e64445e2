"""What did a perceptron learn? What each hidden unit contributes to its decisions, and the class it is evidence for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """What each hidden unit adds to the lead of one class over another, image by image.

    The lead of class c over class r is a difference of logits, and a plain sum over the units:
    z_c - z_r = (b_c - b_r) + sum_j h_j (W[j, c] - W[j, r]), with h_j the unit's activation and W its outgoing weights.
    """

    classes: NDArray[np.int64]  # (N,) c: the predicted class, unless others were asked about
    rivals: NDArray[np.int64]  # (N,) r: of all other classes the one with the highest logit
    leads: NDArray[np.float64]  # (N,) z_c - z_r
    bias: NDArray[np.float64]  # (N,) b_c - b_r
    contributions: NDArray[np.float64]  # (N, H) the summands; their sum and the bias are the lead
    mean_absolute: NDArray[np.float64]  # (H,) mean over the images of the contributions' absolute values
    evidence_for: NDArray[np.int64]  # (H,) the class whose logit the unit raises most
    evidence_against: NDArray[np.int64]  # (H,) the class whose logit it raises least, or lowers most

    def top(self, image: int, count: int) -> list[int]:
        """Return the units with the largest absolute contributions to one image's lead, largest first."""
        order = np.argsort(-np.abs(self.contributions[image]), kind="stable")
        return [int(unit) for unit in order[:count]]

    def most_important(self, count: int) -> list[int]:
        """Return the units with the largest mean absolute contributions, largest first."""
        return [int(unit) for unit in np.argsort(-self.mean_absolute, kind="stable")[:count]]

    @property
    def half(self) -> int:
        """How many units, the most important first, it takes to half of all absolute contributions."""
        sums = np.cumsum(np.sort(self.mean_absolute)[::-1])
        return int(np.searchsorted(sums, sums[-1] / 2) + 1)

    @property
    def verdict(self) -> str:
        """One sentence on the whole set."""
        units, n = len(self.mean_absolute), len(self.leads)
        most = int(self.mean_absolute.argmax())
        return (
            f"{self.half} of {units} hidden units make up half of all contributions to the decisions; unit {most} "
            f"contributes most, {self.mean_absolute[most]:.2f} logits on average to a mean lead of "
            f"{self.leads.mean():.2f} ({n:,} {'image' if n == 1 else 'images'})."
        )


def contributions_of_units(
    hidden: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    bias: NDArray[np.floating[Any]],
    classes: NDArray[np.int64] | None = None,
) -> HiddenUnits:
    """Take decisions apart into the contributions of the hidden units.

    Parameters
    ----------
    hidden : ndarray of float, shape (N, H)
        Activations of the last hidden layer; of a `Perceptron`, `network.forward(network.inputs(images))[0]`.
    weights : ndarray of float, shape (H, K)
        From the hidden units to the logits; of a `Perceptron`, `network.parameters["W2"]`.
    bias : ndarray of float, shape (K,) or (1, K)
        Of the logits; of a `Perceptron`, `network.parameters["b2"]`.
    classes : ndarray of int64, shape (N,), optional
        The class whose lead is asked about, one per image; the predicted one by default.

    Raises
    ------
    DataError
        If the shapes do not fit, or there is no image.
    """
    h, w = np.asarray(hidden, np.float64), np.asarray(weights, np.float64)
    b = np.asarray(bias, np.float64).reshape(-1)
    if h.ndim != 2 or w.shape != (h.shape[1], len(b)) or not len(h) or len(b) < 2:
        raise DataError(
            "expected activations (N, H) of at least one image, weights (H, K) and biases (K,) of at least 2 classes, "
            f"found {h.shape}, {w.shape} and {b.shape}"
        )
    logits = h @ w + b  # (N, K)
    images = np.arange(len(h))
    c = logits.argmax(axis=1) if classes is None else np.asarray(classes)
    others = logits.copy()
    others[images, c] = -np.inf
    r = others.argmax(axis=1)
    summands = h * (w[:, c] - w[:, r]).T  # (N, H)
    return HiddenUnits(
        classes=c,
        rivals=r,
        leads=logits[images, c] - logits[images, r],
        bias=b[c] - b[r],
        contributions=summands,
        mean_absolute=np.abs(summands).mean(axis=0),
        evidence_for=w.argmax(axis=1),
        evidence_against=w.argmin(axis=1),
    )
