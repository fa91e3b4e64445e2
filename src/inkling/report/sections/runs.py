"""All runs: accuracy with its intervals, and time, for every seed."""

from __future__ import annotations

from inkling.metrics.formatting import seconds
from inkling.report.evidence import Evidence
from inkling.report.section import Section


def runs_title(evidence: Evidence) -> str:
    """Return how many runs there are."""
    count = len(evidence.runs)
    return "Accuracy and time of the run" if count == 1 else f"Accuracy and time of the {count} runs"


def time_taken(evidence: Evidence) -> str:
    """Return how long training took."""
    best = evidence.chosen
    timing = best.first.timing
    text = (
        f"Training on {best.train_size:,} images took {seconds(timing.training)} for {len(best.first.history)} epochs "
        f"(seed {best.first.seed}), {seconds(timing.to_best)} up to its best epoch, {best.first.best_epoch}."
    )
    runs = [run for cell in evidence.cells for run in cell.runs]
    if len(runs) > 1:
        total = sum(run.timing.with_measuring for run in runs)
        text += f" All {len(runs)} runs together took {seconds(total)}, evaluation after every epoch included."
    return text


def _gather(evidence: Evidence) -> tuple[str, str]:
    return runs_title(evidence), time_taken(evidence)


SECTION = Section(
    id="runs",
    order=140,
    title="All runs",
    template="runs.html.j2",
    gather=_gather,
)
