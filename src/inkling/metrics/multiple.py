"""Several tests in one family."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for all of a family, in the same order (Holm, 1979, Scand. J. Stat. 6:65).

    Where every adjusted value below 0.05 is called a finding, the chance of a single false one among all is at most
    5%, however the tests depend on each other.

    Parameters
    ----------
    p_values : sequence of float
        0..1, one for each test.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted
