"""`PerceptronClassifier.fit` on rows of floats, and `inkling train` on the same images: the same epochs, in turn.

50,000 images of MNIST, as uint8 for the command and as 50,000 x 784 float64 in 0..1 for `fit`, which standardises them.
Time of `fit` is all of it, from the call to its return. Time of the command is what it writes down as its training:
steps and measuring of every epoch, without loading, writing and the predictions at its end. `fit` measures no
validation images, and the command does.

    INKLING_DATA=… python benchmarks/sklearn_fit.py [--rounds 5] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from images import mnist_images
from inkling import RunPlan, recipe, train_run
from inkling.runs.environment import machine, versions
from inkling.runs.run import Run
from inkling.sklearn import PerceptronClassifier


def main() -> None:
    """Time both in turn and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    rounds, epochs = (1, 2) if options.quick else (options.rounds, options.epochs)
    splits = mnist_images(options.quick)
    rows = splits.train.images.reshape(len(splits.train), -1) / 255
    plan = RunPlan("mnist", "perceptron", recipe("reference", epochs=epochs))
    ours, theirs = [], []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            for _ in train_run(plan, splits, Path(folder) / "run"):
                pass
            command = float((Run(Path(folder) / "run").results or {})["seconds"])
        began = time.perf_counter()
        PerceptronClassifier(epochs=epochs, random_state=0).fit(rows, splits.train.labels)
        fit = time.perf_counter() - began
        if number or options.quick:  # the first warms up
            ours.append(fit)
            theirs.append(command)
    ratios = [fit / command for fit, command in zip(ours, theirs, strict=True)]
    print(f"{epochs} epochs of {rows.shape[0]:,} x {rows.shape[1]} {rows.dtype}, {rounds} rounds in turn")
    print(f"{versions()}; {machine()['processor']}")
    for name, seconds in (("inkling train", theirs), ("PerceptronClassifier.fit", ours)):
        print(f"{name:28s} median {statistics.median(seconds):.2f} s [{min(seconds):.2f}, {max(seconds):.2f}]")
    print(f"fit takes {statistics.median(ratios):.2f}x the command's time [{min(ratios):.2f}, {max(ratios):.2f}]")


if __name__ == "__main__":
    main()
