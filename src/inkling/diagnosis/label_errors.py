"""Are the labels wrong? Confident learning on out-of-sample probabilities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError, MissingLibraryError
from inkling.metrics.scores import check_predictions


@dataclass(frozen=True)
class LabelError:
    """One image whose label may be wrong."""

    index: int
    label: int
    suggested: int  # most probable of the other classes
    score: float  # probability of the label ("self-confidence"), 0..1: the lower, the more suspect
    suggested_probability: float
    flagged: bool  # by confident learning, as one of the wrong labels that it estimates its class to have


def find_label_errors(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], count: int | None = None
) -> list[LabelError]:
    """Rank images by how suspect their labels are, most suspect first.

    The rank is by self-confidence, the probability of the label an image has. Confident learning estimates how many
    labels of each class are wrong: an image counts as of another class where that class's probability reaches its mean
    over the images labelled so; the counts are scaled to the class sizes. So many of each class, those of the lowest
    self-confidence, are flagged (Northcutt, Jiang and Chuang, 2021, "Confident learning: estimating uncertainty in
    dataset labels", JAIR 70:1373, there "prune by class"; computed by cleanlab).

    Of 200 labels changed at random in 10,000 MNIST images (three drawings, `benchmarks/label_errors.py`), the first 220
    ranked held 0.983 by self-confidence, 0.967 by normalised margin and 0.968 by confidence-weighted entropy.
    Pruning by class flagged 202, 179 and 208 images, 187, 172 and 186 of the 200 among them.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        As they are given, right or wrong; two classes at least.
    probabilities : ndarray of float, shape (N, K)
        Of classifiers that were not trained on these images, for a network memorises wrong labels.
    count : int, optional
        At most so many; all images without it.

    Raises
    ------
    DataError
        If these are no probabilities, or not of the images that the labels belong to
        (`metrics.scores.check_predictions`), or all labels are of one class.
    MissingLibraryError
        If cleanlab is not installed.
    """
    check_predictions(labels, probabilities)
    if len(np.unique(labels)) < 2:
        raise DataError("wrong labels can be found among two classes or more: all of these images are of one")
    check_cleanlab()
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        # Warned of for a class without images too, in which there is nothing to flag.
        warnings.filterwarnings("ignore", "May not flag all label issues in class", UserWarning)
        flagged = find_label_issues(labels, probabilities, filter_by="prune_by_class", n_jobs=1)
    images = np.arange(len(labels))
    own = probabilities[images, labels]
    others = probabilities.copy()
    others[images, labels] = -1
    suggested = others.argmax(axis=1)
    return [
        LabelError(
            index=int(i),
            label=int(labels[i]),
            suggested=int(suggested[i]),
            score=float(own[i]),
            suggested_probability=float(probabilities[i, suggested[i]]),
            flagged=bool(flagged[i]),
        )
        for i in np.argsort(own, kind="stable")[:count]
    ]


def check_cleanlab() -> None:
    """Raise MissingLibraryError if cleanlab is not installed: before training, not after it."""
    if not find_spec("cleanlab"):
        raise MissingLibraryError(
            "finding wrong labels needs cleanlab, which is not installed: run pip install 'inkling-ml[labels]'"
        )
