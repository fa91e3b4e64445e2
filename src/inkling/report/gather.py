"""From a run or study folder to its report: gathers the evidence, and leaves every picture to `views`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.diagnosis.class_misses import misses_per_class
from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds
from inkling.diagnosis.data_size import DataSizeEffect, LearningCurve, compare_sizes, fit_learning_curve
from inkling.diagnosis.duplicates import Duplicates, find_duplicates
from inkling.diagnosis.early_stopping import stopped_early
from inkling.diagnosis.gap_change import GapChange, compare_gaps
from inkling.diagnosis.hidden_units import contributions_of_units
from inkling.diagnosis.label_errors import find_label_errors
from inkling.diagnosis.neighbours import labelled_neighbours
from inkling.diagnosis.overfitting import diagnose_overfitting, last_epochs
from inkling.errors import DataError, InklingError, MissingLibraryError
from inkling.figures.display import KINDS, figure_bytes
from inkling.images.dataset import Splits
from inkling.images.sources.downloads import NAMED_SETS, data_folder, find
from inkling.images.sources.registry import load_images
from inkling.metrics.intervals import wilson_interval
from inkling.metrics.spread import spread
from inkling.networks.protocols import Network
from inkling.pages.suspects import PicturedSuspect
from inkling.report.close_up import NEIGHBOURS, close_up
from inkling.report.content import (
    Accuracy,
    CellContent,
    CloseUp,
    HiddenLayer,
    LabelSuspects,
    ReportContent,
    RunContent,
    Timing,
)
from inkling.report.page import render_report, report_figures
from inkling.report.provenance import facts, fingerprints, study_command
from inkling.runs.compatible import common_test_predictions
from inkling.runs.files import cannot_write, write_atomically
from inkling.runs.run import Run
from inkling.studies.comparison import compare_networks_of
from inkling.studies.folder import StudyFolder, load_runs

SUSPECTS = 20
"""Test images with labels in doubt that are shown, at most."""


def write_report(folder: Path, out: Path | None = None, figures: Path | None = None) -> Path:
    """Write the report of a run or study folder and return its path.

    Parameters
    ----------
    folder : Path
    out : Path, optional
        The file to write; report.html in the folder by default.
    figures : Path, optional
        A folder, made if need be, that gets every figure as a PNG and an SVG file.

    Raises
    ------
    RunError
        If the folder holds no finished run, is damaged, or a file cannot be written.
    """
    path = Path(folder) / "report.html" if out is None else Path(out)
    content = gather(folder)
    write_atomically(path, render_report(content))
    if figures is not None:
        _write_figures(content, Path(figures))
    return path


def _write_figures(content: ReportContent, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for name, figure in report_figures(content).items():
        for kind in KINDS:
            write_atomically(folder / f"{name}.{kind}", figure_bytes(figure, kind))


def build_report(folder: Path) -> str:
    """Return the report of a run or study folder as one HTML page.

    Raises
    ------
    RunError
        If the folder holds no finished run, or is damaged.
    """
    return render_report(gather(folder))


def gather(folder: Path) -> ReportContent:
    """Return everything that a report shows."""
    folder = Path(folder)
    runs = load_runs(folder)
    whole, missing = _images(runs)
    groups = [list(group) for _, group in groupby(runs, key=lambda run: (run.network_name, run.train_size))]
    cells = tuple(_cell(of_cell, whole) for of_cell in groups)
    runs_of = dict(zip([id(cell) for cell in cells], groups, strict=True))
    best = [_best_on_validation(list(of_network)) for _, of_network in groupby(cells, key=lambda cell: cell.network)]
    chosen = _best_on_validation(best)
    first = runs[0].data
    comparisons: dict[int, tuple[Comparison | ComparisonOverSeeds, ...]] = {}
    for one in compare_networks_of(runs):
        comparisons[one.train_size] = (*comparisons.get(one.train_size, ()), one.comparison)
    return ReportContent(
        name=folder.resolve().name,
        data_name=first.name,
        image_shape=first.image_shape,
        class_names=first.class_names,
        n_validation=first.validation,
        n_test=first.test,
        cells=cells,
        chosen=chosen,
        close_ups=tuple(_close_up(cell, runs_of[id(cell)][0], whole) for cell in best),
        comparisons=comparisons,
        size_effects=_size_effects(runs),
        learning_curves=_learning_curves(cells),
        gap_changes=_gap_changes(cells),
        label_suspects=None if whole is None else _label_suspects(runs_of[id(chosen)], whole),
        duplicates=None if whole is None else _duplicates(runs, whole),
        pictures_missing=missing,
        facts=tuple(facts(runs)),
        fingerprints=tuple(fingerprints(runs)),
        study_command=study_command(folder),
        unfinished=tuple(StudyFolder(folder).unfinished_runs()) if (folder / "study.json").is_file() else (),
    )


def _close_up(cell: CellContent, run: Run, whole: Splits | None) -> CloseUp:
    return close_up(cell, run, None if whole is None else run.subset(whole))


def _best_on_validation(cells: Sequence[CellContent]) -> CellContent:
    return max(cells, key=lambda cell: cell.validation_accuracy.mean)


def _cell(runs: list[Run], whole: Splits | None) -> CellContent:
    contents = tuple(_run(run) for run in runs)
    network = runs[0].network("cpu")
    return CellContent(
        network=runs[0].network_name,
        train_size=runs[0].train_size,
        runs=contents,
        train_accuracy=spread([run.train.value for run in contents]),
        validation_accuracy=spread([run.validation.value for run in contents]),
        test_accuracy=spread([run.test.value for run in contents]),
        misses=misses_per_class([run.evaluation for run in contents]),
        layers=network.layers(),
        first_layer=network.first_layer(),
        hidden=_hidden_layer(network, whole),
    )


def _hidden_layer(network: Network, whole: Splits | None) -> HiddenLayer | None:
    """The weights from the hidden units to the classes, and what the units contribute on the test images."""
    images = np.zeros((0, *network.image_shape), np.uint8) if whole is None else whole.test.images
    hidden = network.hidden_layer(images)
    if hidden is None:
        return None
    units = None if whole is None else contributions_of_units(hidden.activations, hidden.weights, hidden.bias)
    return HiddenLayer(hidden.weights, units)


def _run(run: Run) -> RunContent:
    history, data = tuple(run.history()), run.data
    predictions = run.predictions("test")
    evaluation = evaluate_predictions(predictions.labels, predictions.probabilities, data.class_names)
    overfitting = diagnose_overfitting(history, data.train, data.validation)
    seconds = [float(epoch["train_seconds"]) for epoch in history]
    return RunContent(
        seed=run.settings.seed,
        history=history,
        best_epoch=overfitting.kept_epoch,
        train=_accuracy(overfitting.train_accuracy, data.train),
        validation=_accuracy(overfitting.validation_accuracy, data.validation),
        test=Accuracy(evaluation.accuracy, evaluation.n, evaluation.accuracy_interval),
        evaluation=evaluation,
        overfitting=overfitting,
        early_stopping=stopped_early(history, last_epochs(len(history)), data.validation),
        timing=Timing(
            training=sum(seconds),
            per_epoch=sum(seconds) / len(seconds),
            to_best=sum(seconds[: overfitting.kept_epoch]),
            images_per_second=data.train * len(seconds) / sum(seconds),
            whole=sum(seconds) + sum(float(epoch["evaluation_seconds"]) for epoch in history),
        ),
        command=str(run.info.get("command", "")),
    )


def _accuracy(value: float, n: int) -> Accuracy:
    return Accuracy(value, n, wilson_interval(round(value * n), n))


def _images(runs: Sequence[Run]) -> tuple[Splits | None, str | None]:
    """All images of the source that the runs were trained and judged on, or None and why they are not here."""
    first = runs[0]
    source = first.data.source
    named = NAMED_SETS.get(source)
    # A report is about what is here: it does not start a download.
    if named and len(find(named, data_folder() / source, verify=False)) < len(named.digests):
        return None, f"{source} is not on this machine ('inkling data fetch {source}' brings it)"
    try:
        whole = load_images(source, corrections=first.corrections)
        for run in runs:
            run.subset(whole)
    except InklingError as error:
        return None, str(error)
    return whole, None


def _label_suspects(runs: Sequence[Run], whole: Splits) -> LabelSuspects:
    """The test images whose labels are least probable to the mean of the runs, none of which was trained on them."""
    found = [run.predictions("test") for run in runs]
    labels, n = found[0].labels, len(found[0].labels)
    try:
        errors = find_label_errors(labels, np.mean([of_run.probabilities for of_run in found], axis=0))
    except (DataError, MissingLibraryError) as error:
        return LabelSuspects((), n, 0, str(error))
    # Where another class is no more probable, there is nothing to look at.
    shown = [error for error in errors if error.flagged or error.suggested_probability > error.score][:SUSPECTS]
    pictures = whole.test.images[[error.index for error in shown]]
    neighbours = labelled_neighbours(pictures, whole.train, NEIGHBOURS)
    suspects = [PicturedSuspect(*parts, file="") for parts in zip(shown, pictures, neighbours, strict=True)]
    return LabelSuspects(tuple(suspects), n, sum(error.flagged for error in errors), None)


def _duplicates(runs: Sequence[Run], whole: Splits) -> Duplicates:
    """Exact copies in the splits of the largest training size."""
    splits = max(runs, key=lambda run: run.train_size).subset(whole)
    return find_duplicates(splits)


def _gap_changes(cells: tuple[CellContent, ...]) -> dict[str, GapChange]:
    """What the largest training size changed of the gap at the smallest one, first seeds, for each network."""
    changes = {}
    for network, group in groupby(cells, key=lambda cell: cell.network):
        of_network = list(group)
        if len(of_network) > 1:
            small, large = of_network[0], of_network[-1]
            names = [f"{cell.train_size:,} training images" for cell in (small, large)]
            changes[network] = compare_gaps(small.first.overfitting, large.first.overfitting, *names)
    return changes


def _size_effects(runs: list[Run]) -> dict[str, DataSizeEffect]:
    """What more images changed, for each network of two training sizes that share a seed."""
    effects = {}
    for network, group in groupby(runs, key=lambda run: run.network_name):
        sizes: dict[int, dict[int, Run]] = {}
        for run in group:
            sizes.setdefault(run.train_size, {})[run.settings.seed] = run
        if len(sizes) != 2:
            continue
        (small, of_small), (large, of_large) = sorted(sizes.items())
        seeds = [seed for seed in of_small if seed in of_large]
        if seeds:
            labels, found = common_test_predictions([of[seed] for of in (of_small, of_large) for seed in seeds])
            effects[network] = compare_sizes(small, found[: len(seeds)], large, found[len(seeds) :], labels)
    return effects


def _learning_curves(cells: tuple[CellContent, ...]) -> dict[str, LearningCurve]:
    """Error against training images, for each network of three training sizes or more."""
    curves = {}
    for network, group in groupby(cells, key=lambda cell: cell.network):
        errors = {cell.train_size: [1 - run.test.value for run in cell.runs] for cell in group}
        if len(errors) > 2:
            curves[network] = fit_learning_curve(errors, cells[0].first.test.n)
    return curves
