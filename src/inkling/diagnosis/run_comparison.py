"""Is one run better than another, and does it overfit more? From the predictions that both hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkling.diagnosis.comparison import Comparison, compare_predictions
from inkling.diagnosis.equivalence import MARGIN, Equivalence
from inkling.diagnosis.gap_change import GapChange, compare_gaps
from inkling.diagnosis.label_change import LabelChange
from inkling.diagnosis.overfitting import Overfitting, diagnose_overfitting
from inkling.errors import RunError
from inkling.images.corrections import read_corrections
from inkling.runs.compatible import SharedTest, shared_test
from inkling.runs.run import Run


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same test images."""

    accuracy: Comparison
    overfitting: GapChange
    equivalence: Equivalence
    labels: LabelChange | None = None  # None where neither run's labels were corrected

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            **self.accuracy.to_dict(),
            "equivalence": self.equivalence.to_dict(),
            "overfitting": self.overfitting.to_dict(),
            "corrections": None if self.labels is None else self.labels.to_dict(),
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
        Of their test accuracies, and of their gaps between training and validation accuracy. Where labels of test
        images were corrected in one of them, both are measured by the corrected labels.

    Raises
    ------
    RunError
        If they are one run, have other classes or test images, or one is not finished or damaged.
    DataError
        If the margin is not within 0..1.
    """
    if a.folder.resolve() == b.folder.resolve():
        raise RunError(f"{a.folder}: is the same run as {b.folder}: compare two different ones")
    shared = shared_test(a, b)
    names = str(a.folder), str(b.folder)
    accuracy = compare_predictions(shared.labels, *shared.probabilities, *names)
    gaps = compare_gaps(_overfitting(a), _overfitting(b), *names)
    return RunComparison(accuracy, gaps, accuracy.equal_within(margin), _label_change(a, b, shared))


def _label_change(a: Run, b: Run, shared: SharedTest) -> LabelChange | None:
    if a.corrections is None and b.corrections is None:
        return None
    names = str(a.folder), str(b.folder)
    by_source = None
    if shared.source_labels is not None:
        by_source = compare_predictions(shared.source_labels, *shared.probabilities, *names)
    return LabelChange(*names, _corrected(a), _corrected(b), shared.differ, shared.left_out, by_source)


def _corrected(run: Run) -> dict[str, int]:
    """Labels that the run's corrections changed, by split."""
    rows = read_corrections(run.corrections) if run.corrections else ()
    changed = [row.split for row in rows if row.correct_label != row.label]
    return {split: changed.count(split) for split in ("train", "validation", "test")}


def _overfitting(run: Run) -> Overfitting:
    return diagnose_overfitting(run.history(), run.data.train, run.data.validation)
