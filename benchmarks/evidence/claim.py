"""What a claim is, how hard it is tried, and what was measured of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How often a claim is tried."""

    share: float = 1.0  # of the repetitions

    @property
    def quick(self) -> bool:
        """Whether this is only to see that it runs: use the bundled digits and the smallest networks."""
        return self.share < 0.1

    def times(self, whole: int, least: int = 2) -> int:
        """Return the share of so many repetitions, so many at least."""
        return max(least, round(self.share * whole))


@dataclass(frozen=True)
class Measured:
    """How often a claim held, or what was measured instead."""

    shown: str  # the figure with its unit and number of repetitions: "4.1% of 1,000"
    reached: bool


@dataclass(frozen=True)
class Claim:
    """One row of the table."""

    name: str  # what is claimed, and where it is hard to keep
    reach: str  # what must be measured: "at most 5%"
    measure: Callable[[Effort], Measured]
    trains: bool = False  # whether networks are trained for it, on MNIST where that is here: minutes instead of seconds


def rate(hits: int, times: int, low: float = 0.0, high: float = 1.0) -> Measured:
    """Return hits of so many times, reached where the rate does not differ from low..high by more than chance.

    Chance is two standard errors of the rate at the bound itself.
    """
    found = hits / times
    slack_low = 2 * (low * (1 - low) / times) ** 0.5
    slack_high = 2 * (high * (1 - high) / times) ** 0.5
    return Measured(f"{found:.1%} of {times:,}", low - slack_low <= found <= high + slack_high)
