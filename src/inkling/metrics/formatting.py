"""Numbers in words: as many digits as the evidence carries, with their units."""

from __future__ import annotations

from inkling.metrics.intervals import Interval
from inkling.metrics.rounding import rounded
from inkling.metrics.spread import Spread


def percent(value: float, n: int, sign: str = "%", digits: int | None = None) -> str:
    """Return a fraction of n images in percent, with the digits that n carries.

    One digit after the point, two from 2,000 images on, and more where it would otherwise read 0% or 100% and is not:
    49,999 of 50,000 are 99.998%.

    Parameters
    ----------
    value : float
        A fraction, 0..1.
    n : int
        Images it is a fraction of.
    sign : str
        What follows the number.
    digits : int, optional
        After the point, instead of those that n carries: from `digits_apart`.
    """
    return rounded(100 * value, _digits(n) if digits is None else digits, (0.0, 100.0)) + sign


def mean_probability(value: float, n: int) -> str:
    """Return the mean of n probabilities in percent, with the digits that n carries.

    It is no count, so no digit beyond those is evidence: where it would read 100% and is not, it is "above 99.9%".

    Parameters
    ----------
    value : float
        0..1.
    n : int
        Images.
    """
    digits = _digits(n)
    if value < 1 and round(100 * value, digits) == 100:
        return f"above {100 - 10**-digits:.{digits}f}%"
    return percent(value, n)


def digits_apart(first: float, second: float, n: int) -> int:
    """Return how many digits after the point two fractions of n images take in percent to read apart.

    As many as n carries, and more where 99.98% against 99.98% would say that two different numbers are one.
    """
    digits = _digits(n)
    while abs(first - second) > 1e-9 and digits < 6 and round(100 * first, digits) == round(100 * second, digits):
        digits += 1
    return digits


def percent_interval(interval: Interval, n: int) -> str:
    """Return an interval of a proportion of n images in percent."""
    return f"{percent(interval.low, n, '')}–{percent(interval.high, n)}"


def points(difference: float, n: int, digits: int | None = None) -> str:
    """Return a difference of two accuracies on n images or more in percentage points, its digits as in `percent`.

    Parameters
    ----------
    difference : float
        Of fractions, -1..1.
    n : int
        Images, of the smaller set where there are two.
    digits : int, optional
        As in `percent`.
    """
    return rounded(100 * difference, _digits(n) if digits is None else digits, (0.0,)).replace("-", "−")


def points_interval(interval: Interval, n: int, digits: int | None = None) -> str:
    """Return an interval of such a difference, in brackets."""
    return f"[{points(interval.low, n, digits)}, {points(interval.high, n, digits)}]"


def p_words(p_value: float) -> str:
    """Return a p-value as it is written."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"


def _digits(n: int) -> int:
    """Digits after the point of a percentage of n images."""
    return 2 if n >= 2000 else 1


def mean_sd(values: Spread, n: int) -> str:
    """Return mean ± standard deviation of accuracies on n images, in percent."""
    mean = percent(values.mean, n, "")
    return f"{mean}%" if values.sd is None else f"{mean} ± {percent(values.sd, n)}"


def seconds(value: float) -> str:
    """Return a duration with three digits and its unit."""
    amount, unit = value / 3600, "h"
    for below, part, name in ((1.0, 0.001, "ms"), (120.0, 1.0, "s"), (7200.0, 60.0, "min")):
        if value < below:
            amount, unit = value / part, name
            break
    return f"{amount:#.3g}".rstrip(".") + f" {unit}"


def significant(value: float) -> str:
    """Return a number with three digits, the others zero."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def signed(points: float) -> str:
    """Return a difference in points with one decimal; nothing is not negative."""
    return f"{round(points, 1) + 0.0:.1f}".replace("-", "−")


def training_images(n: int) -> str:
    """Return a number of training images in words."""
    return f"{n:,} training images"
