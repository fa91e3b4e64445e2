"""How well: accuracy with its interval, loss, and which classes are missed and taken for which."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from inkling.images.dataset import ImageDataset
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.scores import mean_cross_entropy
from inkling.networks.protocols import Classifier


@dataclass(frozen=True)
class Confusion:
    """Images of one class taken for another."""

    label: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Evaluation:
    """How a classifier did on one split. The misses sum to n - correct, always."""

    split: str
    n: int
    correct: int
    accuracy: float
    accuracy_interval: Interval  # Wilson
    loss: float  # mean cross-entropy, nats
    misses: dict[str, int]  # class name -> its images that were taken for another class
    confusion: tuple[tuple[int, ...], ...]  # row: true class, column: predicted class
    most_confused: tuple[Confusion, ...]  # ordered pairs, most frequent first

    def __str__(self) -> str:
        return f"{self.split} accuracy {self.accuracy:.4f} {self.accuracy_interval} (n = {self.n:,})"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        values = asdict(self)
        values["accuracy_interval"] = [self.accuracy_interval.low, self.accuracy_interval.high]
        return values


def evaluate_predictions(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    class_names: tuple[str, ...],
    split: str = "test",
) -> Evaluation:
    """Judge probabilities, whoever computed them.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    class_names : tuple of str, length K
    split : str
        What the images are called in the result.
    """
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted, labels=np.arange(len(class_names)))
    off_diagonal = matrix - np.diag(np.diag(matrix))
    pairs = sorted(zip(*np.nonzero(off_diagonal), strict=True), key=lambda pair: (-matrix[pair], pair))
    n, correct = len(labels), int(np.trace(matrix))
    return Evaluation(
        split=split,
        n=n,
        correct=correct,
        accuracy=correct / n,
        accuracy_interval=wilson_interval(correct, n),
        loss=mean_cross_entropy(probabilities, labels),
        misses={name: int(count) for name, count in zip(class_names, off_diagonal.sum(axis=1), strict=True)},
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        most_confused=tuple(Confusion(class_names[i], class_names[j], int(matrix[i, j])) for i, j in pairs[:10]),
    )


def evaluate(classifier: Classifier, dataset: ImageDataset, split: str = "test") -> Evaluation:
    """Judge a network, or an ensemble, on a data set."""
    return evaluate_predictions(dataset.labels, classifier.predict_proba(dataset.images), dataset.class_names, split)
