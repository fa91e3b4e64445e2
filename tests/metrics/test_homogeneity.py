"""Equal proportions are called different as often as they may be, and unequal ones are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from inkling.errors import DataError
from inkling.metrics.homogeneity import equal_proportions_p, highest_proportion_p, most_frequent_p


def test_many_events_give_the_p_value_of_chi_squared() -> None:
    counts, totals = np.array([40, 60, 52]), np.array([400, 450, 420])
    expected = chi2_contingency(np.stack([counts, totals - counts]), correction=False).pvalue
    assert equal_proportions_p(counts.tolist(), totals.tolist()) == pytest.approx(expected, abs=0.015)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(0, 9))
def test_p_values_are_probabilities(counts: list[int], more: int) -> None:
    totals = [count + more for count in counts]
    assert 0 < equal_proportions_p(counts, totals) <= 1
    if sum(total > 0 for total in totals) < 2:
        with pytest.raises(DataError, match="two samples with a trial"):
            highest_proportion_p(counts, totals)
    else:
        highest, p = highest_proportion_p(counts, totals)
        rates = [count / total if total else -1 for count, total in zip(counts, totals, strict=True)]
        assert rates[highest] == max(rates)
        assert 0 < p <= 1


def test_the_highest_against_each_other() -> None:
    assert highest_proportion_p([30, 10, 2], [100, 100, 100]) == (
        0, pytest.approx(fisher_exact([[30, 70], [10, 90]]).pvalue)
    )  # fmt: skip
    # Means over runs are rounded against the finding.
    assert highest_proportion_p([30.9, 9.1], [100, 100])[1] == highest_proportion_p([30, 10], [100, 100])[1]
    assert highest_proportion_p([5, 5], [50, 50])[1] == 1
    assert most_frequent_p(6, 0) == pytest.approx(2 / 2**6)
    assert most_frequent_p(0, 0) == 1


def test_nothing_to_compare() -> None:
    assert equal_proportions_p([0, 0], [5, 9]) == equal_proportions_p([5, 0], [5, 0]) == 1
    with pytest.raises(DataError, match="from 0 to their totals"):
        equal_proportions_p([3], [2])
