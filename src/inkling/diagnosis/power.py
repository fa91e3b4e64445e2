"""How small a difference could be shown, and how many images or seeds it takes to show the one that was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from scipy.optimize import brentq
from scipy.special import ndtri

from inkling.metrics.formatting import points, significant
from inkling.metrics.over_seeds import SeedsDifference
from inkling.metrics.paired import PairedDifference

POWER = 0.8
"""Four times in five: the usual convention."""

MOST = 1000.0
"""Times as many images or seeds, at most, that are looked at: beyond that, "no number" is as good an answer."""


@dataclass(frozen=True)
class Power:
    """What images and seeds such as these could show, and what it takes to show the difference seen."""

    n: int  # images
    seeds: int  # of each side; 1 where the comparison is of two trained networks
    difference: float  # the one seen, fraction
    smallest: float  # difference that would be shown four times in five, fraction
    images_needed: int | None  # for the one seen, with as many seeds; None where no number is enough
    seeds_needed: int | None  # with as many images; None where no number is enough, and of two trained networks

    @property
    def verdict(self) -> str:
        """One or two sentences."""
        with_seeds = f", with {self.seeds} seeds," if self.seeds > 1 else ""
        could = (
            f"{self.n:,} images such as these{with_seeds} show a difference of {points(self.smallest, self.n)} points "
            "four times in five"
        )
        if self.smallest >= 1:
            could = f"{self.n:,} images such as these{with_seeds} show no difference, however large, four times in five"
        seen = points(abs(self.difference), self.n)
        if self.difference == 0:
            return f"{could}."
        ways = []
        if self.images_needed is not None:
            ways.append(f"{significant(self.images_needed)} images")
        if self.seeds_needed is not None:
            ways.append(f"{self.seeds_needed:,} seeds of each")
        if not ways:
            return f"{could}; neither more images nor more seeds alone would be enough for the {seen} points seen."
        return f"{could}; for the {seen} points seen, if it is as large as it looks, it takes {' or '.join(ways)}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "power": POWER,
            "smallest_difference": self.smallest,
            "images_needed": self.images_needed,
            "seeds_needed": self.seeds_needed,
            "verdict": self.verdict,
        }


def power_of_two(measured: PairedDifference, level: float = 0.05) -> Power:
    """Return what a comparison of two trained networks on so many images can show.

    By the sample size of McNemar's test (Miettinen, 1968, Biometrics 24:339; Connor, 1987, Biometrics 43:207):
    |d| sqrt(n) = z(1 - level/2) sqrt(q) + z(0.8) sqrt(q - d^2), where only one of the two classifies a fraction q of
    the images correctly, taken from these images.

    Parameters
    ----------
    measured : PairedDifference
    level : float
        Of the two-sided test, 0..1; 0.05 / m as one of m tests by Holm's method.
    """
    n, seen = measured.n, abs(measured.difference)
    only_one = (measured.only_a_right + measured.only_b_right + 1) / (n + 2)

    def needed(difference: float) -> float:
        apart = max(only_one, difference)
        root = apart**0.5 * -ndtri(level / 2) + (apart - difference**2) ** 0.5 * ndtri(POWER)
        return float(root / difference) ** 2

    smallest = 1.0 if needed(1.0) >= n else float(brentq(lambda at: needed(at) - n, 1e-9, 1.0))
    return Power(n, 1, measured.difference, smallest, ceil(needed(seen)) if seen else None, None)


def power_over_seeds(measured: SeedsDifference, n: int, level: float = 0.05) -> Power:
    """Return what a comparison over so many seeds and images can show.

    A difference is shown four times in five where it is the reach of the interval and z(0.8) standard errors large.
    More images divide what images add to the variance, more seeds what seeds add, and both what belongs to single
    images in single runs.

    Parameters
    ----------
    measured : SeedsDifference
    n : int
        Images.
    level : float
        As in `power_of_two`.
    """

    def smallest(what: SeedsDifference) -> float:
        return min(1.0, what.reach(1 - level) + what.standard_error * float(ndtri(POWER)))

    def enough(scaled: Callable[[float], SeedsDifference]) -> float | None:
        """How many times as many it takes, below 1 where fewer are enough."""
        seen = abs(measured.difference)
        few, many = 0.0, 1.0
        while smallest(scaled(many)) > seen:
            few, many = many, 2 * many
            if many > MOST:
                return None
        while many - few > 0.01 * many and many > 1 / MOST:
            middle = (few + many) / 2
            few, many = (middle, many) if smallest(scaled(middle)) > seen else (few, middle)
        return many

    seeds = int(min(measured.freedom)) + 1
    images = enough(lambda times: measured.scaled(images=times)) if measured.difference else None
    least = 2 / seeds  # a spread over seeds takes two
    repeats = enough(lambda times: measured.scaled(seeds=max(times, least))) if measured.difference else None
    return Power(
        n,
        seeds,
        measured.difference,
        smallest(measured),
        None if images is None else ceil(images * n),
        None if repeats is None else max(2, ceil(repeats * seeds - 1e-9)),
    )
