"""Test accuracy on MNIST of the convolutional networks, of an ensemble, and of a perceptron with a teacher.

Every choice in the recipes was made on validation images; the test images are read here, once. Runs that are done
are kept in the study folders, so the command can be stopped and started again.

    INKLING_DATA=… python benchmarks/cnn_accuracy.py [--out runs/cnn-accuracy] [--jobs 2] [--only strong-50000 …]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inkling import load_images, run_study
from inkling.diagnosis.accuracy import evaluate_predictions
from inkling.metrics.spread import spread
from inkling.runs.ensemble import classifier_of
from inkling.runs.environment import machine, versions
from inkling.runs.run import Run
from inkling.studies.study import StudyPlan

SEEDS = (0, 1, 2)


def main() -> None:
    """Do the studies that are asked for and print a line for each."""
    parts: dict[str, Callable[[Path, int], None]] = {
        "reference": lambda out, jobs: study("reference-cnn", "reference", (2000, 50000), out, jobs),
        "strong-2000": lambda out, jobs: study("cnn", "strong", (2000,), out, jobs),
        "strong-50000": lambda out, jobs: study("cnn", "strong", (50000,), out, jobs),
        "ensemble": ensemble,
        "distil": distil,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/cnn-accuracy"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", choices=list(parts), nargs="+", default=list(parts))
    options = parser.parse_args()
    print(f"{versions()}; {machine()['processor']}; {options.jobs} at a time, sharing the cores")
    print(
        "| network | recipe | training images | train | validation (n = 10,000) | test (n = 10,000) | s of training |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in options.only:
        parts[name](options.out, options.jobs)


def study(network: str, recipe: str, sizes: tuple[int, ...], out: Path, jobs: int, teacher: Path | None = None) -> None:
    """Run one network and recipe with every seed, and print a row for each training size asked for."""
    plan = StudyPlan.of_recipe("mnist", [network], sizes, SEEDS, recipe, teacher=teacher)
    for cell in run_study(plan, out / f"{network}-{recipe}", jobs).cells:
        if cell.train_size in sizes:
            print(
                f"| {network} | {recipe} | {cell.train_size:,} | {cell.train_accuracy} | {cell.validation_accuracy} "
                f"| {cell.test_accuracy} | {cell.train_seconds.mean:.1f} |",
                flush=True,
            )


def ensemble(out: Path, _: int) -> None:
    """Judge the strong runs on 2,000 images, and those on 50,000, with test-time augmentation and all averaged."""
    splits = load_images("mnist")
    for size in (2000, 50000):
        runs = [Run(out / "cnn-strong" / "runs" / f"cnn-{size}-seed{seed}") for seed in SEEDS]
        for split, dataset in (("validation", splits.validation), ("test", splits.test)):
            plain = [run.predictions(split).probabilities for run in runs]
            augmented = [classifier_of([run], tta=True).predict_proba(dataset.images) for run in runs]
            for tta, probabilities in (("", plain), (", --tta", augmented)):
                single = [evaluate_predictions(dataset.labels, of, dataset.class_names, split) for of in probabilities]
                mean = np.mean(probabilities, axis=0)
                together = evaluate_predictions(dataset.labels, mean, dataset.class_names, split)
                print(f"cnn, strong, {size:,} images{tta}: {split} accuracy {spread([of.accuracy for of in single])}")
                print(f"ensemble of {len(runs)}, {size:,} images{tta}: {together}", flush=True)


def distil(out: Path, jobs: int) -> None:
    """Train the perceptron on the probabilities of the first strong run: three pupils of one teacher."""
    teacher = out / "cnn-strong" / "runs" / f"cnn-50000-seed{SEEDS[0]}"
    study("perceptron", "distil", (50000,), out, jobs, teacher)


if __name__ == "__main__":
    main()
