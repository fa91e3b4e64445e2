"""From a run or study folder to its report: loads the evidence once, and asks every section what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.errors import InklingError
from inkling.images.dataset import Splits
from inkling.images.sources.downloads import NAMED_SETS, data_folder, find
from inkling.metrics.intervals import wilson_interval
from inkling.metrics.spread import spread
from inkling.report.evidence import Accuracy, Cell, Evidence, RunEvidence, Timing
from inkling.report.sections import sections
from inkling.runs.run import Run
from inkling.studies.folder import StudyFolder, load_runs
from inkling.studies.ledger import use_of_test_set

ReportProgress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything in a report: the evidence, and what each section gathered from it.

    Attributes
    ----------
    evidence : Evidence
    contents : mapping of str to content
        By the id of the section; sections that have nothing to say are not in it.
    """

    evidence: Evidence
    contents: Mapping[str, Any]

    def __getitem__(self, section: str) -> Any:
        """Return the content of a section, or None where it has nothing to say."""
        return self.contents.get(section)

    def with_content(self, section: str, content: Any) -> Report:
        """Return the same report with another content of one section."""
        return replace(self, contents={**self.contents, section: content})


def gather(folder: Path, progress: ReportProgress | None = None) -> Report:
    """Return everything that a report shows.

    Raises
    ------
    RunError
        If the folder holds no finished run, or is damaged.
    """
    if progress:
        progress("loading runs and images", 0, len(sections()) + 1)
    return gather_sections(load_evidence(folder), progress)


def gather_sections(evidence: Evidence, progress: ReportProgress | None = None) -> Report:
    """Return the report of some evidence."""
    contents = {}
    for done, section in enumerate(sections(), 1):
        if progress:
            progress(section.title, done, len(sections()) + 1)
        content = section.gather(evidence)
        if content is not None:
            contents[section.id] = content
    if progress:
        progress("drawing", len(sections()) + 1, len(sections()) + 1)
    return Report(evidence, contents)


def load_evidence(folder: Path) -> Evidence:
    """Return the runs of a folder with their results, and their images where they can be loaded.

    Raises
    ------
    RunError
        If the folder holds no finished run, or is damaged.
    """
    folder = Path(folder)
    runs = load_runs(folder)
    splits, missing = _images(runs)
    grouped = groupby(runs, key=lambda run: (run.label, run.train_size))
    every = [_cell(list(group), place) for place, (_, group) in enumerate(grouped)]
    shown = _shown(every)
    cells = tuple(cell for cell in every if cell.network in shown)
    best = tuple(_best_on_validation(list(group)) for _, group in groupby(cells, key=lambda cell: cell.network))
    first = runs[0].data
    study = StudyFolder(folder) if (folder / "study.json").is_file() else None
    failed = {} if study is None else _failed(study)
    return Evidence(
        name=folder.resolve().name,
        data_name=first.name,
        image_shape=first.image_shape,
        class_names=first.class_names,
        n_validation=first.validation,
        n_test=first.test,
        cells=cells,
        chosen=_best_on_validation(best),
        best_cells=best,
        splits=splits,
        images_missing=missing,
        study_command="" if study is None else str(study.info.get("command", "")),
        unfinished=() if study is None else _unfinished(study, failed),
        failed=failed,
        use_of_test_set=use_of_test_set(folder, runs),
        others=tuple(cell for cell in every if cell.network not in shown),
    )


def _failed(study: StudyFolder) -> dict[str, str]:
    """The runs of a study that diverged, and how."""
    return {study.failed_folder(run).name: run.reason for run in study.failed_runs()}


def _unfinished(study: StudyFolder, failed: Mapping[str, str]) -> tuple[str, ...]:
    """The other runs that the study asks for and that are not finished."""
    return tuple(name for name in study.unfinished_runs() if name.split(" ")[0] not in failed)


MOST_VARIANTS = 4
"""Variants of one network that all sections show."""


def _shown(cells: Sequence[Cell]) -> set[str]:
    """The variants that all sections show: where a network has many, the first and the best on validation."""
    shown: set[str] = set()
    for _, group in groupby(cells, key=lambda cell: cell.first.run.network_name):
        of_network = list(group)
        labels = list(dict.fromkeys(cell.network for cell in of_network))
        few = len(labels) <= MOST_VARIANTS
        shown.update(labels if few else (labels[0], _best_on_validation(of_network).network))
    return shown


def _best_on_validation(cells: Sequence[Cell]) -> Cell:
    return max(cells, key=lambda cell: cell.validation_accuracy.mean)


def _cell(runs: list[Run], place: int) -> Cell:
    results = tuple(_run(run) for run in runs)
    return Cell(
        network=runs[0].label,
        train_size=runs[0].train_size,
        runs=results,
        train_accuracy=spread([run.train.value for run in results]),
        validation_accuracy=spread([run.validation.value for run in results]),
        test_accuracy=spread([run.test.value for run in results]),
        layers=runs[0].network("cpu").layers(),
        place=place,
    )


def _run(run: Run) -> RunEvidence:
    history, data = tuple(run.history()), run.data
    predictions = run.predictions("test")
    evaluation = evaluate_predictions(predictions.labels, predictions.probabilities, data.class_names)
    overfitting = diagnose_overfitting(history, data.train, data.validation)
    seconds = [float(epoch["train_seconds"]) for epoch in history]
    return RunEvidence(
        run=run,
        seed=run.settings.seed,
        history=history,
        best_epoch=overfitting.kept_epoch,
        train=_accuracy(overfitting.train_accuracy, overfitting.n_train),
        validation=_accuracy(overfitting.validation_accuracy, data.validation),
        test=Accuracy(evaluation.accuracy, evaluation.n, evaluation.accuracy_interval),
        evaluation=evaluation,
        overfitting=overfitting,
        timing=Timing(
            training=sum(seconds),
            per_epoch=sum(seconds) / len(seconds),
            to_best=sum(seconds[: overfitting.kept_epoch]),
            images_per_second=data.train * len(seconds) / sum(seconds),
            with_measuring=sum(seconds) + sum(float(epoch["evaluation_seconds"]) for epoch in history),
        ),
    )


def _accuracy(value: float, n: int) -> Accuracy:
    return Accuracy(value, n, wilson_interval(round(value * n), n))


def _images(runs: Sequence[Run]) -> tuple[Splits | None, str | None]:
    """All images of the source that the runs were trained and evaluated on, or None and why they are not here."""
    first = runs[0]
    source = first.data.source
    named = NAMED_SETS.get(source)
    # A report is about what is here: it does not start a download.
    if named and len(find(named, data_folder() / source, verify=False)) < len(named.digests):
        return None, f"{source} is not on this machine ('inkling data fetch {source}' brings it)"
    try:
        splits = first.load_images()
        for run in runs:
            run.subset(splits)
    except InklingError as error:
        return None, str(error)
    return splits, None
