"""Seconds of training until 99% of the MNIST test images are right: Inkling's `fast` recipe and two published ones.

(a) The standard PyTorch MNIST example: two 3x3 convolutions of 32 and 64 filters, pool, dropout 0.25 and 0.5, dense
    128, Adadelta at rate 1.0, decayed by 0.7 an epoch, batch 64, and a DataLoader that decodes every image through PIL
    and normalises it. It trains until an epoch ends at 0.990 or more; only the epochs are timed.
(b) The recipe of train_mnist_fast's last step: conv 5x5 24, pool, ReLU, conv 3x3 32, pool, ReLU, dense 256, dense 10;
    Adam at 0.01 with betas 0.7 and 0.9, one-cycle, batch 256, one epoch over 60,000 images in memory.

All in one process, with all cores, seed by seed, each of them first in turn, after a warm-up of all. Inkling trains
on the 50,000 images that are left when 10,000 are set aside for validation; (a) and (b) train on 60,000, as they were
published. Schedules are fixed beforehand: the test images are only looked at afterwards, and after each epoch of (a).

    INKLING_DATA=… python benchmarks/time_to_accuracy.py [--seeds 5] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from images import mnist_images
from inkling import Splits, build_network, recipe
from inkling.runs.environment import machine, versions
from inkling.training.loop import train
from inkling.training.measuring import measure

GOAL = 0.990
MOST_EPOCHS = 14  # the example's own number


def main() -> None:
    """Time the three, seed by seed, and print seconds and accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, 100), metavar="N")
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    seeds = 2 if options.quick else options.seeds
    most_epochs = 1 if options.quick else MOST_EPOCHS
    splits = mnist_images(options.quick)
    images = np.concatenate([splits.train.images, splits.validation.images])
    labels = np.concatenate([splits.train.labels, splits.validation.labels])
    contenders: dict[str, Callable[[int], tuple[float, float]]] = {
        "inkling, small-cnn, fast": lambda seed: inkling(splits, seed),
        "(b) train_mnist_fast": lambda seed: train_mnist_fast(images, labels, splits, seed),
        "(a) PyTorch example": lambda seed: pytorch_example(images, labels, splits, seed, most_epochs),
    }
    print(f"{seeds} seeds in turn; {versions()}; {machine()['processor']}, {torch.get_num_threads()} threads")
    some = splits.test.subset(np.arange(min(512, len(splits.test))))
    few = Splits(some, some, some, splits.name)
    warm = np.asarray(few.train.images), np.asarray(few.train.labels)
    inkling(few, 100)  # the first steps of a process also set up libraries
    train_mnist_fast(*warm, few, 100)
    pytorch_example(*warm, few, 100, 1)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    accuracies: dict[str, list[float]] = {name: [] for name in contenders}
    for seed in range(seeds):
        names = list(contenders)
        for name in names[seed % len(names) :] + names[: seed % len(names)]:
            took, accuracy = contenders[name](seed)
            seconds[name].append(took)
            accuracies[name].append(accuracy)
            print(
                f"  seed {seed}: {name}: {took:.2f} s, test accuracy {accuracy:.4f} (n = {len(splits.test):,})",
                flush=True,
            )
    ours = seconds["inkling, small-cnn, fast"]
    for name in contenders:
        times, reached = seconds[name], accuracies[name]
        ratios = [theirs / mine for theirs, mine in zip(times, ours, strict=True)]
        print(
            f"{name:26s} {statistics.mean(times):.2f} ± {statistics.stdev(times):.2f} s, test accuracy "
            f"{statistics.mean(reached):.4f} ± {statistics.stdev(reached):.4f}, "
            f"{sum(accuracy >= GOAL for accuracy in reached)} of {seeds} at {GOAL} or more, "
            f"{statistics.median(ratios):.1f}x inkling's time [{min(ratios):.1f}, {max(ratios):.1f}]"
        )


def inkling(splits: Splits, seed: int) -> tuple[float, float]:
    """The `fast` recipe on 50,000 images; the seconds are those of building the network and of its steps."""
    settings = recipe("fast", "small-cnn", len(splits.train), seed=seed)
    began = time.perf_counter()
    network = build_network("small-cnn", splits.train.image_shape, splits.train.n_classes, seed)
    built = time.perf_counter() - began
    records = list(train(network, splits, settings))
    return built + sum(record.train_seconds for record in records), measure(network, splits.test)[1]


def train_mnist_fast(
    images: NDArray[np.uint8], labels: NDArray[np.int64], splits: Splits, seed: int
) -> tuple[float, float]:
    """One epoch of recipe (b), over tensors in memory."""
    torch.manual_seed(seed)
    x = (torch.tensor(images).permute(0, 3, 1, 2).float() / 255 - 0.1307) / 0.3081
    y = torch.tensor(labels)
    network = nn.Sequential(
        nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    began = time.perf_counter()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.7, 0.9))
    order = torch.randperm(len(x)).split(256)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=len(order))
    for batch in order:
        optimizer.zero_grad()
        functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
        schedule.step()
    return time.perf_counter() - began, accuracy_of(network, splits)


class Decoded(Dataset):  # type: ignore[misc]
    """Images as a DataLoader of the example sees them: from an array through PIL to a normalised tensor."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.images[index, :, :, 0], mode="L")
        pixels = torch.from_numpy(np.array(picture, np.uint8))[None].float().div(255)
        return pixels.sub_(0.1307).div_(0.3081), int(self.labels[index])


class Example(nn.Module):  # type: ignore[misc]
    """The network of the PyTorch example."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.LogSoftmax(dim=1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities."""
        return self.layers(x)


def pytorch_example(
    images: NDArray[np.uint8], labels: NDArray[np.int64], splits: Splits, seed: int, most_epochs: int
) -> tuple[float, float]:
    """Epochs of recipe (a) until one ends at the goal, or `most_epochs`; measuring is not timed."""
    torch.manual_seed(seed)
    network = Example()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    loader = DataLoader(Decoded(images, labels), batch_size=64, shuffle=True)
    took, accuracy = 0.0, 0.0
    for _ in range(most_epochs):
        network.train()
        began = time.perf_counter()
        for x, y in loader:
            optimizer.zero_grad()
            functional.nll_loss(network(x), y).backward()
            optimizer.step()
        schedule.step()
        took += time.perf_counter() - began
        accuracy = accuracy_of(network, splits)
        if accuracy >= GOAL:
            break
    return took, accuracy


def accuracy_of(network: nn.Module, splits: Splits) -> float:
    """Return the test accuracy of a network that takes normalised pixels."""
    network.eval()
    x = (torch.tensor(splits.test.images).permute(0, 3, 1, 2).float() / 255 - 0.1307) / 0.3081
    with torch.inference_mode():
        predicted = torch.cat([network(part).argmax(1) for part in x.split(500)]).numpy()
    return float((predicted == splits.test.labels).mean())


if __name__ == "__main__":
    main()
