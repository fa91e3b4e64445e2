"""What a study's smaller training sizes foretell of its largest, held against what was measured there.

The law is fitted to test errors at every size but the largest, as the report fits it to all of them. Exit status 1
where a measured accuracy is outside its 95% prediction interval.

    python benchmarks/data_size.py STUDY
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from inkling import fit_learning_curve
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.metrics.spread import spread
from inkling.studies.folder import StudyFolder


def main() -> None:
    """Print a row for each network of the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, metavar="STUDY")
    options = parser.parse_args()
    accuracies: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in StudyFolder(options.study).finished_runs():
        test = run.predictions("test")
        judged = evaluate_predictions(test.labels, test.probabilities, run.data.class_names)
        accuracies[run.network_name][run.train_size].append(judged.accuracy)
        n_test = judged.n
    outside = False
    print("| network | fitted to | foretold [95% interval] | measured | inside |")
    print("|---|---|---|---|---|")
    for network, of_size in accuracies.items():
        *smaller, largest = sorted(of_size)
        curve = fit_learning_curve({size: [1 - value for value in of_size[size]] for size in smaller}, n_test)
        expected, measured = curve.at(largest), spread(of_size[largest])
        interval = expected.accuracy_interval
        inside = interval.low <= measured.mean <= interval.high
        outside |= not inside
        sizes = ", ".join(f"{size:,}" for size in smaller)
        foretold = f"{expected.accuracy:.4f} {interval} at {largest:,}"
        print(f"| {network} | {sizes} | {foretold} | {measured} | {'yes' if inside else 'no'} |")
    sys.exit(outside)


if __name__ == "__main__":
    main()
