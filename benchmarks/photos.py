"""Accuracy and time on a folder of photos: the default command, a few photos of each class, and `--finetune`.

Every choice in the recipes was made on validation images; the test images are read here, once. Each training is a
process of its own with the default options, timed from its start to its end; the first one finds an empty cache.

    python benchmarks/photos.py --data FOLDER [--finetune] [--seeds 0,1,2] [--out runs/photos]
    python benchmarks/photos.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from inkling import Splits, build_network, evaluate, load_images, recipe, train
from inkling.metrics.spread import spread
from inkling.runs.environment import machine, versions

PER_CLASS = 20


def main() -> None:
    """Train, and print a row for each way of training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder of class folders")
    parser.add_argument("--finetune", action="store_true", help="fine-tune instead: a quarter of an hour a seed")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=Path("runs/photos"))
    parser.add_argument("--quick", action="store_true", help="a few of the bundled digits, to see that it runs")
    options = parser.parse_args()
    if not (options.data or options.quick):
        parser.error("give --data FOLDER, or --quick")
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, INKLING_CACHE=cache):
        if options.quick:
            words = ["--network", "pretrained", "--train-size", "50", "--epochs", "1"]
            trainings("digits", [0], Path(cache) / "runs", words)
            few("digits", [0], 2, epochs=1)
            return
        print(f"{versions()}; {machine()['processor']}, {os.cpu_count()} cores", flush=True)
        seeds = [int(seed) for seed in options.seeds.split(",")]
        words = ["--finetune"] if options.finetune else []
        trainings(options.data, seeds, options.out, words)
        if not options.finetune:
            few(options.data, seeds, PER_CLASS)


def trainings(source: str, seeds: list[int], out: Path, words: list[str]) -> None:
    """Run the command with every seed, and print what the runs reach and how long it takes."""
    results: list[dict[str, Any]] = []
    seconds = []
    for seed in seeds:
        run = out / f"seed{seed}{''.join(words[:1])}"
        began = time.perf_counter()
        command(["train", source, *words, "--seed", str(seed), "--out", str(run)])
        seconds.append(time.perf_counter() - began)
        results.append({**command(["evaluate", str(run)]), **json.loads((run / "run.json").read_text())["results"]})
    means = {name: spread([result[name] for result in results]) for name in ("validation_accuracy", "accuracy")}
    ece = spread([result["calibration"]["before"]["ece"] for result in results])
    print(
        f"inkling train {' '.join(words)}: validation {means['validation_accuracy']}, test {means['accuracy']} "
        f"(n = {results[0]['n']:,}), expected calibration error {ece}; "
        f"seconds {', '.join(f'{value:.1f}' for value in seconds)}",
        flush=True,
    )


def command(words: list[str]) -> dict[str, Any]:
    """Return the JSON of a command that runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "inkling", *words, "--json", "--quiet"], check=True, stdout=subprocess.PIPE
    )
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def few(source: str, seeds: list[int], per_class: int, **changes: Any) -> None:
    """Train on so many images of each class, drawn with each seed, and print the accuracies."""
    splits, accuracies = load_images(source), []
    for seed in seeds:
        drawn = with_per_class(splits, per_class, seed)
        settings = recipe("reference", "pretrained", len(drawn.train), seed=seed, **changes)
        network = build_network("pretrained", drawn.train.image_shape, drawn.train.n_classes, seed)
        deque(train(network, drawn, settings), maxlen=0)
        accuracies.append(evaluate(network, drawn.test).accuracy)
    print(f"{per_class} images of each class: test {spread(accuracies)} (n = {len(splits.test):,})", flush=True)


def with_per_class(splits: Splits, per_class: int, seed: int) -> Splits:
    """Return splits with so many training images of each class, drawn with a seed."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(np.flatnonzero(splits.train.labels == label))[:per_class]
        for label in range(splits.train.n_classes)
    ]
    return replace(splits, train=splits.train.subset(np.sort(np.concatenate(chosen))))


if __name__ == "__main__":
    main()
