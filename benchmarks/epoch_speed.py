"""One training epoch of the 784-64-10 perceptron: Inkling, scikit-learn's MLPClassifier, a plain PyTorch loop.

Same images (50,000 of MNIST), batch of 256, plain SGD, same process, in turn; each library as its users run it, with
all its threads. Inkling starts from uint8 and scales inside its step; the others are given float32 scaled beforehand.

    INKLING_DATA=… python benchmarks/epoch_speed.py [--rounds 9] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from images import mnist_images
from inkling import Perceptron, recipe, train
from inkling.runs.environment import machine, versions


def main() -> None:
    """Time the three in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    splits = mnist_images(options.quick)
    inputs = (splits.train.images.reshape(len(splits.train), -1) / np.float32(255)).astype(np.float32)
    labels = splits.train.labels
    contenders: dict[str, Callable[[], float]] = {
        "inkling": lambda: next(train(Perceptron(), splits, recipe("reference"))).train_seconds,
        "scikit-learn MLPClassifier": lambda: sklearn_epoch(inputs, labels),
        "PyTorch, plain loop": lambda: torch_epoch(inputs, labels),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for epoch in contenders.values():
        epoch()  # warm-up
    for _ in range(rounds):
        for name, epoch in contenders.items():
            seconds[name].append(epoch())
    print(
        f"one epoch, {len(splits.train):,} images, batch 256; {rounds} rounds in turn; "
        f"{versions()}; {machine()['processor']}"
    )
    for name, values in seconds.items():
        ratios = [theirs / ours for theirs, ours in zip(values, seconds["inkling"], strict=True)]
        print(
            f"{name:28s} median {statistics.median(values):.3f} s [{min(values):.3f}, {max(values):.3f}]"
            f"   {statistics.median(ratios):.2f}x inkling's time [{min(ratios):.2f}, {max(ratios):.2f}]"
        )


def sklearn_epoch(inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the seconds of one epoch of MLPClassifier."""
    network = MLPClassifier(
        (64,), activation="logistic", solver="sgd", alpha=0, momentum=0, batch_size=256, learning_rate_init=2.0,
        max_iter=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        network.fit(inputs, labels)
        return time.perf_counter() - began


def torch_epoch(inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the seconds of one epoch of a plain PyTorch loop over tensors in memory."""
    images, targets = torch.from_numpy(inputs), torch.from_numpy(np.array(labels))
    network = nn.Sequential(nn.Linear(784, 64), nn.Sigmoid(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=2.0)
    criterion = nn.CrossEntropyLoss()
    began = time.perf_counter()
    for batch in torch.randperm(len(images)).split(256):
        optimizer.zero_grad()
        criterion(network(images[batch]), targets[batch]).backward()
        optimizer.step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
