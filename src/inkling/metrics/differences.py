"""Whether two ways of training differ in accuracy, from one accuracy a seed and nothing of single images."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, variance

from scipy.special import ndtri, stdtrit


def reach_of_seeds(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how far the difference of two means may lie from that of other seeds, at 95%.

    Student's t with the degrees of freedom of Welch (1947, Biometrika 34:28).

    Parameters
    ----------
    first, second : sequence of float
        Two values or more each, one a seed.
    """
    variances = [(variance(side) / len(side), len(side)) for side in (first, second)]
    total = sum(each for each, _ in variances)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(each**2 / (count - 1) for each, count in variances)
    return float(stdtrit(freedom, 0.975) * total**0.5)


def means_differ(first: Sequence[float], second: Sequence[float], n: int) -> bool:
    """Return whether mean accuracies differ significantly (5%), counting other seeds and other images.

    The variance of the images is that of independent sets, which is too large where, as usual, both were evaluated on
    the same: an error on the careful side.

    Parameters
    ----------
    first, second : sequence of float
        Accuracies, fractions, of two seeds or more each.
    n : int
        Images behind each accuracy.
    """
    means = fmean(first), fmean(second)
    # Half a mistake at least, so that two perfect scores have a variance.
    of_images = sum(max(mean * (1 - mean), 0.5 / n) / n for mean in means)
    reach = (reach_of_seeds(first, second) ** 2 + ndtri(0.975) ** 2 * of_images) ** 0.5
    return bool(abs(means[0] - means[1]) > reach)
