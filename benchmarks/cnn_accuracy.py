"""Test accuracy on MNIST of the convolutional networks, of an ensemble, and of a perceptron with a teacher.

Every choice in the recipes was made on validation images; the test images are read here, once. Runs that are done
are kept in the study folders, so the command can be stopped and started again.

    INKLING_DATA=… python benchmarks/cnn_accuracy.py [--out runs/cnn-accuracy] [--jobs 2] [--only strong-large …]
    python benchmarks/cnn_accuracy.py --quick
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inkling import Run, StudyPlan, evaluate_predictions, load_images, run_study
from inkling.metrics.spread import spread
from inkling.runs.ensemble import classifier_of
from inkling.runs.environment import machine, versions

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Benchmark:
    """What the studies run on: a source, a small and a large training size, and changes of the recipes' settings."""

    source: str
    small: int
    large: int
    out: Path
    jobs: int
    changes: dict[str, Any] = field(default_factory=dict)

    def study(self, network: str, recipe: str, *sizes: int, teacher: Path | None = None) -> None:
        """Run one network and recipe with every seed, and print a row for each training size asked for."""
        plan = StudyPlan.from_recipe(self.source, [network], sizes, SEEDS, recipe, teacher=teacher, **self.changes)
        for cell in run_study(plan, self.out / f"{network}-{recipe}", self.jobs).cells:
            if cell.train_size in sizes:
                print(
                    f"| {network} | {recipe} | {cell.train_size:,} | {cell.train_accuracy} "
                    f"| {cell.validation_accuracy} | {cell.test_accuracy} | {cell.train_seconds.mean:.1f} |",
                    flush=True,
                )

    def ensemble(self) -> None:
        """Evaluate the strong runs of both sizes, with test-time augmentation and all averaged."""
        splits = load_images(self.source)
        for size in (self.small, self.large):
            runs = [Run(self.strong(size, seed)) for seed in SEEDS]
            for split, dataset in (("validation", splits.validation), ("test", splits.test)):
                plain = [run.predictions(split).probabilities for run in runs]
                augmented = [classifier_of([run], tta=True).predict_proba(dataset.images) for run in runs]
                for tta, probabilities in (("", plain), (", --tta", augmented)):
                    single = [
                        evaluate_predictions(dataset.labels, values, dataset.class_names, split).accuracy
                        for values in probabilities
                    ]
                    mean = np.mean(probabilities, axis=0)
                    together = evaluate_predictions(dataset.labels, mean, dataset.class_names, split)
                    print(f"cnn, strong, {size:,} images{tta}: {split} accuracy {spread(single)}")
                    print(f"ensemble of {len(runs)}, {size:,} images{tta}: {together}", flush=True)

    def distil(self) -> None:
        """Train the perceptron on the probabilities of the first strong run: three students of one teacher."""
        self.study("perceptron", "distil", self.large, teacher=self.strong(self.large, SEEDS[0]))

    def strong(self, size: int, seed: int) -> Path:
        """Return the folder of a run of the network `cnn` with the recipe `strong`."""
        return self.out / "cnn-strong" / "runs" / f"cnn-{size}-seed{seed}"

    def parts(self) -> dict[str, Callable[[], None]]:
        """Return what can be asked for, by name; the last two need the runs of those before them."""
        return {
            "reference": lambda: self.study("reference-cnn", "reference", self.small, self.large),
            "strong-small": lambda: self.study("cnn", "strong", self.small),
            "strong-large": lambda: self.study("cnn", "strong", self.large),
            "ensemble": self.ensemble,
            "distil": self.distil,
        }

    def run(self, only: list[str] | None) -> None:
        """Do the parts that are asked for, or all, and print a row for each."""
        splits = load_images(self.source)
        print(f"{versions()}; {machine()['processor']}; {self.source}; {self.jobs} at a time, sharing the cores")
        print(f"| network | recipe | training images | train | validation (n = {len(splits.validation):,}) "
              f"| test (n = {len(splits.test):,}) | s of training |")  # fmt: skip
        print("|---|---|---|---|---|---|---|")
        for name, part in self.parts().items():
            if not only or name in only:
                part()


def main() -> None:
    """Do the studies that are asked for and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/cnn-accuracy"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--only", choices=["reference", "strong-small", "strong-large", "ensemble", "distil"], nargs="+", default=None
    )
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs; nothing is kept")
    options = parser.parse_args()
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            Benchmark("digits", 150, 300, Path(folder), 1, {"epochs": 1}).run(options.only)
    else:
        Benchmark("mnist", 2000, 50000, options.out, options.jobs).run(options.only)


if __name__ == "__main__":
    main()
