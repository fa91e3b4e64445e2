"""Is new data like the old? A classifier two-sample test of two sets of images, and how unlike single images are.

Features are plain: what is left of an image at 8 x 8, and what a network says of it, where one is asked. Both sets must
be equally new to the network: its own training images it knows too well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from inkling.errors import DataError
from inkling.metrics.formatting import percent
from inkling.metrics.scores import check_probabilities

LEVEL = 0.05
"""False alarms, at most, where both sets come from one source."""
WITH_FEATURES = 500
"""Images of each set at most where a network's features are used, which take time and memory."""
LEAST = 20
"""Images of each set, below which nothing is tested."""
LARGEST = 2000
"""Images of each set that are used at most, drawn at random: more would find nothing that matters."""
UNLIKE = 5
"""Images that are named as the most unlike."""
SIDE = 8
"""Fields of an image in each direction, at most."""
_NEIGHBOURS = 5


@dataclass(frozen=True)
class TwoSampleTest:
    """Whether a classifier tells new images from old ones, each image by a classifier that did not learn from it."""

    n: int  # images of each set
    accuracy: float  # 0.5 by chance
    p_value: float
    unlike: tuple[int, ...]  # places of new images, the most unlike the old first; empty where no difference is shown
    by_network: bool = False  # whether the classifier was given what a network sees in the images, its features

    @property
    def shown(self) -> bool:
        """Whether the sets are shown to differ."""
        return self.p_value <= LEVEL

    def verdict(self, new: str = "new images", old: str = "the old") -> str:
        """Return one sentence, with the names of the sets."""
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        classifier = "a classifier of the network's features" if self.by_network else "a classifier"
        figures = (
            f"{classifier} tells them apart with accuracy {percent(self.accuracy, self.n)} "
            f"(50% by chance, n = {self.n:,} each, {p})"
        )
        if self.shown:
            return f"The {new} differ from {old}: {figures}."
        return f"No difference between the {new} and {old} is shown: {figures}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "shown": self.shown,
            "n": self.n,
            "accuracy": self.accuracy,
            "p_value": self.p_value,
            "by_network": self.by_network,
        }


