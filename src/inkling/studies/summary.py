"""What the finished runs of a study say together: mean and spread over seeds of each network, variant and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from inkling.diagnosis.accuracy import Evaluation, evaluate_predictions
from inkling.images.naming import without_controls
from inkling.metrics.spread import Spread, spread
from inkling.runs.run import Run, variant_label
from inkling.studies.folder import FailedRun, StudyFolder, load_runs


@dataclass(frozen=True)
class Cell:
    """The runs of one network and training size, with one combination of varied settings, over seeds."""

    network: str
    train_size: int
    seeds: tuple[int, ...]
    train_accuracy: Spread
    validation_accuracy: Spread
    test_accuracy: Spread
    n_validation: int
    n_test: int
    train_seconds: Spread
    variant: Mapping[str, str] = field(default_factory=dict)  # what is varied: setting -> value
    majority_baseline: float | None = None  # test accuracy of always answering the most frequent class
    balanced_accuracy: Spread | None = None  # mean recall of the classes, test

    @property
    def label(self) -> str:
        """The network, with what is varied in it."""
        return variant_label(self.network, self.variant)


@dataclass(frozen=True)
class Study:
    """A study that is done.

    Attributes
    ----------
    folder : Path
    cells : tuple[Cell, ...]
    failed : tuple[FailedRun, ...]
        Runs that diverged; no cell counts them.
    """

    folder: Path
    cells: tuple[Cell, ...]
    failed: tuple[FailedRun, ...] = ()

    @property
    def failures(self) -> str:
        """One sentence that names the runs that diverged; empty where none did."""
        if not self.failed:
            return ""
        names = ", ".join(f"{run.label} on {run.train_size:,} images with seed {run.seed}" for run in self.failed)
        runs = "1 run" if len(self.failed) == 1 else f"{len(self.failed)} runs"
        return f"{runs} diverged and {'is' if len(self.failed) == 1 else 'are'} not counted: {names}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "study": str(self.folder),
            "cells": [asdict(cell) for cell in self.cells],
            "train_seconds": sum(cell.train_seconds.mean * cell.train_seconds.n for cell in self.cells),
            "failed": msgspec.to_builtins(list(self.failed)),
        }

    def table(self) -> list[tuple[str, ...]]:
        """Return the cells in words, a heading first: accuracies over seeds as mean ± standard deviation."""
        first = self.cells[0]
        heading = (
            "network", "training images", "train", f"validation (n = {first.n_validation:,})",
            f"test (n = {first.n_test:,})", "balanced", "seconds",
        )  # fmt: skip
        rows = [
            (
                cell.label,
                f"{cell.train_size:,}",
                str(cell.train_accuracy),
                str(cell.validation_accuracy),
                str(cell.test_accuracy),
                str(cell.balanced_accuracy or "-"),
                f"{cell.train_seconds.mean:.2f}",
            )
            for cell in self.cells
        ]
        return [heading, *rows]

    def _repr_html_(self) -> str:
        heading, *rows = self.table()
        cells = [("th", heading), *(("td", row) for row in rows)]
        lines = ["".join(f"<{tag}>{escape(without_controls(word))}</{tag}>" for word in row) for tag, row in cells]
        return f"<table><tr>{'</tr><tr>'.join(lines)}</tr></table>"


def read_study(folder: Path | str) -> Study:
    """Return what the finished runs of a study folder say together.

    Parameters
    ----------
    folder : Path or str
        As `run_study` or 'inkling study' left it.

    Raises
    ------
    RunError
        If the folder is no study, is damaged, or no run in it is finished.
    """
    cells = []
    for (_, size), group in groupby(load_runs(folder), key=lambda run: (run.label, run.train_size)):
        runs = list(group)
        tested = [_tested(run) for run in runs]
        cells.append(
            Cell(
                network=runs[0].network_name,
                train_size=size,
                seeds=tuple(run.settings.seed for run in runs),
                train_accuracy=_over_runs(runs, "train_accuracy"),
                validation_accuracy=_over_runs(runs, "validation_accuracy"),
                test_accuracy=spread([of_run.accuracy for of_run in tested]),
                n_validation=runs[0].data.validation,
                n_test=runs[0].data.test,
                train_seconds=_over_runs(runs, "train_seconds"),
                variant=runs[0].variant,
                majority_baseline=tested[0].scores.baseline,
                balanced_accuracy=spread([of_run.scores.balanced_accuracy for of_run in tested]),
            )
        )
    is_study = (Path(folder) / "study.json").is_file()
    return Study(Path(folder), tuple(cells), StudyFolder(folder).failed_runs() if is_study else ())


def _over_runs(runs: Sequence[Run], result: str) -> Spread:
    return spread([float((run.results or {})[result]) for run in runs])


def _tested(run: Run) -> Evaluation:
    predictions = run.predictions("test")
    return evaluate_predictions(predictions.labels, predictions.probabilities, run.data.class_names)
