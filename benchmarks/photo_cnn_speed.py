"""One training epoch of `photo-cnn`: Inkling's loop and a plain PyTorch loop over the same module and recipe.

Same photos, batches, optimiser, label smoothing and kind of augmentation (a random window enlarged, a mirror image), in
float32, in one process, in turn, with all cores. The plain loop is what a tutorial shows: NCHW tensors, a DataLoader
over a Dataset that changes one picture at a time through Pillow. --workers gives its DataLoader processes of its own.

    python benchmarks/photo_cnn_speed.py --data FOLDER [--images 1000] [--rounds 5] [--workers 0]
    python benchmarks/photo_cnn_speed.py --quick
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from inkling import ImageDataset, TrainingSettings, build_network, load_images, recipe
from inkling.networks.torch.modules import photo_cnn
from inkling.runs.environment import machine, versions
from inkling.training.batches import MiniBatches
from inkling.training.steps import take_steps

RATE = 0.01
"""Learning rate of every step: what a step costs does not depend on it."""


class Photos(Dataset):  # type: ignore[misc]
    """Pictures as a DataLoader sees them: each through Pillow, changed on its own, to a tensor of numbers in 0..1."""

    def __init__(self, dataset: ImageDataset, crop: float) -> None:
        self.images, self.labels, self.crop = np.asarray(dataset.images), np.asarray(dataset.labels), crop

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.images[index].squeeze())
        side, stretch = 1 - self.crop * random.random(), (4 / 3) ** random.uniform(-0.5, 0.5)
        height, width = min(side * stretch, 1) * picture.height, min(side / stretch, 1) * picture.width
        left, top = random.random() * (picture.width - width), random.random() * (picture.height - height)
        window = (left, top, left + width, top + height)
        picture = picture.resize(picture.size, Image.Resampling.BILINEAR, box=window)
        if random.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.atleast_3d(np.array(picture)))
        return pixels.permute(2, 0, 1).contiguous().float().div(255), int(self.labels[index])


def main() -> None:
    """Time both in turn and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder of class folders, or any other source of images")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few small images, to see that it runs")
    options = parser.parse_args()
    if not (options.quick or options.data):
        parser.error("give --data FOLDER, or --quick")
    rounds = 1 if options.quick else options.rounds
    training = load_images("digits" if options.quick else options.data).train
    training = training.subset(np.arange(min(128 if options.quick else options.images, len(training))))
    settings = recipe("reference", "photo-cnn", len(training))
    seconds: dict[str, list[float]] = {"inkling": [], "plain PyTorch loop": []}
    for round_ in range(-1, rounds):  # the first is a warm-up: it also sets up libraries
        taken = inkling_epoch(training, settings, round_ + 1), plain_epoch(training, settings, options.workers)
        if round_ >= 0:
            for values, value in zip(seconds.values(), taken, strict=True):
                values.append(value)
    print(
        f"one epoch of photo-cnn, {len(training):,} images of {training.image_shape}, batch {settings.batch_size}; "
        f"{rounds} rounds in turn; {versions()}; {machine()['processor']}, {torch.get_num_threads()} threads, "
        f"{options.workers} processes of the DataLoader"
    )
    for name, values in seconds.items():
        ratios = [theirs / mine for theirs, mine in zip(values, seconds["inkling"], strict=True)]
        print(
            f"{name:20s} median {statistics.median(values):.2f} s [{min(values):.2f}, {max(values):.2f}]"
            f"   {statistics.median(ratios):.2f}x inkling's time [{min(ratios):.2f}, {max(ratios):.2f}]"
        )


def inkling_epoch(training: ImageDataset, settings: TrainingSettings, seed: int) -> float:
    """Return the seconds that Inkling's steps take, augmentation included."""
    network = build_network("photo-cnn", training.image_shape, training.n_classes, seed)
    network.configure(settings.optimizer)
    began = time.perf_counter()
    for _ in take_steps(network, MiniBatches(training, settings), 1, lambda _: RATE):
        pass
    return time.perf_counter() - began


def plain_epoch(training: ImageDataset, settings: TrainingSettings, workers: int) -> float:
    """Return the seconds of a plain loop."""
    network = photo_cnn(training.image_shape, training.n_classes)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=RATE,
        momentum=settings.optimizer.momentum,
        weight_decay=settings.optimizer.weight_decay,
        nesterov=settings.optimizer.nesterov,
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    photos = Photos(training, settings.augmentation.crop)
    loader = DataLoader(photos, batch_size=settings.batch_size, shuffle=True, num_workers=workers)
    began = time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(network(x), y).backward()
        optimizer.step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
