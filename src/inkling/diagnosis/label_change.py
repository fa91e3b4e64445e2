"""Two runs whose labels were corrected: how many labels, and their comparison by the source's own labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.comparison import Comparison
from inkling.images.naming import and_list
from inkling.metrics.formatting import p_words, percent, points, points_interval


@dataclass(frozen=True)
class LabelChange:
    """How the labels of two runs were corrected."""

    a: str  # what the run is called
    b: str
    a_corrected: Mapping[str, int]  # split -> labels that differ from those of the source
    b_corrected: Mapping[str, int]
    differ: int  # test labels that differ between the runs
    left_out: int  # test images on whose labels the two corrections disagree
    by_source: Comparison | None  # by the labels of the source; None where the runs' test labels are the same

    @property
    def verdict(self) -> str:
        """One to four sentences."""
        of_a, of_b = _counts(self.a_corrected), _counts(self.b_corrected)
        text = f"Of the source's labels, {of_a} for {self.a}, {of_b} for {self.b}."
        found = self.by_source
        if found is None:
            return text
        numbers = (
            f"accuracy {percent(found.a_accuracy, found.n, digits=found.digits)} against "
            f"{percent(found.b_accuracy, found.n, digits=found.digits)}, difference "
            f"{points(found.difference, found.n, found.digits)} points "
            f"{points_interval(found.interval, found.n, found.digits)}, {p_words(found.p_value)}"
        )
        labels = "test label differs" if self.differ == 1 else "test labels differ"
        left = f", without {self.left_out:,} on which the corrections disagree" if self.left_out else ""
        return (
            f"{text} {self.differ:,} {labels} between the two: both are measured by the corrected labels{left}. "
            f"By the source's own labels: {numbers} ({self.a} first). Test labels that were corrected where a network "
            "doubted them favour that network."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the verdict included."""
        return {
            "verdict": self.verdict,
            "a_corrected": dict(self.a_corrected),
            "b_corrected": dict(self.b_corrected),
            "test_labels_differ": self.differ,
            "left_out": self.left_out,
            "by_source_labels": None if self.by_source is None else self.by_source.to_dict(),
        }


def _counts(corrected: Mapping[str, int]) -> str:
    words = {"train": "training"}
    parts = [f"{count:,} {words.get(split, split)}" for split, count in corrected.items() if count]
    return (
        f"{and_list(parts)} {'was' if sum(corrected.values()) == 1 else 'were'} corrected"
        if parts
        else "none were corrected"
    )
