"""Did more data help? The difference between two training sizes of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds, compare_over_seeds
from inkling.metrics.intervals import Interval


@dataclass(frozen=True)
class DataSizeEffect:
    """Test accuracy at two training sizes of one network, over the seeds that both have."""

    small: int  # training images
    large: int
    comparison: Comparison | ComparisonOverSeeds  # of the large size with the small one, on the same test images

    @property
    def seeds(self) -> int:
        """Runs of each size."""
        return self.comparison.a_spread.n if isinstance(self.comparison, ComparisonOverSeeds) else 1

    @property
    def small_accuracy(self) -> float:
        """Mean over seeds."""
        return self.comparison.b_accuracy

    @property
    def large_accuracy(self) -> float:
        """Mean over seeds."""
        return self.comparison.a_accuracy

    @property
    def gain(self) -> float:
        """Accuracy at the large size less that at the small one, fraction."""
        return self.comparison.difference

    @property
    def gain_interval(self) -> Interval:
        """95% interval of the gain."""
        return self.comparison.interval

    @property
    def shown(self) -> bool:
        """Whether the gain is statistically significant."""
        return self.comparison.shown


def compare_sizes(
    small: int,
    small_probabilities: Sequence[NDArray[np.floating[Any]]],
    large: int,
    large_probabilities: Sequence[NDArray[np.floating[Any]]],
    labels: NDArray[np.int64],
) -> DataSizeEffect:
    """Compare two training sizes of one network on the same test images.

    Parameters
    ----------
    small, large : int
        Training images.
    small_probabilities, large_probabilities : sequence of ndarray of float, shape (N, K)
        On the same images, one per seed.
    labels : ndarray of int64, shape (N,)

    Raises
    ------
    DataError
        As `diagnosis.comparison.compare_over_seeds`.
    """
    names = (f"{large:,} training images", f"{small:,}")
    return DataSizeEffect(small, large, compare_over_seeds(labels, large_probabilities, small_probabilities, *names))
