"""Every two networks of a study compared, at each training size and over the seeds of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds, compare_over_seeds
from inkling.diagnosis.equivalence import MARGIN, Equivalence
from inkling.errors import RunError
from inkling.metrics.multiple import holm
from inkling.runs.compatible import common_test_predictions
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder


@dataclass(frozen=True)
class SizedComparison:
    """Two networks at one training size."""

    train_size: int
    seeds: tuple[int, ...]  # those that both have
    comparison: Comparison | ComparisonOverSeeds  # its p-value adjusted for all comparisons of the study
    equivalence: Equivalence  # likewise

    @property
    def sentences(self) -> tuple[str, ...]:
        """Whether they differ, whether they are equal, what could be shown, and where the uncertainty is."""
        compared = self.comparison
        said = (compared.verdict, self.equivalence.verdict, compared.power.verdict)
        return (*said, compared.uncertainty.verdict) if isinstance(compared, ComparisonOverSeeds) else said

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "train_size": self.train_size,
            "seeds": list(self.seeds),
            **self.comparison.to_dict(),
            "equivalence": self.equivalence.to_dict(),
        }


def compare_networks(folder: Path | str, margin: float = MARGIN) -> tuple[SizedComparison, ...]:
    """Compare every two networks of a study on the test images, at each training size and over the seeds of both.

    Parameters
    ----------
    folder : Path or str
        Of the study; runs that are not finished are left out.
    margin : float
        Largest difference of accuracies that does not matter, fraction: 0.005 is half a point.

    Returns
    -------
    tuple of SizedComparison
        Small training sizes first. All pairs at all sizes are one family: p-values are adjusted by Holm's method, so
        that the chance of a single false "better" among them all is 5%.

    Raises
    ------
    RunError
        If the folder is no study, its runs were evaluated on different test images, or no two networks share a training
        size and a seed.
    DataError
        If the margin is not within 0..1.
    """
    comparisons = compare_networks_of(StudyFolder(folder).finished_runs(), margin)
    if not comparisons:
        raise RunError(
            f"{folder}: expected two networks with finished runs at one training size and seed, found none: "
            "compare two runs by 'inkling compare RUN RUN', or add a network to the study"
        )
    return comparisons


def compare_networks_of(runs: Sequence[Run], margin: float = MARGIN) -> tuple[SizedComparison, ...]:
    """Compare every two networks of finished runs, as `compare_networks`; nothing where no two share size and seed.

    Raises
    ------
    RunError
        If the runs were evaluated on different test images.
    """
    by_size: dict[int, dict[str, dict[int, Run]]] = {}
    kind: dict[str, tuple[str, Mapping[str, str]]] = {}
    for run in runs:
        by_size.setdefault(run.train_size, {}).setdefault(run.label, {})[run.settings.seed] = run
        kind[run.label] = (run.network_name, run.variant)
    comparisons = []
    for size, networks in sorted(by_size.items()):
        for a, b in combinations(networks, 2):
            seeds = tuple(seed for seed in networks[a] if seed in networks[b])
            # Variants of one network are compared by `studies.ablation`.
            if seeds and kind[a][0] != kind[b][0] and kind[a][1] == kind[b][1]:
                runs_of_both = [networks[name][seed] for name in (a, b) for seed in seeds]
                labels, predictions = common_test_predictions(runs_of_both)
                comparison = compare_over_seeds(labels, predictions[: len(seeds)], predictions[len(seeds) :], a, b)
                comparisons.append(SizedComparison(size, seeds, comparison, comparison.equal_within(margin)))
    return adjusted(comparisons)


def adjusted(comparisons: Sequence[SizedComparison]) -> tuple[SizedComparison, ...]:
    """Return the comparisons of one family with their p-values adjusted; a single one is left as it is."""
    tests = len(comparisons)
    if tests < 2:
        return tuple(comparisons)
    differing = holm([each.comparison.p_value for each in comparisons])
    equal = holm([each.equivalence.p_value for each in comparisons])
    return tuple(
        replace(
            each,
            comparison=each.comparison.among(p_differing, tests),
            equivalence=each.equivalence.among(p_equal, tests),
        )
        for each, p_differing, p_equal in zip(comparisons, differing, equal, strict=True)
    )
