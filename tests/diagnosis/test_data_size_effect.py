"""Did more data help: two training sizes compared on the same test images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inkling.diagnosis.data_size_effect import compare_sizes
from inkling.metrics.intervals import newcombe_interval
from inkling.report.sections.data_size import size_effect


def answers(right: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(right[:, None], [0.9, 0.1], [0.2, 0.8]).astype(np.float32)


def test_two_sizes_are_compared_on_the_same_images() -> None:
    labels, place = np.zeros(1000, np.int64), np.arange(1000)
    small, large = answers(place < 900), answers((place < 930) & (place != 5))
    found = compare_sizes(200, [small], 1000, [large], labels)
    assert (found.small_accuracy, found.large_accuracy, found.gain) == pytest.approx((0.9, 0.929, 0.029))
    assert found.shown
    apart = newcombe_interval(929, 1000, 900, 1000)
    assert found.gain_interval.high - found.gain_interval.low < 0.6 * (apart.high - apart.low)
    assert size_effect(found, "cnn").startswith(
        "From 200 to 1,000 training images, the cnn's test error goes from 10.0% to 7.1% (n = 1,000): +2.9 points of "
        "accuracy, 95% interval +"
    )
    again = compare_sizes(200, [small], 1000, [small], labels)
    assert ", not a significant difference. One run each speaks of these two:" in size_effect(again, "cnn")
    seeds = compare_sizes(200, [small] * 3, 1000, [large] * 3, labels)
    assert "(n = 1,000, means over 3 seeds)" in size_effect(seeds, "cnn")
