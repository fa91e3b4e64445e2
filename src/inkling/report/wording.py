"""Sentences from plain results: each says the finding, with its n and its interval."""

from __future__ import annotations

from collections.abc import Sequence

from inkling.diagnosis.comparison import Comparison, ComparisonOverSeeds
from inkling.diagnosis.data_size import DataSizeEffect
from inkling.metrics.formatting import (
    and_list,
    mean_sd,
    percent,
    percent_interval,
    seconds,
    significant,
    training_images,
)
from inkling.report.content import CellContent, CloseUp, LabelSuspects, ReportContent


def seeds(cell: CellContent) -> str:
    """Return which seeds there are, in words."""
    found = [str(run.seed) for run in cell.runs]
    return f"seed {found[0]}" if len(found) == 1 else f"seeds {', '.join(found[:-1])} and {found[-1]}"


def headline(content: ReportContent) -> str:
    """Return the title of the report."""
    best = content.chosen
    right = percent(best.test_accuracy.mean, content.n_test)
    return f"The {best.network} names {right} of {content.data_name} test images right"


def answers(content: ReportContent) -> list[tuple[str, str]]:
    """Return the report's answer: five questions, each with a sentence on the chosen network."""
    chosen = content.chosen
    examined = next(of for of in content.close_ups if of.cell.network == chosen.network)
    return [
        ("How well", how_well(content)),
        which_network(content) or ("Mistakes", most_confused(chosen)),
        ("Overfitting", chosen.first.overfitting.summary),
        ("More images", more_images(content, chosen.network)),
        ("How sure", examined.calibration.verdict),
    ]


def how_well(content: ReportContent) -> str:
    """Return how accurate the chosen network is on test images."""
    best, first = content.chosen, content.chosen.first
    start = f"Trained on {best.train_size:,} images, the {best.network}"
    if len(content.cells) > 1:
        start += ", which did best on validation images,"
    of_test = f"of {content.n_test:,} test images right"
    if len(best.runs) == 1:
        right = percent(first.test.value, content.n_test)
        return (
            f"{start} names {right} {of_test} (95% Wilson interval "
            f"{percent_interval(first.test.interval, first.test.n)})."
        )
    return (
        f"{start} names {mean_sd(best.test_accuracy, content.n_test)} {of_test} (mean ± standard deviation over "
        f"{len(best.runs)} seeds; seed {first.seed}: {percent(first.test.value, content.n_test)}, 95% Wilson "
        f"interval {percent_interval(first.test.interval, first.test.n)})."
    )


def which_network(content: ReportContent) -> tuple[str, str] | None:
    """Return whether one network is better than another, at the largest training size that they share."""
    if not content.comparisons:
        return None
    size, found = decisive(content)
    return "Which network", f"After {training_images(size)}, {found.verdict[0].lower()}{found.verdict[1:]}"


def better_title(content: ReportContent) -> str:
    """Return the same without its numbers."""
    size, found = decisive(content)
    better, other = (found.a, found.b) if found.difference > 0 else (found.b, found.a)
    if found.shown:
        return f"The {better} is better than the {other} after {training_images(size)}"
    return f"No difference between the {found.a} and the {found.b} is shown after {training_images(size)}"


def decisive(content: ReportContent) -> tuple[int, Comparison | ComparisonOverSeeds]:
    """Return the largest training size that networks share, and the best network there against its closest rival."""
    size = max(content.comparisons)
    compared = content.comparisons[size]
    known = {name for found in compared for name in (found.a, found.b)}
    there = [cell for cell in content.cells if cell.train_size == size and cell.network in known]
    best = max(there, key=lambda cell: cell.validation_accuracy.mean).network
    rivals = [found for found in compared if best in (found.a, found.b)]
    return size, max(rivals, key=lambda found: found.b_accuracy if found.a == best else found.a_accuracy)


