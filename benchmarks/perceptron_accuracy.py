"""Test accuracy of the 784-64-10 perceptron on MNIST: both recipes, both training sizes, three seeds each.

Every choice in the recipes was made on validation images; the test images are read here, once. Runs that are done
are kept in the study folders, so the command can be stopped and started again.

    INKLING_DATA=… python benchmarks/perceptron_accuracy.py [--out runs/perceptron-accuracy] [--jobs 2] [--quick]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from inkling import StudyPlan, load_images, run_study
from inkling.runs.environment import machine, versions


def main() -> None:
    """Do both studies and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/perceptron-accuracy"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs; nothing is kept")
    options = parser.parse_args()
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            print_table("digits", (100, 300), Path(folder), 1, epochs=2)
    else:
        print_table("mnist", (2000, 50000), options.out, options.jobs)


def print_table(source: str, sizes: tuple[int, ...], out: Path, jobs: int, **changes: Any) -> None:
    """Do the studies and print a row for each recipe and training size; changes are settings of the recipes."""
    splits = load_images(source)
    print(f"{versions()}; {machine()['processor']}; {source}")
    print(f"| recipe | training images | train | validation (n = {len(splits.validation):,}) "
          f"| test (n = {len(splits.test):,}) | seconds of training |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    for name in ("reference", "strong"):
        plan = StudyPlan.from_recipe(source, ["perceptron"], sizes, (0, 1, 2), name, **changes)
        for cell in run_study(plan, out / name, jobs).cells:
            print(
                f"| {name} | {cell.train_size:,} | {cell.train_accuracy} | {cell.validation_accuracy} "
                f"| {cell.test_accuracy} | {cell.train_seconds.mean:.1f} |"
            )


if __name__ == "__main__":
    main()
