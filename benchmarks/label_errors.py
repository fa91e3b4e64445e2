"""Wrong labels found: 200 planted in 10,000 MNIST training images, and the suspects among the test images.

A planted label is another class, drawn evenly. The probabilities are out-of-fold: five networks, each judging the fold
that it has not seen. The test images are judged by one network that was trained on the 50,000 training images.

    INKLING_DATA=… python benchmarks/label_errors.py [--seeds 0,1,2] [--network small-cnn] [--epochs 10] [--quick]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from images import mnist_images
from inkling import ImageDataset, Splits, find_label_errors, recipe
from inkling.labels.out_of_fold import out_of_fold, train_to_the_end
from inkling.runs.environment import machine, versions

N, PLANTED, FOLDS = 10_000, 200, 5
FIRST = (200, 220)
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
SUSPECTS = 20
KNOWN = {947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729}
"""Test images whose label most of five readers did not confirm (Northcutt, Athalye and Mueller, 2021, "Pervasive label
errors in test sets destabilize machine learning benchmarks"; labelerrors.com)."""


def main() -> None:
    """Print recall for every planting, and the test images whose labels look most wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--network", default="small-cnn")
    parser.add_argument("--recipe", default="strong")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    n, planted_labels = (250, 10) if options.quick else (N, PLANTED)
    if options.quick:
        options.seeds, options.epochs = "0", 2
    mnist = mnist_images(options.quick)
    # Validation chooses nothing here; fewer images, less time.
    mnist = replace(mnist, validation=mnist.validation.subset(np.arange(min(1000, len(mnist.validation)))))
    print(f"{versions()}, cleanlab {version('cleanlab')}; {machine()['processor']}")
    print(
        f"{options.network}, recipe {options.recipe}, {options.epochs} epochs; "
        f"{planted_labels} of {n:,} labels made wrong"
    )
    print("| seed | ranked by | recall in the first 200 | in the first 220 | flagged | of them planted | seconds |")
    print("|---|---|---|---|---|---|---|")
    for seed in map(int, options.seeds.split(",")):
        settings = recipe(options.recipe, options.network, n - n // FOLDS, epochs=options.epochs, seed=seed)
        splits, planted = plant(mnist, n, planted_labels, seed)
        began = time.perf_counter()
        probabilities = out_of_fold(splits, options.network, settings, FOLDS)
        seconds = time.perf_counter() - began
        flagged = {found.index for found in find_label_errors(splits.train.labels, probabilities) if found.flagged}
        for score in SCORES:
            order = np.argsort(
                get_label_quality_scores(splits.train.labels, probabilities, method=score), kind="stable"
            )
            recalls = (np.isin(planted, order[:first]).mean() for first in FIRST)
            cells = [f"{seed}", score, *(f"{recall:.3f}" for recall in recalls)]
            cells += [f"{len(flagged)}", f"{len(flagged & set(planted.tolist()))}", f"{seconds:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    list_suspects(mnist, options)


def plant(mnist: Splits, n: int, count: int, seed: int) -> tuple[Splits, NDArray[np.int64]]:
    """Return splits with `count` wrong labels among `n` training images, and the indices of those."""
    splits = mnist.with_train_size(n, seed)
    rng = np.random.default_rng(seed)
    planted = rng.choice(n, count, replace=False)
    labels = splits.train.labels.copy()
    labels[planted] = (labels[planted] + rng.integers(1, 10, count)) % 10
    return replace(splits, train=ImageDataset(splits.train.images, labels, splits.train.class_names)), planted


def list_suspects(mnist: Splits, options: argparse.Namespace) -> None:
    """Print the test images whose labels look most wrong."""
    settings = recipe(options.recipe, options.network, len(mnist.train), epochs=options.epochs)
    network = train_to_the_end(mnist, options.network, settings)
    probabilities = network.predict_proba(mnist.test.images)
    accuracy = (probabilities.argmax(axis=1) == mnist.test.labels).mean()
    print(f"\n{mnist.name} test images (n = {len(mnist.test):,}), predicted by a network of accuracy {accuracy:.4f}:")
    print("| rank | index | label | its probability | rather | its probability | flagged | known |")
    print("|---|---|---|---|---|---|---|---|")
    ranked = find_label_errors(mnist.test.labels, probabilities)
    for rank, found in enumerate(ranked[:SUSPECTS], 1):
        print(
            f"| {rank} | {found.index} | {found.label} | {found.score:.5f} | {found.suggested} "
            f"| {found.suggested_probability:.4f} | {'yes' if found.flagged else ''} "
            f"| {'yes' if found.index in KNOWN else ''} |"
        )
    if mnist.name != "mnist":
        return
    places = sorted(rank for rank, found in enumerate(ranked, 1) if found.index in KNOWN)
    print(f"The {len(KNOWN)} known errors have ranks {', '.join(f'{place:,}' for place in places)}.")


if __name__ == "__main__":
    main()
