"""What bfloat16 does to accuracy and time: `small-cnn`, recipe `fast`, on 50,000 images of MNIST, float32 beside it.

INKLING_DATA=… python benchmarks/bfloat16.py [--seeds 5] [--network small-cnn] [--quick]
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
import torch

from images import mnist_images
from inkling import Splits, build_network, recipe, train
from inkling.networks.protocols import PRECISIONS
from inkling.runs.environment import machine, versions


def main() -> None:
    """Train with both precisions, seed by seed, and print accuracies and times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, 100), metavar="N")
    parser.add_argument("--network", default="small-cnn")
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    seeds = 2 if options.quick else options.seeds
    splits = mnist_images(options.quick)
    accuracies: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    few = splits.test.subset(np.arange(min(512, len(splits.test))))
    warm_up = Splits(few, few, few, splits.name)
    for precision in PRECISIONS:
        network = build_network(options.network, splits.train.image_shape, splits.train.n_classes)
        list(train(network, warm_up, recipe("fast", options.network, 512, precision=precision)))
    for seed in range(seeds):
        for precision in PRECISIONS[:: 1 if seed % 2 else -1]:
            settings = recipe("fast", options.network, len(splits.train), seed=seed, precision=precision)
            network = build_network(options.network, splits.train.image_shape, splits.train.n_classes, seed)
            last = list(train(network, splits, settings))[-1]
            accuracies[precision].append(last.validation_accuracy)
            seconds[precision].append(last.train_seconds)
    print(f"{options.network}, fast, {seeds} seeds in turn; {versions()}; {machine()['processor']}, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    for precision in PRECISIONS:
        reached, took = accuracies[precision], seconds[precision]
        print(
            f"{precision:9s} validation accuracy (n = {len(splits.validation):,}) {statistics.mean(reached):.4f} ± "
            f"{statistics.stdev(reached):.4f}, {statistics.mean(took):.2f} ± {statistics.stdev(took):.2f} s"
        )
    differences = [b - a for a, b in zip(*accuracies.values(), strict=True)]
    mean, spread = statistics.mean(differences), statistics.stdev(differences)
    print(f"bfloat16 minus float32, pair by pair: {mean:+.4f} ± {spread:.4f}")


if __name__ == "__main__":
    main()
