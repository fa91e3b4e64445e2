"""How accurate is it? Accuracy with its interval, loss, mistakes per class, and what each is predicted as."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, top_k_accuracy_score

from inkling.diagnosis.class_scores import ClassScores, score_classes
from inkling.images.dataset import ImageDataset
from inkling.metrics.formatting import percent
from inkling.metrics.intervals import Interval, wilson_interval
from inkling.metrics.scores import check_predictions, mean_cross_entropy
from inkling.networks.protocols import Classifier


@dataclass(frozen=True)
class Confusion:
    """Images of one class that were predicted as another."""

    label: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Evaluation:
    """The accuracy of a classifier on one split. The misses sum to n - correct, always.

    Attributes
    ----------
    split : str
    n : int
    correct : int
    accuracy : float
    accuracy_interval : Interval
        Wilson.
    loss : float
        Mean cross-entropy, nats.
    misses : dict[str, int]
        Class name -> its images that were predicted as another class.
    confusion : tuple[tuple[int, ...], ...]
        Row: true class, column: predicted class.
    most_confused : tuple[Confusion, ...]
        Ordered pairs, most frequent first.
    scores : ClassScores
        Every class counted equally, and the majority baseline.
    top_k : dict[int, float]
        Fraction of images whose class is among the k most probable, for k of 3 and 5 below half the classes.
    """

    split: str
    n: int
    correct: int
    accuracy: float
    accuracy_interval: Interval
    loss: float
    misses: dict[str, int]
    confusion: tuple[tuple[int, ...], ...]
    most_confused: tuple[Confusion, ...]
    scores: ClassScores
    top_k: dict[int, float]

    @property
    def top_k_intervals(self) -> dict[int, Interval]:
        """Wilson interval of each of `top_k`."""
        return {k: wilson_interval(round(value * self.n), self.n) for k, value in self.top_k.items()}

    def __str__(self) -> str:
        low, high = (percent(end, self.n, "") for end in (self.accuracy_interval.low, self.accuracy_interval.high))
        baseline = percent(self.scores.baseline, self.n)
        return (
            f"{self.split} accuracy {percent(self.accuracy, self.n)} [{low}, {high}] "
            f"(n = {self.n:,}, majority baseline {baseline})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the interval as [low, high]."""
        values = asdict(self)
        values["accuracy_interval"] = [self.accuracy_interval.low, self.accuracy_interval.high]
        values["scores"] = self.scores.to_dict()
        values["top_k"] = {str(k): value for k, value in self.top_k.items()}
        values["top_k_intervals"] = {str(k): [each.low, each.high] for k, each in self.top_k_intervals.items()}
        return values


def evaluate_predictions(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    class_names: tuple[str, ...],
    split: str = "test",
) -> Evaluation:
    """Evaluate probabilities, whoever computed them.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    probabilities : ndarray of float, shape (N, K)
    class_names : tuple of str, length K
    split : str
        What the images are called in the result.

    Raises
    ------
    DataError
        If these are no probabilities (`metrics.scores.check_probabilities`), their columns are not the classes, they
        do not belong to the labels, or there is no image.
    """
    check_predictions(labels, probabilities, class_names)
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
        loss=mean_cross_entropy(labels, probabilities),
        misses={name: int(count) for name, count in zip(class_names, off_diagonal.sum(axis=1), strict=True)},
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        most_confused=tuple(Confusion(class_names[i], class_names[j], int(matrix[i, j])) for i, j in pairs[:10]),
        scores=score_classes(matrix, class_names, split),
        top_k={
            k: float(top_k_accuracy_score(labels, probabilities, k=k, labels=np.arange(len(class_names))))
            for k in (3, 5)
            if 2 * k < len(class_names)
        },
    )


def evaluate(classifier: Classifier, dataset: ImageDataset, split: str = "test") -> Evaluation:
    """Evaluate a network, or an ensemble, on a data set.

    Parameters
    ----------
    classifier : Classifier
        Made for the data set's image shape and number of classes.
    dataset : ImageDataset
    split : str
        What to call the data set in the result: "test", "validation".

    Returns
    -------
    Evaluation

    Raises
    ------
    InklingError
        If the images do not fit the classifier, or its probabilities are not finite.
    """
    return evaluate_predictions(dataset.labels, classifier.predict_proba(dataset.images), dataset.class_names, split)
