"""The ablation of a study: its runs, whose settings are varied, as arms for `diagnosis.ablation`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from inkling.diagnosis.ablation import Ablation, Arm, ablate
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.metrics.formatting import training_images
from inkling.runs.compatible import common_test_predictions
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder


def ablate_study(folder: Path | str) -> Ablation | None:
    """Return which of the settings that a study varies changed accuracy and overfitting; None where it varies none.

    Raises
    ------
    RunError
        If the folder is no study, or its runs were evaluated on different test images.
    """
    return ablate_runs(StudyFolder(folder).finished_runs())


def ablate_runs(runs: Sequence[Run]) -> Ablation | None:
    """Return the same of finished runs, ordered as `StudyFolder.finished_runs` orders them.

    Raises
    ------
    RunError
        If the runs were evaluated on different test images.
    """
    return ablate(arms_of(runs)) if any(run.variant for run in runs) else None


def arms_of(runs: Sequence[Run]) -> list[Arm]:
    """Return finished runs as arms, those of one variant and training size together.

    Raises
    ------
    RunError
        If the runs were evaluated on different test images.
    """
    labels, probabilities = common_test_predictions(runs)
    correct = {run.folder: p.argmax(axis=1) == labels for run, p in zip(runs, probabilities, strict=True)}
    arms = []
    for _, group in groupby(runs, key=lambda run: (run.label, run.train_size)):
        of_arm = list(group)
        validation = {run.settings.seed: run.predictions("validation") for run in of_arm}
        arms.append(
            Arm(
                group=f"{of_arm[0].network_name}, {training_images(of_arm[0].train_size)}",
                variant=of_arm[0].variant,
                correct={run.settings.seed: correct[run.folder] for run in of_arm},
                gaps={run.settings.seed: _gap(run) for run in of_arm},
                validation_correct={
                    seed: seen.probabilities.argmax(axis=1) == seen.labels for seed, seen in validation.items()
                },
            )
        )
    return arms


def _gap(run: Run) -> float:
    return float(diagnose_overfitting(run.history(), run.data.train, run.data.validation).gap)
