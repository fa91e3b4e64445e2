"""Where the uncertainty of a difference over seeds comes from: the images, or the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkling.metrics.over_seeds import SeedsDifference

SURE = 0.975
"""Which of the two adds more is said where it is so probable: wrong at most once in twenty times."""


@dataclass(frozen=True)
class Uncertainty:
    """The variance of a difference over seeds, by its sources; the three fractions add up to 1."""

    images: float  # fraction that more images alone would lower
    seeds: float  # fraction that more seeds alone would lower
    both: float  # fraction by single images in single runs, which either would lower
    n_seeds: int  # of each
    seeds_dominate: float  # probability that seeds alone add more than images alone

    @property
    def more(self) -> str | None:
        """What would help more, "seeds" or "images"; None where so few seeds cannot tell."""
        if self.seeds_dominate >= SURE:
            return "seeds"
        return "images" if self.seeds_dominate <= 1 - SURE else None

    @property
    def verdict(self) -> str:
        """One sentence."""
        parts = f"{self.seeds:.0%} of it is seeds, {self.images:.0%} images and {self.both:.0%} both together"
        if self.more:
            return f"Uncertainty of the difference (variance): {parts}; more {self.more} would help more."
        return (
            f"Uncertainty of the difference (variance): {parts}, as far as {self.n_seeds} seeds can tell: not enough "
            "to say whether more seeds or more images would help more."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        shares = {"images": self.images, "seeds": self.seeds, "both": self.both}
        return {**shares, "more": self.more, "verdict": self.verdict}


def uncertainty_of(measured: SeedsDifference) -> Uncertainty:
    """Return what images and seeds each add to the variance of a difference.

    Components of variance of a crossed design, images by runs (Searle, Casella and McCulloch, 1992, Variance
    Components). Two or three seeds know their own variance badly, so which adds more is said only where it is
    97.5% probable, given how far a variance on so few degrees of freedom may be off.

    Parameters
    ----------
    measured : SeedsDifference
        From `metrics.over_seeds.seeds_difference`.
    """
    parts = measured.images, measured.seeds_alone, sum(measured.both)
    whole = sum(parts) or 1.0
    images, seeds, both = (part / whole for part in parts)
    return Uncertainty(images, seeds, both, int(min(measured.freedom)) + 1, measured.probability_that_seeds_dominate())
