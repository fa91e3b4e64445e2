"""Would more data help? What going from the smallest to the largest training size changed."""

from __future__ import annotations

from dataclasses import dataclass

from inkling.diagnosis.accuracy import Evaluation, Interval
from inkling.diagnosis.overfitting import difference_interval


@dataclass(frozen=True)
class DataSizeEffect:
    """Test accuracy at two training sizes of one network, with one seed."""

    small: int  # training images
    large: int
    small_accuracy: float
    large_accuracy: float
    gain: float  # large - small, fraction
    gain_interval: Interval

    @property
    def shown(self) -> bool:
        """Whether the interval of the gain leaves out 0."""
        return self.gain_interval.low > 0 or self.gain_interval.high < 0


def compare_sizes(small: int, of_small: Evaluation, large: int, of_large: Evaluation) -> DataSizeEffect:
    """Compare two training sizes.

    The interval treats the two test results as independent. They come from the same images and agree on most of
    them, so the true interval is narrower than this one.
    """
    interval = difference_interval(of_large.correct, of_large.n, of_small.correct, of_small.n)
    gain = of_large.accuracy - of_small.accuracy
    return DataSizeEffect(small, large, of_small.accuracy, of_large.accuracy, gain, interval)
