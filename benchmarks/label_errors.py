"""Wrong labels found: 200 planted in 10,000 MNIST training images, and the suspects among the test images.

A planted label is another class, drawn evenly (`--kind uniform`), the next class (`pairs`), or 9 for 30% of the images
of class 4 (`one-class`). The probabilities are out-of-fold: five networks, each judging the fold that it has not seen.
The test images are judged by one network that was trained on the 50,000 training images.

    INKLING_DATA=… python benchmarks/label_errors.py [--seeds 0,1,2] [--network small-cnn] [--epochs 10]
        [--kind uniform|pairs|one-class] [--quick]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from cleanlab.rank import get_label_quality_scores

from images import mnist_images
from inkling import Splits, find_label_errors, recipe
from inkling.labels.out_of_fold import rate_folds, train_to_the_end
from inkling.runs.environment import machine, versions
from planted_labels import KINDS, plant

N, PLANTED, FOLDS = 10_000, 200, 5
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
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
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
        f"{n:,} labels, of which some are made wrong: {options.kind}"
    )
    print("| seed | ranked by | wrong | recall in the first as many | a tenth more | flagged | of them planted | s |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in map(int, options.seeds.split(",")):
        settings = recipe(options.recipe, options.network, n - n // FOLDS, epochs=options.epochs, seed=seed)
        splits, planted = plant(mnist.with_train_size(n, seed), options.kind, planted_labels, seed)
        began = time.perf_counter()
        rated = rate_folds(splits, options.network, settings, FOLDS)
        probabilities = rated.held_out
        seconds = time.perf_counter() - began
        ranked = find_label_errors(splits.train.labels, probabilities, over_epochs=rated.over_epochs)
        flagged = {found.index for found in ranked if found.flagged}
        orders = {"inkling labels": np.array([found.index for found in ranked])}
        for score in SCORES:
            quality = get_label_quality_scores(splits.train.labels, probabilities, method=score)
            orders[score] = np.argsort(quality, kind="stable")
        for score, order in orders.items():
            first = (len(planted), round(1.1 * len(planted)))
            recalls = (np.isin(planted, order[:count]).mean() for count in first)
            cells = [f"{seed}", score, f"{len(planted)}", *(f"{recall:.3f}" for recall in recalls)]
            cells += [f"{len(flagged)}", f"{len(flagged & set(planted.tolist()))}", f"{seconds:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    list_suspects(mnist, options)


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
