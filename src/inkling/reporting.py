"""From a run or study folder to its report: gathers the evidence, and leaves every picture to `views`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from inkling.diagnosis.accuracy import evaluate_predictions, wilson_interval
from inkling.diagnosis.class_misses import misses_per_class
from inkling.diagnosis.data_size import DataSizeEffect, LearningCurve, compare_sizes, fit_learning_curve
from inkling.diagnosis.hidden_units import contributions_of_units
from inkling.diagnosis.mistakes import worst_mistakes
from inkling.diagnosis.overfitting import diagnose_overfitting
from inkling.diagnosis.spread import spread
from inkling.errors import InklingError
from inkling.images.catalogue import NAMED_SETS, data_folder, find
from inkling.images.dataset import ImageDataset
from inkling.images.sources import load
from inkling.networks.base import Network
from inkling.networks.perceptron import Perceptron
from inkling.runs.atomic import write_atomically
from inkling.runs.comparable import common_test_predictions
from inkling.runs.run import Predictions, Run
from inkling.runs.study_folder import StudyFolder, load_runs
from inkling.views.report import render_report
from inkling.views.report_content import (
    Accuracy,
    CellContent,
    FeatureMaps,
    HiddenLayer,
    PicturedMistake,
    ReportContent,
    RunContent,
    Timing,
)
from inkling.views.settings_wording import settings_by_size

MISTAKES = 24
"""Mistakes shown as pictures, at most."""

_SHOWN_ELSEWHERE = ("network", "image_shape", "n_classes")
"""Parts of a network's description that the report gives in other words."""


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of a run or study folder and return its path.

    Parameters
    ----------
    folder : Path
    out : Path, optional
        The file to write; report.html in the folder by default.

    Raises
    ------
    RunError
        If the folder holds no finished run, is damaged, or the file cannot be written.
    """
    path = Path(folder) / "report.html" if out is None else Path(out)
    write_atomically(path, build_report(folder))
    return path


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
    test, missing = _test_images(runs[0])
    cells = tuple(
        _cell(list(group), test) for _, group in groupby(runs, key=lambda run: (run.network_name, run.train_size))
    )
    first = runs[0].data
    return ReportContent(
        name=folder.resolve().name,
        data_name=first.name,
        image_shape=first.image_shape,
        class_names=first.class_names,
        n_validation=first.validation,
        n_test=first.test,
        cells=cells,
        chosen=max(cells, key=lambda cell: cell.validation_accuracy.mean),
        size_effects=_size_effects(runs),
        learning_curves=_learning_curves(cells),
        pictures_missing=missing,
        facts=tuple(_facts(runs)),
        fingerprints=tuple(_fingerprints(runs)),
        study_command=_study_command(folder),
        unfinished=tuple(StudyFolder(folder).unfinished_runs()) if (folder / "study.json").is_file() else (),
    )


def _cell(runs: list[Run], test: ImageDataset | None) -> CellContent:
    contents = tuple(_run(run) for run in runs)
    predictions = runs[0].predictions("test")
    network = runs[0].network()
    mistakes = worst_mistakes(predictions.labels, predictions.probabilities, MISTAKES)
    return CellContent(
        network=runs[0].network_name,
        train_size=runs[0].train_size,
        runs=contents,
        train_accuracy=spread([run.train.value for run in contents]),
        validation_accuracy=spread([run.validation.value for run in contents]),
        test_accuracy=spread([run.test.value for run in contents]),
        misses=misses_per_class([run.evaluation for run in contents]),
        mistakes=tuple(PicturedMistake(m, None if test is None else test.images[m.index]) for m in mistakes),
        layers=network.layers(),
        first_layer=network.first_layer(),
        feature_maps=None if test is None else _feature_maps(network, predictions, test),
        hidden=_hidden_layer(network, test) if isinstance(network, Perceptron) else None,
    )


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


def _feature_maps(network: Network, predictions: Predictions, test: ImageDataset) -> FeatureMaps | None:
    """What the network makes of the first test image that it names right."""
    right = np.flatnonzero(predictions.probabilities.argmax(axis=1) == predictions.labels)
    if not hasattr(network, "feature_maps") or not len(right):
        return None
    index = int(right[0])
    picture = test.images[index]
    return FeatureMaps(index, int(test.labels[index]), picture, tuple(network.feature_maps(picture)))


def _hidden_layer(network: Perceptron, test: ImageDataset | None) -> HiddenLayer:
    """What the hidden units say to the classes, and what that comes to on the test images."""
    outgoing = network.parameters["W2"]
    if test is None:
        return HiddenLayer(outgoing, None)
    hidden, _ = network.forward(network.inputs(test.images))
    return HiddenLayer(outgoing, contributions_of_units(hidden, outgoing, network.parameters["b2"]))


def _test_images(run: Run) -> tuple[ImageDataset | None, str | None]:
    """The test images that the run was judged on, or None and why they are not here."""
    source = run.data.source
    named = NAMED_SETS.get(source)
    # A report is about what is here: it does not start a download.
    if named and len(find(named, data_folder() / source, verify=False)) < len(named.digests):
        return None, f"{source} is not on this machine ('inkling data fetch {source}' brings it)"
    try:
        return run.splits(load(source, corrections=run.corrections)).test, None
    except InklingError as error:
        return None, str(error)


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


def _facts(runs: list[Run]) -> list[tuple[str, str]]:
    """Name and value of all that a reader needs to judge and repeat the runs, beside the commands."""
    first = runs[0]
    data, info = first.data, first.info
    height, width, channels = data.image_shape
    kind = "grey" if channels == 1 else "RGB"
    facts = [
        ("Data", f"{data.name}, from source '{data.source}'"),
        ("Images", f"{height}×{width} pixels, {kind}, {len(data.class_names)} classes"),
        ("Splits", f"{data.validation:,} validation and {data.test:,} test images, the same in every run"),
    ]
    if corrections := info.get("corrections"):
        what = f"{corrections['labels']} by {corrections['file']}, SHA-256 {corrections['sha256']}"
        facts.append(("Corrected labels", what))
    for network, group in groupby(runs, key=lambda run: run.network_name):
        facts += _network_facts(network, list(group))
    facts.append(("Seeds", ", ".join(str(seed) for seed in sorted({run.settings.seed for run in runs}))))
    facts += _environment(info)
    times = [str(run.info.get(moment)) for run in runs for moment in ("started", "finished")]
    facts.append(("Trained", f"{min(times)} to {max(times)}"))
    return facts


def _network_facts(network: str, runs: list[Run]) -> list[tuple[str, str]]:
    """What one network is beside its layers, how it was trained, and where, if not on the processor, and by whom."""
    description = runs[0].info.get("network", {})
    own = [f"{name} {value}" for name, value in description.items() if name not in _SHOWN_ELSEWHERE]
    teachers = {
        f"{teacher['run']} ({teacher['network']}), weights SHA-256 {teacher['weights_sha256']}": None
        for run in runs
        if (teacher := run.info.get("teacher"))
    }
    devices = dict.fromkeys(str(run.info.get("device", "cpu")) for run in runs)
    facts = [
        (f"Network {network}", ", ".join(own)),
        (f"Settings, {network}", settings_by_size([(run.train_size, run.settings) for run in runs])),
        (f"Teacher, {network}", "; ".join(teachers)),
        (f"Device, {network}", "" if list(devices) == ["cpu"] else ", ".join(devices)),
    ]
    return [(name, value) for name, value in facts if value]


def _fingerprints(runs: list[Run]) -> list[tuple[str, str]]:
    """Which training images, and the fingerprint of the splits with them; equal ones once."""
    seeds: dict[tuple[int, str], set[int]] = {}
    for run in runs:
        seeds.setdefault((run.train_size, run.data.fingerprint), set()).add(run.settings.seed)
    return [
        (f"{size:,} for training, seed{'s' * (len(of) > 1)} {', '.join(map(str, sorted(of)))}", digest)
        for (size, digest), of in seeds.items()
    ]


def _environment(info: dict[str, Any]) -> list[tuple[str, str]]:
    machine = info.get("machine", {})
    libraries = [
        f"{pool.get('internal_api')} {pool.get('version') or ''}".strip() for pool in machine.get("threads", ())
    ]
    processor = f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores, {machine.get('system', '')}"
    return [
        ("Versions", ", ".join(f"{name} {value}" for name, value in info.get("versions", {}).items())),
        ("Machine", processor),
        ("Linear algebra", ", ".join(dict.fromkeys(libraries)) or "unknown"),
    ]


def _study_command(folder: Path) -> str:
    if not (folder / "study.json").is_file():
        return ""
    return str(StudyFolder(folder).info.get("command", ""))
