"""What a study's smaller training sizes predict of its largest, beside what was measured there.

The power law is fitted to test errors at every size but the largest, as the report fits it to all of them. Exit status
1 where a measured accuracy is outside its 95% prediction interval. With `--quick` it makes a small study of its own.

    python benchmarks/data_size.py STUDY | --quick
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from inkling import StudyPlan, evaluate_predictions, fit_learning_curve, run_study
from inkling.metrics.spread import spread
from inkling.studies.folder import StudyFolder


def main() -> None:
    """Print a row for each network of the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("study", type=Path, nargs="?", metavar="STUDY")
    chosen.add_argument("--quick", action="store_true", help="a small study of the bundled digits, to see that it runs")
    options = parser.parse_args()
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            plan = StudyPlan.from_recipe("digits", ["perceptron"], (100, 200, 400, 800), (0, 1), epochs=30)
            run_study(plan, folder)
            sys.exit(outside_of_interval(Path(folder)))
    sys.exit(outside_of_interval(options.study))


def outside_of_interval(study: Path) -> bool:
    """Print the table of a study and return whether any measured accuracy is outside its prediction interval."""
    accuracies: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in StudyFolder(study).finished_runs():
        test = run.predictions("test")
        evaluation = evaluate_predictions(test.labels, test.probabilities, run.data.class_names)
        accuracies[run.network_name][run.train_size].append(evaluation.accuracy)
        n_test = evaluation.n
    outside = False
    print("| network | fitted to | predicted accuracy [95% interval] | measured | inside |")
    print("|---|---|---|---|---|")
    for network, by_size in accuracies.items():
        *smaller, largest = sorted(by_size)
        curve = fit_learning_curve({size: [1 - value for value in by_size[size]] for size in smaller}, n_test)
        expected, measured = curve.at(largest), spread(by_size[largest])
        interval = expected.accuracy_interval
        inside = interval.low <= measured.mean <= interval.high
        outside |= not inside
        sizes = ", ".join(f"{size:,}" for size in smaller)
        predicted = f"{expected.accuracy:.4f} {interval} at {largest:,}"
        print(f"| {network} | {sizes} | {predicted} | {measured} | {'yes' if inside else 'no'} |")
    return outside


if __name__ == "__main__":
    main()
