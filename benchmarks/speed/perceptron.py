"""An epoch of the 784-64-10 perceptron, and the whole command that trains it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from epoch_speed import sklearn_epoch, torch_epoch
from images import mnist_images
from inkling import Perceptron, recipe, train
from speed.compared import Compared, Effort, in_turn

BATCH = 256


def epoch(effort: Effort) -> Iterator[Compared]:
    """Time an epoch beside its two large matrix products alone, scikit-learn, and a plain PyTorch loop."""
    splits = mnist_images(effort.quick)
    inputs = (splits.train.images.reshape(len(splits.train), -1) / np.float32(255)).astype(np.float32)
    works: tuple[Callable[[], float], ...] = (
        lambda: float(next(train(Perceptron(), splits, recipe("reference"))).train_seconds),
        lambda: products(inputs),
        lambda: sklearn_epoch(inputs, splits.train.labels),
        lambda: torch_epoch(inputs, splits.train.labels),
    )
    for work in works:
        work()  # warm-up
    ours, floor, sklearn, torch = in_turn(effort.times(), *works)
    what = f"epoch of the perceptron, {len(inputs):,} images, batches of {BATCH}"
    yield Compared(
        what, "its two matrix products alone, one thread", ours, floor, "at most 1.6", lambda x: x <= 1.6,
        lambda mine, theirs: mine / theirs, "x its time",
    )  # fmt: skip
    yield Compared(what, "scikit-learn's MLPClassifier", ours, sklearn, "at least 2", lambda x: x >= 2)
    yield Compared(what, "PyTorch, plain loop, tensors in memory", ours, torch, "at least 2", lambda x: x >= 2)


def products(inputs: NDArray[np.float32]) -> float:
    """Return the seconds of x W1 and x^T d for every batch of an epoch, by NumPy's BLAS with one thread."""
    rng = np.random.default_rng(0)
    n, pixels = inputs.shape
    w, d = rng.standard_normal((pixels, 64), np.float32), rng.standard_normal((BATCH, 64), np.float32)
    x, forward, backward = np.array(inputs[:BATCH]), np.empty((BATCH, 64), np.float32), np.empty_like(w)
    with threadpool_limits(1):
        began = time.perf_counter()
        for start in range(0, n, BATCH):
            rows = min(BATCH, n - start, len(x))
            np.matmul(x[:rows], w, out=forward[:rows])
            np.matmul(x[:rows].T, d[:rows], out=backward)
        return time.perf_counter() - began


def command(effort: Effort) -> Iterator[Compared]:
    """Time `inkling train` as a process: all but its training steps, beside these."""
    source, epochs = ("digits", 2) if effort.quick else ("mnist", 30)
    steps, rest = [], []
    for _ in range(effort.times(5)):
        with TemporaryDirectory() as folder:
            words = ["train", source, "--network", "perceptron", "--epochs", str(epochs)]
            words += ["--out", str(Path(folder, "run")), "--json", "--quiet"]
            began = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "inkling", *words], capture_output=True, text=True, check=True)
            whole = time.perf_counter() - began
            steps.append(float(json.loads(done.stdout)["train_seconds"]))
            rest.append(whole - steps[-1])
    yield Compared(
        f"`inkling train {source} --network perceptron`, {epochs} epochs: all but the training steps",
        "its training steps", tuple(rest), tuple(steps), "at most 60%", lambda x: x <= 60,
        lambda others, taken: 100 * others / taken, "%",
    )  # fmt: skip