def more_images(content: ReportContent, network: str) -> str:
    """Return whether more training images would help, as far as the training sizes there are can say."""
    if network in content.learning_curves:
        return content.learning_curves[network].verdict
    if network in content.size_effects:
        return size_effect(content.size_effects[network], network)
    return (
        "One training size cannot say whether more images would help; 'inkling study' with three --train-sizes or more "
        "can."
    )


def comparison_title(cells: Sequence[CellContent], n_test: int) -> str:
    """Return which network names more test images right, and what an epoch costs against the cheapest of the others."""
    best, *others = _by_validation(cells)
    cheapest = min(others, key=lambda cell: cell.timing.per_epoch)
    cost = f"{_times(best, cheapest)} the {cheapest.network}'s"
    return f"{_accuracies(cells, n_test)}; an epoch of the {best.network} takes {cost}"


def _accuracies(cells: Sequence[CellContent], n_test: int) -> str:
    best, *others = _by_validation(cells)
    right = [f"the {cell.network} {percent(cell.test_accuracy.mean, n_test)}" for cell in others]
    first = f"The {best.network} names {percent(best.test_accuracy.mean, n_test)} of the test images right"
    return and_list([first, *right]) if len(right) > 1 else f"{first}, {right[0]}"


def _by_validation(cells: Sequence[CellContent]) -> list[CellContent]:
    return sorted(cells, key=lambda cell: -cell.validation_accuracy.mean)


def _times(cell: CellContent, other: CellContent) -> str:
    ratio = cell.timing.per_epoch / other.timing.per_epoch
    if 0.9 < ratio < 1.1:
        return "about as long as"
    return f"{significant(ratio)} times as long as" if ratio > 1 else f"{ratio:.0%} of the time of"


def size_effect(effect: DataSizeEffect, network: str) -> str:
    """Return what more training images changed."""
    n, seeds = effect.comparison.n, effect.seeds
    low, high = 100 * effect.gain_interval.low, 100 * effect.gain_interval.high
    over = f", means over {seeds} seeds" if seeds > 1 else ""
    numbers = (
        f"the {network}'s test error goes from {percent(1 - effect.small_accuracy, n)} to "
        f"{percent(1 - effect.large_accuracy, n)} (n = {n:,}{over})"
    )
    change = f"{100 * effect.gain:+.1f} points of accuracy, 95% interval {low:+.1f} to {high:+.1f}".replace("-", "−")
    start = f"From {effect.small:,} to {training_images(effect.large)}, {numbers}: {change}"
    return f"{start}." if effect.shown else f"{start}, which chance alone could explain."


def data_size_title(content: ReportContent) -> str:
    """Return what more images would do, or did, for each network."""
    falls = [f"the {name}'s error by {max(0.0, curve.fall):.0%}" for name, curve in content.learning_curves.items()]
    if falls:
        return f"Twice the training images would lower {and_list(falls)}"
    found = [f"{_changed(effect)} the {name}" for name, effect in content.size_effects.items()]
    return f"More training images {and_list(found)}"


def _changed(effect: DataSizeEffect) -> str:
    if not effect.shown:
        return "are not shown to change"
    return "helped" if effect.gain > 0 else "harmed"


def sureness_title(close_up: CloseUp) -> str:
    """Return whether a network is as sure as it is right."""
    found, network = close_up.calibration.before, close_up.cell.network
    rates = f"{percent(found.confidence, found.n)} sure on average, {percent(found.accuracy, found.n)} right"
    if found.level == "none shown":
        return f"The {network} is as sure as it is right: {rates}"
    if found.level == "off in both directions":
        return f"The {network} is too sure of some images and not sure enough of others: {rates}"
    return f"The {network} is {found.level}: {rates}"


def suspects_title(found: LabelSuspects) -> str:
    """Return how many test labels look wrong."""
    flagged = f"{found.flagged:,}" if found.flagged else "none"
    return f"Confident learning flags {flagged} of the {found.n:,} test labels as wrong"


def attribution_title(close_up: CloseUp) -> str:
    """Return whether the maps of a network point at what matters."""
    test = None if close_up.attribution is None else close_up.attribution.test
    if test is None or not test.shown:
        return f"What the {close_up.cell.network} looked at"
    return f"What the {close_up.cell.network} looked at decides what it says"


