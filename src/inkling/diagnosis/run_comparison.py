"""Is one run better than another, and does it overfit more? From the predictions that both hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.comparison import Comparison, compare_predictions
from inkling.diagnosis.equivalence import MARGIN, Equivalence
from inkling.diagnosis.gap_change import GapChange, compare_gaps
from inkling.diagnosis.overfitting import Overfitting, diagnose_overfitting
from inkling.errors import RunError
from inkling.runs.compatible import common_test_predictions
from inkling.runs.run import Run


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same test images."""

    accuracy: Comparison
    overfitting: GapChange
    equivalence: Equivalence

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            **self.accuracy.to_dict(),
            "equivalence": self.equivalence.to_dict(),
            "overfitting": self.overfitting.to_dict(),
        }


def compare_runs(a: Run, b: Run, margin: float = MARGIN) -> RunComparison:
    """Compare two runs that were evaluated on the same test images.

    Parameters
    ----------
    a, b : Run
        Finished runs.
    margin : float
        Largest difference of accuracies that does not matter, fraction: 0.005 is half a point.

    Returns
    -------
    RunComparison
        Of their test accuracies, and of their gaps between training and validation accuracy.

    Raises
    ------
    RunError
        If they are one run, have other classes or test images, or one is not finished or damaged.
    DataError
        If the margin is not within 0..1.
    """
    if a.folder.resolve() == b.folder.resolve():
        raise RunError(f"{a.folder}: is the same run as {b.folder}: compare two different ones")
    labels, (probabilities_a, probabilities_b) = common_test_predictions([a, b])
    names = str(a.folder), str(b.folder)
    accuracy = compare_predictions(labels, probabilities_a, probabilities_b, *names)
    gaps = compare_gaps(_overfitting(a), _overfitting(b), *names)
    return RunComparison(accuracy, gaps, accuracy.equal_within(margin))


def _overfitting(run: Run) -> Overfitting:
    return diagnose_overfitting(run.history(), run.data.train, run.data.validation)
