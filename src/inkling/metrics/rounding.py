"""Rounding that does not turn almost all into all, or almost nothing into nothing."""

from __future__ import annotations

MOST_DIGITS = 12
"""Digits after the point, at most: a value nearer to a bound than that is the bound, and a rounding error away."""


def rounded(value: float, digits: int, bounds: tuple[float, ...]) -> str:
    """Return a value with so many digits after the point, and more where it would read as a bound and is none.

    Parameters
    ----------
    value : float
    digits : int
        From 0 to `MOST_DIGITS`.
    bounds : tuple of float
        Values of few digits that mean something by themselves: 0 mistakes, all images.
    """
    for bound in bounds:
        if abs(value - bound) < 0.5 * 10**-MOST_DIGITS:
            value = bound
    while digits < MOST_DIGITS and any(round(value, digits) == bound != value for bound in bounds):
        digits += 1
    return f"{value + 0.0:.{digits}f}"  # a zero has no sign