def most_confused(cell: CellContent, count: int = 3) -> str:
    """Return which classes are taken for which most often."""
    evaluation = cell.first.evaluation
    wrong = evaluation.n - evaluation.correct
    if not wrong:
        return f"None of the {evaluation.n:,} test images is misclassified."
    pairs = [
        f"{pair.label} for {pair.predicted} ({pair.count:,}{' images' if place == 0 and pair.count > 1 else ''})"
        for place, pair in enumerate(evaluation.most_confused[:count])
    ]
    return f"Of {wrong:,} {'mistake' if wrong == 1 else 'mistakes'}, it most often takes {and_list(pairs)}."


def time_taken(content: ReportContent) -> str:
    """Return how long training took."""
    best = content.chosen
    timing = best.first.timing
    text = (
        f"Training on {best.train_size:,} images took {seconds(timing.training)} for {len(best.first.history)} epochs "
        f"(seed {best.first.seed}), {seconds(timing.to_best)} up to its best epoch, {best.first.best_epoch}."
    )
    runs = [run for cell in content.cells for run in cell.runs]
    if len(runs) > 1:
        whole = sum(run.timing.whole for run in runs)
        text += f" All {len(runs)} runs together took {seconds(whole)}, measuring after every epoch included."
    return text


def curves_title(cells: Sequence[CellContent], n_validation: int) -> str:
    """Return what the learning curves of one network show."""
    small, large = cells[0], cells[-1]
    of_small, of_large = (1 - cell.validation_accuracy.mean for cell in (small, large))
    if len(cells) == 1:
        where = f" at epoch {small.first.best_epoch}" if len(small.runs) == 1 else ""
        return f"Validation error of the {small.network} comes down to {percent(of_small, n_validation)}{where}"
    verb = "lower" if of_large < of_small else "do not lower"
    return (
        f"More training images {verb} the {small.network}'s validation error: {percent(of_small, n_validation)} at "
        f"{small.train_size:,}, {percent(of_large, n_validation)} at {large.train_size:,}"
    )


def overfitting_title(cells: Sequence[CellContent]) -> str:
    """Return the gaps between training and validation in one line."""
    gaps = [f"{100 * cell.first.overfitting.gap:.1f} points at {cell.train_size:,}" for cell in cells]
    return f"Gap between training and validation accuracy of the {cells[0].network}: {and_list(gaps)} images"


def confusion_title(cell: CellContent) -> str:
    """Return the most frequent confusion."""
    evaluation = cell.first.evaluation
    if not evaluation.most_confused:
        return f"The {cell.network} confuses no test images"
    pair = evaluation.most_confused[0]
    times = "once" if pair.count == 1 else f"{pair.count:,} times"
    return f"The {cell.network} most often takes {pair.label} for {pair.predicted}: {times}"


def misses_title(cell: CellContent) -> str:
    """Return the class with the largest share of misses."""
    present = [of_class for of_class in cell.misses if of_class.images]
    worst = max(present, key=lambda of_class: of_class.counts[0] / of_class.images)
    if not worst.counts[0]:
        return f"The {cell.network} misses no class"
    return (
        f"{worst.name} is hardest: the {cell.network} misses {worst.counts[0]:,} of {worst.images:,}, or "
        f"{worst.counts[0] / worst.images:.1%}"
    )


def architecture_title(cell: CellContent) -> str:
    """Return the size of a network."""
    return (
        f"The {cell.network} has {cell.parameters:,} parameters and takes {cell.multiply_adds:,} multiply-adds an image"
    )


def mistakes_title(close_up: CloseUp, class_names: tuple[str, ...]) -> str:
    """Return a network's worst mistake."""
    worst = close_up.mistakes[0].mistake
    return (
        f"The {close_up.cell.network}'s worst mistake: {class_names[worst.label]} taken for "
        f"{class_names[worst.predicted]}, {worst.probability:.1%} sure"
    )
