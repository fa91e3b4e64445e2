"""The review of labels: what a page writes down is read back, and useless corrections are not shown to help."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evidence.claim import Claim, Effort, Measured, rate
from evidence.label_errors import mnist_of, plant_in_mnist
from inkling import Splits, compare_over_seeds, recipe
from inkling.images.corrections import Suspect, pieces, read_corrections, to_csv
from inkling.labels.out_of_fold import train_to_the_end

_CHARACTERS = [*"=+-@'\",;\t\r\n <>/ab0é＝", "</script>"]


def read_back(effort: Effort) -> Measured:
    """How often a file joined from the pieces that a page has is what `to_csv` writes, and is read back as meant."""
    rng, times, held = np.random.default_rng(0), effort.times(1000), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corrections.csv"
        for _ in range(times):
            names = ["".join(rng.choice(_CHARACTERS, rng.integers(1, 6))) + str(i) for i in range(4)]
            rows = [Suspect("train", i, name, name, names[i - 1], 0.5, names[i - 2]) for i, name in enumerate(names)]
            text = pieces(rows, names)
            lines = [text.header, *(row + text.cells[i - 2] for i, row in enumerate(text.rows))]
            path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
            held += read_corrections(path) == tuple(rows) and path.read_bytes().decode() == to_csv(rows)
    return rate(held, times, low=1.0)


def helped_by_nothing(effort: Effort) -> Measured:
    """How often networks are shown to be better for labels of which other ones, and no fewer, are wrong."""
    times, shown = effort.times(40), 0
    for drawing in range(times):
        test = mnist_of(effort, 1000, drawing).test
        test = test.subset(np.random.default_rng(drawing).permutation(len(test))[:1000])
        before, _ = plant_in_mnist(effort, 1000, "uniform", drawing)
        after, _ = plant_in_mnist(effort, 1000, "uniform", drawing, drawn_with=drawing + 1000)
        seeds = [10 * drawing + seed for seed in range(3)]
        corrected, uncorrected = ([_predicted(each, seed, test.images) for seed in seeds] for each in (after, before))
        found = compare_over_seeds(test.labels, corrected, uncorrected)
        shown += found.p_value < 0.05 and found.difference > 0
    return rate(shown, times, high=0.05)


def _predicted(splits: Splits, seed: int, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    settings = recipe("reference", "perceptron", len(splits.train), epochs=5, seed=seed)
    return train_to_the_end(splits, "perceptron", settings).predict_proba(images)


CLAIMS = (
    Claim("corrections joined by a page, of names with quotes, line ends and formulas: read back", "always", read_back),
    Claim(
        "50 of 1,000 labels corrected and 50 others made wrong, three perceptrons each: shown to help",
        "at most 5%",
        helped_by_nothing,
        trains=True,
    ),
)
