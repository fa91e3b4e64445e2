"""Data size: error against the number of training images, and whether more of them would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from inkling.diagnosis.class_curve import ClassCurve
from inkling.diagnosis.class_data_size import ClassDataSize, fit_class_curves
from inkling.diagnosis.data_size import LearningCurve, fit_learning_curve
from inkling.diagnosis.data_size_effect import DataSizeEffect, compare_sizes
from inkling.figures.data_size import LearningCurveBySizeDisplay
from inkling.images.naming import and_list
from inkling.metrics.differences import means_differ
from inkling.metrics.formatting import percent, training_images
from inkling.networks.catalogue import network_noun
from inkling.report.drawing import Drawing
from inkling.report.evidence import Cell, Evidence
from inkling.report.section import Answer, Section
from inkling.runs.compatible import common_test_predictions
from inkling.runs.run import Run

MOST_CLASSES = 50
"""Beyond, intervals that hold for all classes at once are too wide to say anything, and take minutes."""


@dataclass(frozen=True, eq=False)
class DataSize:
    """What more training images changed, or would change."""

    learning_curves: Mapping[str, LearningCurve]  # by network; only those of three sizes or more
    size_effects: Mapping[str, DataSizeEffect]  # by network; only those of two sizes
    classes: ClassDataSize | None = None  # of the chosen network, where it has three sizes or more and images are there


def data_size_title(content: DataSize) -> str:
    """Return what more images would do, or did, for each network."""
    if content.learning_curves:
        return _curves_title(content.learning_curves)
    changes: dict[str, list[str]] = {}
    for name, effect in content.size_effects.items():
        changes.setdefault(_changed(effect), []).append(f"the {network_noun(name)}")
    if any(effect.seeds == 1 for effect in content.size_effects.values()):
        return _runs_title(content.size_effects)
    unchanged = changes.pop(_UNCHANGED, [])
    clauses = [and_list([f"{change} {and_list(names)}" for change, names in changes.items()])] if changes else []
    clauses += [f"{_UNCHANGED} {and_list(unchanged)}"] if unchanged else []
    return f"More training images {' but '.join(clauses)}"


def _curves_title(curves: Mapping[str, LearningCurve]) -> str:
    told = [
        f"the {network_noun(name)}'s error by {curve.fall:.0%}"
        for name, curve in curves.items()
        if curve.helps == "yes"
    ]
    little = [f"the {network_noun(name)}" for name, curve in curves.items() if curve.helps == "no"]
    unknown = [f"the {network_noun(name)}" for name, curve in curves.items() if curve.helps == "not shown"]
    clauses = []
    if told or little:
        falls = [f"lower {and_list(told)}"] if told else []
        falls += [f"{'' if falls else 'do '}not help {and_list(little)} much"] if little else []
        clauses.append(f"twice the training images {' but '.join(falls)}, if the power law goes on")
    if unknown:
        clauses.append(f"whether they would help {and_list(unknown)} is not shown")
    text = (
        "; ".join(clauses)
        if told or little
        else f"whether more training images would help {and_list(unknown)} is not shown"
    )
    return text[0].upper() + text[1:]


_UNCHANGED = "do not significantly change"


def _runs_title(effects: Mapping[str, DataSizeEffect]) -> str:
    """What runs of one seed each show: of themselves, and nothing of what more images do."""
    better = {
        name: effect.large if effect.gain > 0 else effect.small for name, effect in effects.items() if effect.shown
    }
    clauses = [
        f"the {network_noun(name)} trained on {training_images(size)} is better" for name, size in better.items()
    ]
    alike = [f"the {network_noun(name)}" for name in effects if name not in better]
    clauses += [f"the runs of {and_list(alike)} do not differ significantly"] if alike else []
    return f"Of one run each, {and_list(clauses)}"


def _changed(effect: DataSizeEffect) -> str:
    if not effect.shown:
        return _UNCHANGED
    return "improve" if effect.gain > 0 else "worsen"


def size_effect(effect: DataSizeEffect, network: str) -> str:
    """Return what more training images changed."""
    n, seeds = effect.comparison.n, effect.seeds
    low, high = 100 * effect.gain_interval.low, 100 * effect.gain_interval.high
    over = f", means over {seeds} seeds" if seeds > 1 else ""
    numbers = (
        f"the {network_noun(network)}'s test error goes from {percent(1 - effect.small_accuracy, n)} to "
        f"{percent(1 - effect.large_accuracy, n)} (n = {n:,}{over})"
    )
    change = f"{100 * effect.gain:+.1f} points of accuracy, 95% interval {low:+.1f} to {high:+.1f}".replace("-", "−")
    start = f"From {effect.small:,} to {training_images(effect.large)}, {numbers}: {change}"
    alone = "" if seeds > 1 else " One run each speaks of these two: another seed may change as much."
    return f"{start}{'' if effect.shown else ', not a significant difference'}.{alone}"


def on_validation(effect: DataSizeEffect, cells: Sequence[Cell], n_validation: int) -> str:
    """Return why the learning curves say otherwise of the validation error than `size_effect` of the test error."""
    before, after = ([run.validation.value for run in cell.runs] for cell in (cells[0], cells[-1]))
    if effect.seeds == 1 or min(len(before), len(after)) == 1:
        return ""
    differ = means_differ(before, after, n_validation)
    if differ == effect.shown:
        return ""
    validation, test = ("is", "is not") if differ else ("is not", "is")
    return (
        f"On the {n_validation:,} validation images, which also chose the epoch of each run, the difference of the "
        f"mean errors {validation} significant; on these {effect.comparison.n:,} test images, compared image by "
        f"image, it {test}: other images and another test, so the two do not contradict each other. What is not "
        "significant is not shown to be equal."
    )


def more_images(content: DataSize | None, network: str) -> str:
    """Return whether more training images would help, as far as the training sizes there are can say."""
    if content and network in content.learning_curves:
        return content.learning_curves[network].verdict
    if content and network in content.size_effects:
        return size_effect(content.size_effects[network], network)
    return (
        "One training size cannot say whether more images would help; 'inkling study' with three --train-sizes or more "
        "can."
    )


def _gather(evidence: Evidence) -> DataSize | None:
    content = DataSize(_learning_curves(evidence), _size_effects(evidence), _classes(evidence))
    return content if content.learning_curves or content.size_effects else None


def _size_effects(evidence: Evidence) -> dict[str, DataSizeEffect]:
    """What more images changed, for each network of two training sizes that share a seed."""
    effects = {}
    for network, group in groupby(evidence.runs, key=lambda run: run.label):
        sizes: dict[int, dict[int, Run]] = {}
        for run in group:
            sizes.setdefault(run.train_size, {})[run.settings.seed] = run
        if len(sizes) != 2:
            continue
        (small, small_runs), (large, large_runs) = sorted(sizes.items())
        seeds = [seed for seed in small_runs if seed in large_runs]
        if seeds:
            labels, probabilities = common_test_predictions(
                [runs[seed] for runs in (small_runs, large_runs) for seed in seeds]
            )
            before, after = probabilities[: len(seeds)], probabilities[len(seeds) :]
            effects[network] = compare_sizes(small, before, large, after, labels)
    return effects


def _learning_curves(evidence: Evidence) -> dict[str, LearningCurve]:
    """Error against training images, for each network of three training sizes or more."""
    curves = {}
    for network in evidence.networks:
        errors = {cell.train_size: [1 - run.test.value for run in cell.runs] for cell in evidence.cells_of(network)}
        if len(errors) > 2:
            curves[network] = fit_learning_curve(errors, evidence.n_test)
    return curves


def _classes(evidence: Evidence) -> ClassDataSize | None:
    """Error of each class against its training images, of the chosen network."""
    cells = evidence.cells_of(evidence.chosen.network)
    if len(cells) < 3 or len(evidence.class_names) > MOST_CLASSES:
        return None
    train_counts, misses = [], []
    for cell in cells:
        splits = evidence.splits_of(cell.first)
        if splits is None:
            return None
        train_counts.append(list(splits.train.class_counts.values()))
        misses.append(np.array([list(run.evaluation.misses.values()) for run in cell.runs]))
    test_counts = np.array([sum(row) for row in evidence.chosen.first.evaluation.confusion])
    return fit_class_curves(np.array(train_counts), misses, test_counts, evidence.class_names)


def _draw(content: DataSize, evidence: Evidence, drawing: Drawing) -> dict[str, Any]:
    curves = content.learning_curves
    figure = None
    if curves:
        display = LearningCurveBySizeDisplay.from_curves(curves, [evidence.colour(name) for name in curves])
        label = f"Test error against training images, measured and fitted: {', '.join(curves)}"
        figure = drawing.svg("data-size", display.plot(), label)
    effects = {}
    for name, effect in content.size_effects.items():
        otherwise = on_validation(effect, evidence.cells_of(name), evidence.n_validation)
        effects[name] = " ".join(filter(None, [size_effect(effect, name), otherwise]))
    return {"title": data_size_title(content), "figure": figure, "effects": effects, "classes": _rows(content.classes)}


def _rows(classes: ClassDataSize | None) -> list[ClassCurve]:
    """The classes, those that gain most first, and last those without a forecast."""
    return sorted(classes.classes, key=lambda each: (not each.forecasts, -each.gain)) if classes else []


def _answer(content: DataSize | None, evidence: Evidence) -> Answer:
    return Answer(4, "More data", more_images(content, evidence.chosen.network))


SECTION = Section(
    id="data-size",
    order=40,
    title="Data size",
    template="data_size.html.j2",
    gather=_gather,
    draw=_draw,
    answer=_answer,
)
