"""Accuracy of `photo-cnn` on a folder of photos: three seeds of its recipe, with and without test-time augmentation.

Every choice in the recipe was made on validation images; the test images are read here, once. Runs that are done are
kept in the study folder, so the command can be stopped and started again.

    python benchmarks/photo_cnn.py --data FOLDER [--out runs/photo-cnn] [--jobs 1] [--seeds 0,1,2]
    python benchmarks/photo_cnn.py --quick
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from inkling import Run, StudyPlan, evaluate_predictions, load_images, run_study
from inkling.metrics.spread import spread
from inkling.runs.ensemble import classifier_of
from inkling.runs.environment import machine, versions


def main() -> None:
    """Do the study and print a row for it, and a line for each split with and without test-time augmentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder of class folders, or any other source of images")
    parser.add_argument("--out", type=Path, default=Path("runs/photo-cnn"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs; nothing is kept")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            study("digits", 150, seeds[:2], Path(folder), 1, epochs=1)
    elif not options.data:
        parser.error("give --data FOLDER, or --quick")
    else:
        size = len(load_images(options.data).train)
        study(options.data, size, seeds, options.out, options.jobs)


def study(source: str, train_size: int, seeds: list[int], out: Path, jobs: int, **changes: Any) -> None:
    """Train with every seed, and print what the runs reach."""
    splits = load_images(source)
    print(f"{versions()}; {machine()['processor']}; {source}; {jobs} at a time, sharing the cores")
    print(f"| network | recipe | training images | train | validation (n = {len(splits.validation):,}) "
          f"| test (n = {len(splits.test):,}) | s of training |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    plan = StudyPlan.from_recipe(source, ["photo-cnn"], [train_size], seeds, "reference", **changes)
    (cell,) = run_study(plan, out, jobs).cells
    print(
        f"| photo-cnn | reference | {cell.train_size:,} | {cell.train_accuracy} | {cell.validation_accuracy} "
        f"| {cell.test_accuracy} | {cell.train_seconds.mean:.1f} |",
        flush=True,
    )
    runs = [Run(out / "runs" / f"photo-cnn-{train_size}-seed{seed}") for seed in seeds]
    for split, dataset in (("validation", splits.validation), ("test", splits.test)):
        answers = [classifier_of([run], tta=True).predict_proba(dataset.images) for run in runs]
        reached = [
            evaluate_predictions(dataset.labels, values, dataset.class_names, split).accuracy for values in answers
        ]
        print(f"photo-cnn, {cell.train_size:,} images, --tta: {split} accuracy {spread(reached)}", flush=True)


if __name__ == "__main__":
    main()
