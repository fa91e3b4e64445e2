"""The targets of the loss: labels, smoothed labels, or soft targets from a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.networks.protocols import Targets


@dataclass(frozen=True)
class Distillation:
    """How far a teacher's probabilities replace the labels as a student's targets (Hinton, Vinyals and Dean, 2015).

    Attributes
    ----------
    weight : float
        Of the teacher, 0..1; the label has the rest. 0: no teacher.
    temperature : float
        Above 1: the teacher's smaller probabilities count more.
    """

    weight: float = 0.0
    temperature: float = 1.0

    def problems(self) -> list[str]:
        """Return one sentence for each setting that is out of range."""
        problems = []
        if not 0 <= self.weight <= 1:
            problems.append(f"distillation weight must lie in 0..1, found {self.weight}")
        if not self.temperature > 0:
            problems.append(f"distillation temperature must be above 0, found {self.temperature}")
        return problems


def smooth_labels(labels: NDArray[np.int64], n_classes: int, smoothing: float) -> Targets:
    """Return the labels themselves, or with smoothing their one-hot rows mixed with 1/K (Szegedy et al., 2016).

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    n_classes : int
        K.
    smoothing : float
        The part that is spread over all classes, 0..1.

    Returns
    -------
    ndarray
        int64 (N,) without smoothing, float32 (N, K) with it.
    """
    if smoothing == 0:
        return labels
    return _one_hot(labels, n_classes) * np.float32(1 - smoothing) + np.float32(smoothing / n_classes)


def soft_targets(
    labels: NDArray[np.int64], teacher: NDArray[np.float32], distillation: Distillation
) -> NDArray[np.float32]:
    """Return weight * q + (1 - weight) * one-hot, where q is proportional to teacher^(1 / temperature).

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    teacher : ndarray of float32, shape (N, K)
        The teacher's probabilities.
    distillation : Distillation

    Returns
    -------
    ndarray of float32, shape (N, K)
    """
    softened = np.maximum(teacher, np.finfo(np.float32).tiny) ** np.float32(1 / distillation.temperature)
    softened /= softened.sum(axis=1, keepdims=True)
    weight = np.float32(distillation.weight)
    targets: NDArray[np.float32] = weight * softened + (1 - weight) * _one_hot(labels, teacher.shape[1])
    return targets


def _one_hot(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    return np.eye(n_classes, dtype=np.float32)[labels]
