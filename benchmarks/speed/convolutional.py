"""Convolutional networks: an epoch, the time to 99%, and what augmentation adds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cnn_epoch_speed import our_epoch, plain_epoch
from images import mnist_images
from inkling import build_network, recipe
from inkling.images.augment import Augmentation, augment
from inkling.images.ordering import augmentation_generator
from inkling.training.batches import MiniBatches
from inkling.training.settings import TrainingSettings
from inkling.training.steps import take_steps
from speed.compared import Compared, Effort, in_turn
from time_to_accuracy import inkling, train_mnist_fast


def epoch(effort: Effort) -> Iterator[Compared]:
    """Time an epoch of `reference-cnn` beside a plain PyTorch loop over a DataLoader."""
    images = mnist_images(effort.quick).train
    ours, theirs = in_turn(
        effort.times(3), lambda: our_epoch("reference-cnn", images, 0), lambda: plain_epoch("reference-cnn", images, 0)
    )
    what = f"epoch of `reference-cnn`, {len(images):,} images, batches of 100"
    yield Compared(what, "PyTorch, plain loop, DataLoader", ours, theirs, "at least 1.9", lambda x: x >= 1.9)


def time_to_accuracy(effort: Effort) -> Iterator[Compared]:
    """Time what it takes to 99% of the test images, beside train_mnist_fast."""
    splits = mnist_images(effort.quick)
    images = np.concatenate([splits.train.images, splits.validation.images])
    labels = np.concatenate([splits.train.labels, splits.validation.labels])
    seeds = range(effort.times(5))
    inkling(splits, 100)
    pairs = [(inkling(splits, seed), train_mnist_fast(images, labels, splits, seed)) for seed in seeds]
    ours, theirs = (tuple(side[0] for side in sides) for sides in zip(*pairs, strict=True))
    accuracy = np.mean([side[0][1] for side in pairs]), np.mean([side[1][1] for side in pairs])
    yield Compared(
        f"`small-cnn`, `fast`: mean test accuracy {accuracy[0]:.4f} (n = {len(splits.test):,})",
        f"train_mnist_fast: {accuracy[1]:.4f}", ours, theirs, "at least 1.8", lambda x: x >= 1.8,
    )  # fmt: skip


def augmentation(effort: Effort) -> Iterator[Compared]:
    """Time an epoch with augmentation beside one without, and augmentation alone."""
    images = mnist_images(effort.quick).train
    images = images if effort.quick else images.stratified_subset(10_000, 0)
    augmented = recipe("strong", "cnn", len(images))
    plain = replace(augmented, augmentation=Augmentation())

    def steps(settings: TrainingSettings) -> float:
        network = build_network("cnn", images.image_shape, images.n_classes, 0)
        network.configure(settings.optimizer)
        began = time.perf_counter()
        for _ in take_steps(network, MiniBatches(images, settings), 1, lambda _: 0.001):
            pass
        return time.perf_counter() - began

    def alone() -> float:
        rng = augmentation_generator(0, 1)
        began = time.perf_counter()
        for start in range(0, len(images), augmented.batch_size):
            augment(images.images[start : start + augmented.batch_size], augmented.augmentation, rng)
        return time.perf_counter() - began

    with_, without, only = in_turn(effort.times(3), lambda: steps(augmented), lambda: steps(plain), alone)
    yield Compared(
        f"epoch of `cnn`, recipe `strong`, {len(images):,} images, with augmentation", "without", with_, without,
        "at most 1.1", lambda x: x <= 1.1, lambda mine, theirs: mine / theirs, "x its time",
    )  # fmt: skip
    yield Compared(
        "augmentation alone", "the training steps it feeds", only, without, "below 1", lambda x: x < 1,
        lambda mine, theirs: mine / theirs, "x their time",
    )  # fmt: skip
