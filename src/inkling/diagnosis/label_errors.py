"""Are the labels wrong? Confident learning on out-of-sample probabilities, less what the network flags by itself."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.label_noise import draw_labels, without_noise
from inkling.errors import DataError, MissingLibraryError
from inkling.metrics.scores import check_predictions

DRAWS = 100
"""Sets of right labels that are drawn to see how many a network flags by itself."""

LEARNT = "Wrong labels are hard to learn, and so are right ones where classes overlap."

_PRIOR = 1.0
"""Images added to each pair of a label and a true class, so that no pair counts as impossible.

On 3,000 MNIST images (`small-cnn`, out-of-fold), recall among the first n of n wrong labels was with 0.1, 1 and 3
added: of one class to another 0.97, 0.96 and 0.91, of pairs 0.97, 0.97 and 0.96, of labels changed evenly 0.87, 0.93
and 0.93.
"""


@dataclass(frozen=True)
class LabelError:
    """One image whose label may be wrong."""

    index: int
    label: int
    suggested: int  # most probable of the other classes
    score: float  # probability of the label ("self-confidence"), 0..1
    suggested_probability: float
    flagged: bool  # by `find_label_errors` as confident learning does; by `diagnose_labels` no more than are shown
    right: float = float("nan")  # that the label is right, 0..1, given which classes are labelled as which: the rank


@dataclass(frozen=True)
class LabelDiagnosis:
    """How many labels confident learning flags, and how many of those the network's own mistakes do not explain."""

    errors: tuple[LabelError, ...]  # every image, most suspect first
    n: int
    singled_out: int  # by confident learning
    by_itself: float  # of those, mean number of right labels, the network being as often wrong as it is
    by_itself_high: int  # in 95 of 100 such sets of labels so many right ones are flagged, or fewer
    predicted: int | None = None  # labels that are the most probable class; None where it is not known
    learnt: bool = False  # whether the network was trained on these images: then right labels are flagged too

    @property
    def weak(self) -> bool:
        """Whether most labels are not what the network predicts: then it is no evidence against any of them."""
        return self.predicted is not None and 2 * self.predicted < self.n

    @property
    def seems(self) -> str:
        """What the flagged labels are said to be."""
        if self.learnt:
            return "was hard to learn" if self.flagged == 1 else "were hard to learn"
        return "looks wrong" if self.flagged == 1 else "look wrong"

    @property
    def flagged(self) -> int:
        """What is flagged beyond the highest number that the network's own mistakes explain; 0 where it is `weak`."""
        return 0 if self.weak else max(0, self.singled_out - self.by_itself_high)

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.singled_out:
            return f"No wrong labels are shown: confident learning singles out none of {self.n:,} labels."
        if self.weak:
            return (
                f"No wrong labels are shown: the network predicts {self.predicted:,} of {self.n:,} labels, and one "
                "that is wrong on most images is no evidence against them."
            )
        found = f"confident learning singles out {self.singled_out:,} of {self.n:,} labels"
        itself = f"{self.by_itself:,.0f} by itself (up to {self.by_itself_high:,})"
        if not self.flagged:
            return f"No wrong labels are shown: {found}, and a network this often wrong singles out about {itself}."
        labels = f"{self.flagged:,} label{'' if self.flagged == 1 else 's'} {self.seems}"
        wrong = f"{labels}: {found}, where a network this often wrong would single out about {itself}"
        return f"{wrong}. {LEARNT}" if self.learnt else f"{wrong} though they are right."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included, the images not."""
        return {
            "verdict": self.verdict,
            "n": self.n,
            "flagged": self.flagged,
            "singled_out": self.singled_out,
            "by_itself": self.by_itself,
            "by_itself_high": self.by_itself_high,
        }


def diagnose_labels(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    over_epochs: NDArray[np.floating[Any]] | None = None,
) -> LabelDiagnosis:
    """Say how many labels look wrong beyond those that the network singles out by its own mistakes.

    How many right labels it singles out is found by flagging 100 sets of labels of which it is known which are right:
    drawn from the network's probabilities, calibrated on the given labels, and as often replaced by another class as
    those seem to be (`label_noise.without_noise`), for among wrong labels more right ones are singled out.
    So many labels stay flagged, the most suspect ones, as are flagged beyond the 95th percentile of those; none where
    the network predicts fewer than half of the labels, for the calibration of one that has hardly learnt says little.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        As they are given, right or wrong; two classes at least.
    probabilities : ndarray of float, shape (N, K)
        Of classifiers that were not trained on these images.
    over_epochs : ndarray of float, shape (N, K), optional
        To rank by, as of `find_label_errors`; how many are flagged does not depend on it.

    Raises
    ------
    DataError, MissingLibraryError
        As `find_label_errors` does.
    """
    errors = find_label_errors(labels, probabilities, over_epochs=over_epochs)
    rng = np.random.default_rng(0)
    explained, classes = without_noise(labels, probabilities), probabilities.shape[1]
    counts = []
    for _ in range(DRAWS):
        right = draw_labels(explained.probabilities, rng)
        replaced = rng.random(len(right)) < explained.replaced
        drawn = np.where(replaced, (right + rng.integers(1, classes, len(right))) % classes, right)
        flagged = _confident_learning(drawn, probabilities) if len(np.unique(drawn)) > 1 else np.zeros_like(replaced)
        counts.append(int((flagged & ~replaced).sum()))
    high = int(np.quantile(counts, 0.95, method="higher"))
    predicted = _predicted(labels, probabilities)
    found = LabelDiagnosis(
        (), len(labels), sum(error.flagged for error in errors), float(np.mean(counts)), high, predicted
    )
    kept = {error.index for error in [error for error in errors if error.flagged][: found.flagged]}
    return replace(found, errors=tuple(replace(error, flagged=error.index in kept) for error in errors))


def find_label_errors(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    count: int | None = None,
    over_epochs: NDArray[np.floating[Any]] | None = None,
) -> list[LabelError]:
    """Rank images by how suspect their labels are, most suspect first.

    Confident learning estimates how many images of each class carry each label: an image counts as of the class whose
    probability reaches its mean over the images labelled so; the counts are scaled to the class sizes (Northcutt, Jiang
    and Chuang, 2021, "Confident learning: estimating uncertainty in dataset labels", JAIR 70:1373; computed by
    cleanlab). So many of each class, those of the lowest self-confidence, are flagged (there "prune by class").

    The rank is by Bayes' rule with these counts: an image of class t gets the label y with probability C[t, y], so its
    label is right with probability p[y] C[y, y] / sum over t of p[t] C[t, y] (the noise model of Patrini et al., 2017,
    "Making deep neural networks robust to label noise", CVPR). Self-confidence alone overlooks a class that is often
    labelled as another, since a network learns that: with 30% of the 4s of 3,000 MNIST images labelled 9, it finds
    0.47 of them among as many first ones, this rank 0.94 (`small-cnn`, two drawings).

    With `over_epochs` this is the probability that is ranked by: networks say what an image looks like before they
    learn its label (Arpit et al., 2017, "A closer look at memorization in deep networks", ICML), so that their mean
    over the epochs finds more of the wrong labels (`benchmarks/evidence/label_errors.py`).
    Not so where training is too short: a mean that predicts fewer of the labels than `probabilities` do is left aside.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        As they are given, right or wrong; two classes at least.
    probabilities : ndarray of float, shape (N, K)
        Of classifiers that were not trained on these images, for a network memorises wrong labels.
    count : int, optional
        At most so many; all images without it.
    over_epochs : ndarray of float, shape (N, K), optional
        Probabilities of networks averaged over their epochs, as `labels.out_of_fold.rate_folds` has them.

    Raises
    ------
    DataError
        If these are no probabilities, or not of the images that the labels belong to
        (`metrics.scores.check_predictions`), or all labels are of one class.
    MissingLibraryError
        If cleanlab is not installed.
    """
    check_predictions(labels, probabilities)
    if over_epochs is not None:
        check_predictions(labels, over_epochs)
    if len(np.unique(labels)) < 2:
        raise DataError("wrong labels can be found among two classes or more: all of these images are of one")
    check_cleanlab()
    flagged = _confident_learning(labels, probabilities)
    images = np.arange(len(labels))
    own = probabilities[images, labels]
    others = probabilities.copy()
    others[images, labels] = -1
    suggested = others.argmax(axis=1)
    ranked_by = probabilities
    if over_epochs is not None and _predicted(labels, over_epochs) >= _predicted(labels, probabilities):
        ranked_by = over_epochs
    right = _right(labels, ranked_by)
    return [
        LabelError(
            index=int(i),
            label=int(labels[i]),
            suggested=int(suggested[i]),
            score=float(own[i]),
            suggested_probability=float(probabilities[i, suggested[i]]),
            flagged=bool(flagged[i]),
            right=float(right[i]),
        )
        for i in np.lexsort((own, right))[:count]
    ]


def _predicted(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> int:
    """How many labels are the most probable class."""
    return int((probabilities.argmax(axis=1) == labels).sum())


def _confident_learning(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which labels confident learning flags."""
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        # Warned of for a class without images too, in which there is nothing to flag.
        warnings.filterwarnings("ignore", "May not flag all label issues in class", UserWarning)
        found: NDArray[np.bool_] = find_label_issues(labels, probabilities, filter_by="prune_by_class", n_jobs=1)
    return found


def _right(labels: NDArray[np.int64], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probability that each label is right, (N,)."""
    from cleanlab.count import estimate_joint

    joint = np.nan_to_num(estimate_joint(labels, probabilities)) * len(labels) + _PRIOR  # (label, class)
    label_given_class = (joint / joint.sum(axis=0)).T  # (class, label)
    weights = probabilities * label_given_class[:, labels].T  # (N, K)
    own = weights[np.arange(len(labels)), labels]
    total = weights.sum(axis=1)
    right: NDArray[np.float64] = np.divide(own, total, out=np.zeros(len(labels)), where=total > 0)
    return right


def check_cleanlab() -> None:
    """Raise MissingLibraryError if cleanlab is not installed: before training, not after it."""
    if not find_spec("cleanlab"):
        raise MissingLibraryError(
            "finding wrong labels needs cleanlab, which is not installed: run pip install 'inkling-ml[labels]'"
        )
