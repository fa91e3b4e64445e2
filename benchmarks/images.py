"""The images that benchmarks run on: MNIST, or with `--quick` the bundled digits in MNIST's format."""

from __future__ import annotations

import numpy as np

from inkling import ImageDataset, Splits, load_images


def mnist_images(quick: bool) -> Splits:
    """Return MNIST, or with `quick` a few of the bundled digits, enlarged to 28x28: the same code, in seconds."""
    if not quick:
        return load_images("mnist")
    digits = load_images("digits").with_train_size(300, seed=0)
    return Splits(_enlarged(digits.train), _enlarged(digits.validation), _enlarged(digits.test), "digits")


def _enlarged(dataset: ImageDataset) -> ImageDataset:
    """Make 28x28 pixels of 8x8: each becomes 3x3, with a margin of 2."""
    enlarged = dataset.images.repeat(3, axis=1).repeat(3, axis=2)
    images = np.pad(enlarged, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return ImageDataset(images, dataset.labels, dataset.class_names)
