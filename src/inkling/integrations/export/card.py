"""A model card (Mitchell et al., 2019, FAT*): Markdown with the head that Hugging Face reads, from the evidence.

What only a person can know, such as what the model is meant for, is left to fill in. No path of this machine is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inkling import __version__
from inkling.diagnosis.run_evaluation import RunEvaluation, evaluate_runs
from inkling.errors import RunError
from inkling.integrations.export.markup import in_markdown, in_yaml
from inkling.integrations.export.model import public_name
from inkling.integrations.export.parity import Parity
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.intervals import Interval
from inkling.runs.ledger import weights_of
from inkling.runs.run import Run, variant_label
from inkling.studies.ledger import use_of_test_set

TO_FILL_IN = "*To be filled in by who publishes this model.*"

_MOST_CLASSES = 200
"""Rows of the table of classes; the others are summed up."""


def model_card(
    runs: Sequence[Run],
    calibrated: bool = False,
    files: Mapping[str, str] | None = None,
    parity: Parity | None = None,
) -> str:
    """Return the model card of a run, or of several that are averaged, as Markdown.

    Parameters
    ----------
    runs : sequence of Run
        One or more, finished.
    calibrated : bool
        Whether the model's probabilities are those at the fitted temperature.
    files : mapping, optional
        Of an exported model: name of each file -> its SHA-256.
    parity : Parity, optional
        Of an exported model.

    Raises
    ------
    RunError
        If a run is not finished or damaged, or they do not fit together.
    """
    for run in runs:
        if not run.finished:
            raise RunError(f"{run.folder}: the run is not finished: go on with it by 'inkling train … --resume'")
    measured = evaluate_runs(runs)
    parts = [
        _head(runs, measured),
        f"# {in_markdown(_title(runs))}",
        f"An image classifier, trained and measured by Inkling {__version__}. {_networks(runs)}",
        "## Intended use",
        TO_FILL_IN,
        "## Data",
        _data(runs),
        "## How good it is",
        _metrics(measured),
        "## Limits",
        _limits(runs, measured, calibrated),
        "## How to use it",
        _use(files, parity),
        "## Training",
        _training(runs),
        "## Hashes (SHA-256)",
        _hashes(runs, files or {}),
        "## Licence, authors, contact",
        TO_FILL_IN,
    ]
    return "\n\n".join(parts) + "\n"


def _title(runs: Sequence[Run]) -> str:
    networks = sorted({public_name(run) for run in runs})
    name = " and ".join(networks) if len(runs) == 1 else f"mean of {len(runs)} networks ({', '.join(networks)})"
    return f"{name} on {runs[0].data.name}"


def _label(run: Run) -> str:
    """What a run is called, as Markdown."""
    return in_markdown(variant_label(public_name(run), run.variant))


def _head(runs: Sequence[Run], measured: RunEvaluation) -> str:
    """The YAML head: every text in double quotes, so that none is read as YAML of its own."""
    data, found = runs[0].data, measured.evaluation
    metrics: dict[str, float] = {"accuracy": found.accuracy, "loss": found.loss}
    lines = [
        "---",
        "library_name: inkling",
        "pipeline_tag: image-classification",
        "tags: [image-classification, inkling]",
        "# license: to be filled in",
        "model-index:",
        f"  - name: {in_yaml(_title(runs))}",
        "    results:",
        "      - task: {type: image-classification}",
        f"        dataset: {{name: {in_yaml(data.name)}, type: {in_yaml(data.name)}, split: test}}",
        "        metrics:",
    ]
    for kind, value in metrics.items():
        lines += [f"          - type: {kind}", f"            value: {value!r}"]
    low, high = found.accuracy_interval.low, found.accuracy_interval.high
    lines += [
        f"            name: {in_yaml(f'mean cross-entropy of {found.n:,} test images')}",
        "          - type: accuracy_interval_95",
        f"            value: [{low!r}, {high!r}]",
    ]
    return "\n".join([*lines, "---"])


def _networks(runs: Sequence[Run]) -> str:
    (height, width, channels), classes = runs[0].data.image_shape, len(runs[0].data.class_names)
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    averaged = "" if len(runs) == 1 else f" Its probabilities are the mean of those of {len(runs)} networks."
    sizes = f"{kind} images of {height}x{width} pixels"
    return f"It takes {sizes} and gives a probability to each of {classes} classes.{averaged}"


def _data(runs: Sequence[Run]) -> str:
    data = runs[0].data
    rows = [
        f"- Name: {in_markdown(data.name)}",
        f"- Images: {data.train:,} for training, {data.validation:,} for validation (they chose the epoch and the "
        f"temperature), {data.test:,} for test",
        f"- Classes: {', '.join(in_markdown(name) for name in data.class_names)}",
        f"- Pictures of another shape were fitted by: {in_markdown(data.options.fit)}",
    ]
    if data.skipped:
        rows.append(f"- Files that could not be read and were left out: {len(data.skipped):,}")
    corrected = [run.info["corrections"]["labels"] for run in runs if run.info.get("corrections")]
    if corrected:
        rows.append(f"- Labels corrected by a person: {max(corrected):,}")
    return "\n".join([*rows, f"- Where the images come from, who is in them, and their licence: {TO_FILL_IN}"])


def _metrics(measured: RunEvaluation) -> str:
    found, calibration = measured.evaluation, measured.calibration
    rows = [
        "| measure | split | images | value | 95% interval |",
        "|---|---|---:|---:|---:|",
        f"| accuracy | test | {found.n:,} | {percent(found.accuracy, found.n)} "
        f"| {percent_interval(found.accuracy_interval, found.n)} |",
    ]
    for k, value in found.top_k.items():
        interval = percent_interval(found.top_k_intervals[k], found.n)
        rows.append(f"| top-{k} accuracy | test | {found.n:,} | {percent(value, found.n)} | {interval} |")
    rows += [
        f"| accuracy of the majority class | test | {found.n:,} | {percent(found.scores.baseline, found.n)} | |",
        f"| mean cross-entropy (nats) | test | {found.n:,} | {found.loss:.4f} | |",
        f"| expected calibration error | test | {found.n:,} | {calibration.before.ece:.4f} | |",
    ]
    if calibration.after:
        words = f"the same at temperature {calibration.temperature or 1:.3g}"
        rows.append(f"| {words} | test | {found.n:,} | {calibration.after.ece:.4f} | |")
    return "\n".join([*rows, "", in_markdown(found.scores.verdict), "", _classes(measured)])


def _classes(measured: RunEvaluation) -> str:
    found = measured.evaluation
    rows = ["| class | test images | recall | 95% interval | most often predicted as |", "|---|---:|---:|---:|---|"]
    names = list(found.misses)
    for place, name in enumerate(names[:_MOST_CLASSES]):
        scored, counts = found.scores.classes[place], found.confusion[place]
        count, other = max((count, -other) for other, count in enumerate(counts) if other != place)
        confused = f"{in_markdown(names[-other])} ({count:,})" if count else ""
        cells = (
            in_markdown(name),
            f"{sum(counts):,}",
            *_with_interval(scored.recall, scored.recall_interval, scored.images),
            confused,
        )
        rows.append(f"| {' | '.join(cells)} |")
    if len(names) > _MOST_CLASSES:
        rows += ["", f"{len(names) - _MOST_CLASSES:,} more classes are left out."]
    return "\n".join([*rows, "", "These intervals hold for all classes at once."])


def _with_interval(value: float | None, interval: Interval | None, n: int) -> tuple[str, str]:
    return ("-", "-") if value is None or interval is None else (percent(value, n), percent_interval(interval, n))


def _limits(runs: Sequence[Run], measured: RunEvaluation, calibrated: bool) -> str:
    height, width, _ = runs[0].data.image_shape
    rows = [
        "Every number above is of test images that come from the same source as the training images. Of images made "
        "in another way, by another camera or of other people, nothing is known.",
        f"It always names one of its {len(runs[0].data.class_names)} classes, also for an image of none of them.",
        f"Images of another size than {height}x{width} pixels have to be fitted first, as the training images were.",
        in_markdown(measured.calibration.verdict),
        "The probabilities of this model are "
        + ("those at the fitted temperature." if calibrated else "as the network gives them, without a temperature."),
        in_markdown(use_of_test_set(runs[0].folder, runs).count)
        + " Looks at the test images in other places are not counted.",
    ]
    if measured.overfitting is not None:
        rows.append(in_markdown(measured.overfitting.verdict))
    if measured.evaluation.most_confused:
        worst = measured.evaluation.most_confused[0]
        pair = f"{in_markdown(worst.label)} predicted as {in_markdown(worst.predicted)}"
        rows.append(f"The most frequent mistake on the test images: {pair} ({worst.count:,}).")
    return "\n".join(f"- {row}" for row in [*rows, f"Known harms, and uses it must not be put to: {TO_FILL_IN}"])


def _use(files: Mapping[str, str] | None, parity: Parity | None) -> str:
    lines = ["Images go in as bytes, 0 to 255, of shape (N, H, W, C); scaling is a part of the model."]
    if files:
        lines.append(
            f"Files: {', '.join(in_markdown(name) for name in files)}. docs/export.md of Inkling says how each is used."
        )
    if parity:
        lines.append(f"Parity with the run: {parity.verdict}")
    return "\n\n".join(lines)


def _training(runs: Sequence[Run]) -> str:
    rows = [
        "| network | recipe | seed | epochs | epoch kept | validation accuracy | images |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        results: dict[str, Any] = run.results or {}
        cells = (
            _label(run), in_markdown(run.settings.recipe), str(run.settings.seed), str(results["epochs"]),
            str(results["best_epoch"]), percent(results["validation_accuracy"], run.data.validation),
            f"{run.data.validation:,}",
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    versions = ", ".join(f"{name} {version}" for name, version in runs[0].info["versions"].items())
    return "\n".join([*rows, "", f"Computed with {in_markdown(versions)}."])


def _hashes(runs: Sequence[Run], files: Mapping[str, str]) -> str:
    rows = [f"- Weights of {_label(run)}, seed {run.settings.seed}: `{weights_of(run)}`" for run in runs]
    for run in runs:
        source = run.info["network"].get("source_sha256")
        rows += [f"- Source file of {_label(run)}: `{in_markdown(str(source))}`"] if source else []
    rows += [
        f"- Images and labels, all splits: `{runs[0].data.fingerprint}`",
        f"- Images and labels of the test split: `{runs[0].data.test_fingerprint}`",
    ]
    return "\n".join([*rows, *(f"- {in_markdown(name)}: `{digest}`" for name, digest in files.items())])
