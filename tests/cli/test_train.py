"""`inkling train`: what its options change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from command_line import inkling
from inkling.runs.run import Run


def test_rare_classes_count_as_much_on_request(tmp_path: Path, write_idx: Callable[..., Path]) -> None:
    labels = np.where(np.arange(120) % 8 == 0, 1, 0).astype(np.uint8)
    images = np.random.default_rng(0).integers(0, 256, (120, 4, 4), dtype=np.uint8)
    write_idx(tmp_path / "data/train-images-idx3-ubyte", images)
    write_idx(tmp_path / "data/train-labels-idx1-ubyte", labels)
    short = ("--network", "perceptron", "--epochs", 1, "--batch-size", 5)
    rare = []
    for name, words in (("plain", ()), ("balanced", ("--balance-classes",))):
        done = inkling("train", tmp_path / "data", *short, *words, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        run = Run(tmp_path / name)
        assert run.settings.balance_classes is bool(words)
        rare.append(run.predict(images[..., np.newaxis])[:, 1].mean())
    assert rare[1] > rare[0] + 0.1
