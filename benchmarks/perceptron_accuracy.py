"""Test accuracy of the 784-64-10 perceptron on MNIST: both recipes, both training sizes, three seeds each.

Every choice in the recipes was made on validation images; the test images are read here, once. Runs that are done
are kept in the study folders, so the command can be stopped and started again.

    INKLING_DATA=… python benchmarks/perceptron_accuracy.py [--out runs/perceptron-accuracy] [--jobs 2]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from inkling import recipe, run_study
from inkling.runs.environment import machine, versions
from inkling.studies.study import StudyPlan


def main() -> None:
    """Do both studies and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/perceptron-accuracy"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"{versions()}; {machine()['processor']}")
    print("| recipe | training images | train | validation (n = 10,000) | test (n = 10,000) | seconds of training |")
    print("|---|---|---|---|---|---|")
    for name in ("reference", "strong"):
        plan = StudyPlan("mnist", ("perceptron",), (2000, 50000), (0, 1, 2), recipe(name))
        for cell in run_study(plan, options.out / name, options.jobs).cells:
            print(
                f"| {name} | {cell.train_size:,} | {cell.train_accuracy} | {cell.validation_accuracy} "
                f"| {cell.test_accuracy} | {cell.train_seconds.mean:.1f} |"
            )


if __name__ == "__main__":
    main()
