"""Labelled rows to learn from, how much each counts, and the seed of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight

from inkling.integrations.sklearn.inputs import ImageShape, InputError


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows to learn from, checked."""

    rows: NDArray[Any]  # (N, P)
    shape: ImageShape | None  # (H, W, C) where they were images
    labels: NDArray[np.int64]  # (N,) places among the classes
    weights: NDArray[np.float64] | None  # (N,)

    def part(self, places: NDArray[Any]) -> LabelledRows:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[places]
        return LabelledRows(self.rows[places], self.shape, self.labels[places], weights)

    def that_count(self) -> LabelledRows:
        """Return the rows whose weight is not 0: the others are as if they were not there, in batches too."""
        if self.weights is None or self.weights.all():
            return self
        return self.part(np.flatnonzero(self.weights))


def row_weights(sample_weight: Any, class_weight: Any, y: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the weight of each row, that of its class included; None where all count the same.

    Parameters
    ----------
    sample_weight : array-like of float, shape (N,), or float, optional
    class_weight : dict, "balanced" or None
        As of scikit-learn.
    y : ndarray, shape (N,)

    Raises
    ------
    InputError
        If a weight is negative or not finite, all are 0, or there is not one for each row.
    """
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, np.float64)
        if weights.ndim == 0:
            weights = np.full(len(y), float(weights))
        if weights.shape != (len(y),):
            raise InputError(f"expected one sample weight for each of {len(y)} rows, found shape {weights.shape}")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise InputError("expected sample weights that are finite and 0 or more")
        if not weights.any():
            raise InputError("all sample weights are zero: some row must count")
    if class_weight is not None:
        of_class = compute_sample_weight(class_weight, y)
        weights = of_class if weights is None else weights * of_class
    return weights


def seed_of(random_state: Any) -> int:
    """Return the seed of a fit; an integer is the seed itself, as of `inkling train --seed`."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
