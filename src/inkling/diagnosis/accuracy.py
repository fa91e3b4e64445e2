"""How well: accuracy with its interval, loss, and which classes are missed and taken for which."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from inkling.errors import DataError
from inkling.images.dataset import ImageDataset
from inkling.networks.base import Classifier
from inkling.training.train import mean_cross_entropy


@dataclass(frozen=True)
class Interval:
    """A 95% interval."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.4f}, {self.high:.4f}]"


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

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        values = asdict(self)
        values["accuracy_interval"] = [self.accuracy_interval.low, self.accuracy_interval.high]
        return values


def wilson_interval(successes: int, n: int) -> Interval:
    """Return the 95% score interval of a proportion (Wilson, 1927, JASA 22:209)."""
    found = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(float(found.low), float(found.high))


def check_predictions(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> None:
    """Raise DataError unless there are labels (N,) and probabilities (N, K) of the same images, one at least."""
    if labels.ndim != 1 or probabilities.ndim != 2 or len(labels) != len(probabilities) or not len(labels):
        raise DataError(
            f"expected labels of shape (N,) and probabilities of shape (N, K) of the same images, "
            f"found {labels.shape} and {probabilities.shape}"
        )
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise DataError(
            f"expected labels in 0..{probabilities.shape[1] - 1}, one for each column of the probabilities, "
            f"found {labels.min()}..{labels.max()}"
        )


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
