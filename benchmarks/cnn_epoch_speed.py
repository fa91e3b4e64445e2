"""One training epoch of `reference-cnn`: Inkling's loop and a plain PyTorch loop over the same module.

Same images (50,000 of MNIST), batch of 100, Adam, float32, dropout, in one process, in turn, with all cores. The plain
loop draws its batches from a DataLoader over a TensorDataset of float images that were scaled beforehand; Inkling
starts from uint8. With --network cnn the same for the recommended network.

    INKLING_DATA=… python benchmarks/cnn_epoch_speed.py [--rounds 5] [--network reference-cnn] [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from images import mnist_images
from inkling import ImageDataset, recipe
from inkling.networks.catalogue import build_network
from inkling.networks.torch.modules import CONVOLUTIONAL
from inkling.runs.environment import machine, versions
from inkling.training.batches import MiniBatches
from inkling.training.steps import take_steps


def main() -> None:
    """Time both in turn and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", choices=list(CONVOLUTIONAL), default="reference-cnn")
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    train_images = mnist_images(options.quick).train
    seconds: dict[str, list[float]] = {"inkling": [], "plain PyTorch loop": []}
    for round_ in range(rounds):
        seconds["inkling"].append(our_epoch(options.network, train_images, round_))
        seconds["plain PyTorch loop"].append(plain_epoch(options.network, train_images, round_))
    print(
        f"one epoch of {options.network}, {len(train_images):,} images, batch 100; {rounds} rounds in turn; "
        f"{versions()}; {machine()['processor']}, {torch.get_num_threads()} threads"
    )
    for name, values in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(values, seconds["inkling"], strict=True)]
        print(
            f"{name:20s} median {statistics.median(values):.2f} s [{min(values):.2f}, {max(values):.2f}]"
            f"   {statistics.median(ratios):.2f}x inkling's time [{min(ratios):.2f}, {max(ratios):.2f}]"
        )


def our_epoch(name: str, images: ImageDataset, seed: int) -> float:
    """Return the seconds of the training steps of one epoch of Inkling."""
    settings = recipe("reference", name)
    network = build_network(name, images.image_shape, images.n_classes, seed)
    network.configure(settings.optimizer)
    began = time.perf_counter()
    for _ in take_steps(network, MiniBatches(images, settings), 1, lambda _: 0.001):
        pass
    return time.perf_counter() - began


def plain_epoch(name: str, images: ImageDataset, seed: int) -> float:
    """Return the seconds of one epoch of a plain PyTorch loop over a DataLoader, its tensors made beforehand."""
    tensors = torch.tensor(images.images).permute(0, 3, 1, 2).contiguous().float() / 255, torch.tensor(images.labels)
    loader = DataLoader(TensorDataset(*tensors), batch_size=100, shuffle=True)
    torch.manual_seed(seed)
    network = CONVOLUTIONAL[name](images.image_shape, images.n_classes)
    optimizer, criterion = torch.optim.Adam(network.parameters(), lr=0.001), nn.CrossEntropyLoss()
    began = time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(network(x), y).backward()
        optimizer.step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
