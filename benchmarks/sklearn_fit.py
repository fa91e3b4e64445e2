"""`PerceptronClassifier.fit` on rows of floats, and the training of `inkling train` on the same images, in turn.

50,000 images of MNIST: as uint8 for the loop that the command runs, and as 50,000 x 784 float64 in 0..1 for `fit`,
which standardises them. Time of `fit` is all of it, from the call to its return. Time of the command is that of its
epochs, steps and measuring, without loading, writing and the predictions at its end. `fit` measures no validation
images, and the command does. Processor seconds are given too: where other programs run, only their ratio is steady.

    INKLING_DATA=… python benchmarks/sklearn_fit.py [--rounds 5] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from images import mnist_images
from inkling import build_network, recipe, train
from inkling.runs.environment import machine, versions
from inkling.sklearn import PerceptronClassifier


def main() -> None:
    """Time both in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    rounds, epochs = (1, 2) if options.quick else (options.rounds, options.epochs)
    splits = mnist_images(options.quick)
    rows = splits.train.images.reshape(len(splits.train), -1) / 255

    def command(epochs: int = epochs) -> None:
        network = build_network("perceptron", splits.train.image_shape, splits.train.n_classes)
        for _ in train(network, splits, recipe("reference", epochs=epochs)):
            pass

    def fit(epochs: int = epochs) -> None:
        PerceptronClassifier(epochs=epochs, random_state=0).fit(rows, splits.train.labels)

    command(1)  # warm-up
    fit(1)
    pairs = [(_seconds(command), _seconds(fit)) for _ in range(rounds)]
    print(f"{epochs} epochs of {rows.shape[0]:,} x {rows.shape[1]} {rows.dtype}, {rounds} rounds in turn")
    print(f"{versions()}; {machine()['processor']}")
    for which, clock in enumerate(("seconds", "processor seconds")):
        theirs, ours = ([timed[which] for timed in side] for side in zip(*pairs, strict=True))
        ratios = [ours_now / theirs_now for ours_now, theirs_now in zip(ours, theirs, strict=True)]
        print(
            f"{clock}: the command {statistics.median(theirs):.2f}, fit {statistics.median(ours):.2f}; "
            f"fit takes {statistics.median(ratios):.2f}x the command's time [{min(ratios):.2f}, {max(ratios):.2f}]"
        )


def _seconds(work: Callable[[], None]) -> tuple[float, float]:
    """Return how long some work takes, by the clock and of the processor."""
    began, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - processor


if __name__ == "__main__":
    main()
