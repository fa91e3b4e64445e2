"""The head of the report: the accuracy as its title, and a line for each question that the sections answer."""

from __future__ import annotations

from inkling.metrics.formatting import mean_sd, percent, percent_interval
from inkling.metrics.spread import spread
from inkling.networks.catalogue import network_noun
from inkling.report.evidence import Evidence
from inkling.report.gather import Report
from inkling.report.section import Answer
from inkling.report.sections import sections


def headline(evidence: Evidence) -> str:
    """Return the title of the report."""
    best, name = evidence.chosen, f"{evidence.chosen.network} on {evidence.data_name}"
    scores = best.first.evaluation.scores
    accuracy = f"{percent(best.test_accuracy.mean, evidence.n_test)} test accuracy"
    if not scores.beats_baseline:
        baseline = f"always answering {scores.majority} ({percent(scores.baseline, scores.n)})"
        return f"Not shown to be better than {baseline}: {name}"
    if scores.unequal:
        balanced = spread([run.evaluation.scores.balanced_accuracy for run in best.runs]).mean
        return f"{percent(balanced, evidence.n_test)} balanced accuracy, {accuracy}: {name}"
    return f"{accuracy}: {name}"


def answers(report: Report) -> list[tuple[str, str]]:
    """Return the report's answer: questions, each with a sentence on the chosen network."""
    by_place = {1: Answer(1, "Accuracy", accuracy_sentence(report.evidence))}
    for section in sections():
        answer = section.answer and section.answer(report[section.id], report.evidence)
        if answer:
            by_place.setdefault(answer.place, answer)
    return [(answer.question, answer.sentence) for _, answer in sorted(by_place.items())]


def accuracy_sentence(evidence: Evidence) -> str:
    """Return how accurate the chosen network is on test images."""
    best, first = evidence.chosen, evidence.chosen.first
    start = f"Trained on {best.train_size:,} images, the {network_noun(best.network)}"
    if len(evidence.cells) > 1:
        start += ", which has the highest validation accuracy,"
    value = percent(first.test.value, evidence.n_test)
    scores = first.evaluation.scores
    equally = f" {scores.verdict}" if scores.unequal or not scores.beats_baseline else ""
    baseline = f"majority baseline {percent(scores.baseline, scores.n)}"
    interval = f"95% Wilson interval {percent_interval(first.test.interval, first.test.n)}"
    on_test = f"on {evidence.n_test:,} test images"
    if len(best.runs) == 1:
        return f"{start} has a test accuracy of {value} {on_test} ({interval}; {baseline}).{equally}"
    return (
        f"{start} has a test accuracy of {mean_sd(best.test_accuracy, evidence.n_test)} {on_test} (mean ± standard "
        f"deviation over {len(best.runs)} seeds; seed {first.seed}: {value}, {interval}; {baseline}).{equally}"
    )