@dataclass(frozen=True, eq=False)
class Familiarity:
    """How far images lie from reference images, and how far held-out images do that are like them.

    Of features in several parts, how far an image lies in the part in which it lies farthest.
    """

    reference: NDArray[np.float64]  # (M, D), standardised
    mean: NDArray[np.float64]  # (D,)
    scale: NDArray[np.float64]  # (D,)
    held_out: NDArray[np.float64]  # (n,) distances, sorted
    parts: tuple[int, ...] = ()  # columns of each part; empty for one
    usual: tuple[
        tuple[float, float], ...
    ] = ()  # mean, standard deviation: log distance of a part, within the reference

    def p_values(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return for each image the fraction of held-out images, itself counted as one, that lie as far away.

        Of images exchangeable with the held-out ones a fraction of a at most has a p-value of a or less, whatever the
        features (conformal anomaly detection: Laxhammar and Falkman, 2010; Bates et al., 2023, Ann. Statist. 51:149).

        Parameters
        ----------
        features : ndarray of float, shape (N, D)
        """
        distances = _farthest(self.reference, (features - self.mean) / self.scale, self.parts, self.usual)
        as_far = len(self.held_out) - np.searchsorted(self.held_out, distances - 1e-9)
        values: NDArray[np.float64] = (1 + as_far) / (1 + len(self.held_out))
        return values


def plain_features(
    images: NDArray[np.uint8], probabilities: NDArray[np.floating[Any]] | None = None
) -> NDArray[np.float64]:
    """Return the means of at most 8 x 8 fields of each image, and the logarithms of its probabilities.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W, C)
    probabilities : ndarray of float, shape (N, K), optional
        Those below 1e-6 count as that.

    Returns
    -------
    ndarray of float64, shape (N, D)

    Raises
    ------
    DataError
        If these are no probabilities (`metrics.scores.check_probabilities`).
    """
    n, height, width, _ = images.shape
    rows, columns = (np.linspace(0, side, min(SIDE, side) + 1).astype(int) for side in (height, width))
    fields = np.add.reduceat(images, rows[:-1], axis=1, dtype=np.float64)
    fields = np.add.reduceat(fields, columns[:-1], axis=2)
    fields /= (np.diff(rows)[:, None] * np.diff(columns))[None, :, :, None] * 255
    thumbnails: NDArray[np.float64] = fields.reshape(n, -1)
    if probabilities is None:
        return thumbnails
    check_probabilities(probabilities)
    return np.concatenate([thumbnails, np.log(np.maximum(probabilities, 1e-6))], axis=1)


def two_sample_test(
    old: NDArray[np.floating[Any]], new: NDArray[np.floating[Any]], seed: int = 0
) -> TwoSampleTest | None:
    """Test whether two sets of images come from the same distribution (Lopez-Paz and Oquab, 2017, ICLR).

    A logistic regression learns to tell the sets apart on one half of both, and is tested on the other half by Fisher's
    exact test, and the other way round. The p-value is twice the smaller one (Bonferroni), because the two tests share
    images: exact, whatever the classifier.

    Parameters
    ----------
    old, new : ndarray of float, shapes (N, D) and (M, D)
        Features of independent images: of copies, or bursts of one scene, nothing would be known.
    seed : int
        Of the images that are drawn and of the halves.

    Returns
    -------
    TwoSampleTest or None
        None where a set has fewer images than `LEAST`.

    Raises
    ------
    DataError
        If the features are not of the same kind.
    """
    if old.ndim != 2 or new.ndim != 2 or old.shape[1] != new.shape[1]:
        raise DataError(f"expected features of shapes (N, D) and (M, D), found {old.shape} and {new.shape}")
    n = min(len(old), len(new), LARGEST)
    if n < LEAST:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    places = rng.permutation(len(new))[:n]
    x = np.concatenate([old[rng.permutation(len(old))[:n]], new[places]])
    is_new = np.repeat([False, True], n)
    first = np.tile(np.arange(n) < n // 2, 2)  # both sets are in random order
    scores, p_values = np.zeros(2 * n), []
    for tested in (first, ~first):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        classifier.fit(x[~tested], is_new[~tested])
        scores[tested] = classifier.decision_function(x[tested])
        called, truth = scores[tested] > 0, is_new[tested]
        table = [[np.sum(called & truth), np.sum(called & ~truth)], [np.sum(~called & truth), np.sum(~called & ~truth)]]
        p_values.append(float(fisher_exact(table, alternative="greater").pvalue))
    p_value = min(1.0, 2 * min(p_values))
    unlike = places[np.argsort(-scores[n:], kind="stable")[:UNLIKE]] if p_value <= LEVEL else ()
    accuracy = float(np.mean((scores > 0) == is_new))
    return TwoSampleTest(n, accuracy, p_value, tuple(int(place) for place in unlike))


def learn_familiarity(
    reference: NDArray[np.floating[Any]], held_out: NDArray[np.floating[Any]], parts: Sequence[int] = ()
) -> Familiarity:
    """Return what says how unlike an image is: its distance to the 5th nearest reference image.

    Sun, Ming, Zhu and Li (2022, ICML). Of features in several parts, as pixels and what a network sees, the larger part
    would drown the other. The distance is measured in each by itself, as logarithm, less its mean and over its standard
    deviation among the reference images, and the largest counts.

    Parameters
    ----------
    reference : ndarray of float, shape (M, D)
        Features of images, M at least 5.
    held_out : ndarray of float, shape (n, D)
        Of other images that are like those to come.
    parts : sequence of int, optional
        Columns of each part, D together.

    Raises
    ------
    DataError
        If the parts are not D columns together.
    """
    if parts and sum(parts) != reference.shape[1]:
        raise DataError(f"expected parts of {reference.shape[1]} features together, found {sum(parts)}")
    mean, deviation = reference.mean(axis=0), reference.std(axis=0)
    # A pixel that never changes in the reference may change in a new image, by which it is not infinitely far.
    scale = np.maximum(deviation, max(0.1 * float(deviation.mean()), 1e-6))
    known, parts = (reference - mean) / scale, tuple(parts)
    within = [_logarithms(_distances(part)) for part in _cut(known, parts)] if len(parts) > 1 else []
    usual = tuple((float(part.mean()), float(part.std()) or 1.0) for part in within)
    held_out_distances = _farthest(known, (held_out - mean) / scale, parts, usual)
    return Familiarity(known, mean, scale, np.sort(held_out_distances), parts, usual)


def _farthest(
    reference: NDArray[np.float64],
    features: NDArray[np.float64],
    parts: tuple[int, ...],
    usual: tuple[tuple[float, float], ...],
) -> NDArray[np.float64]:
    """Distances of images to a reference, of several parts in the one in which each image lies farthest."""
    if not usual:
        return _distances(reference, features)
    distances = [
        (_logarithms(_distances(known, new)) - mean) / deviation
        for known, new, (mean, deviation) in zip(_cut(reference, parts), _cut(features, parts), usual, strict=True)
    ]
    farthest: NDArray[np.float64] = np.max(distances, axis=0)
    return farthest


def _cut(features: NDArray[np.float64], parts: tuple[int, ...]) -> list[NDArray[np.float64]]:
    return np.split(features, np.cumsum(parts)[:-1], axis=1)


def _logarithms(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithms: NDArray[np.float64] = np.log(np.maximum(distances, 1e-3))  # copies are no distance apart
    return logarithms


def _distances(reference: NDArray[np.float64], features: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the distance of each image to the 5th nearest of the reference; without images, of each of those."""
    from sklearn.neighbors import NearestNeighbors

    most = len(reference) - (features is None)
    neighbours = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, most)).fit(reference)
    distances: NDArray[np.float64] = neighbours.kneighbors(features)[0][:, -1]
    return distances
