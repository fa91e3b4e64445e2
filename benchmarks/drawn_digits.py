"""Digits redrawn as strokes, and recognised by the exported page: how much accuracy the way through a drawing costs.

Each of 1,000 test images of MNIST is thinned to lines one pixel wide, drawn in Chromium on a canvas of 280x280 pixels
with a round, anti-aliased pen: 55 to 85% of the canvas high, anywhere on it, the pen 7 to 11% of the canvas wide (the
page's own has 9%). What is drawn becomes an image by the page's own path and gets the page's own answer. The network's
answers to the same images themselves stand beside it: the paired interval says what drawing costs, thinning included.

    INKLING_DATA=… python benchmarks/drawn_digits.py [RUN…] [--n 1000] [--quick]        (needs chromium and selenium)

Without RUN a perceptron is trained by the recipe `strong`, which takes minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from inkling.images.sources.registry import load_images
from inkling.integrations.export.export import export_runs
from inkling.metrics.formatting import percent, percent_interval
from inkling.metrics.intervals import wilson_interval
from inkling.metrics.paired import PairedDifference
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.run import Run
from inkling.training.recipes.registry import recipe

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))
from make_screenshots import CHROMIUM, DRIVER, open_browser

CANVAS = 280
"""Pixels of its side."""
HEIGHTS = (0.55, 0.85)
"""Of a digit, as fractions of the canvas."""
PENS = (0.07, 0.11)
"""Widths of the pen, as fractions of the canvas. Of 1,000 validation images, of which the perceptron classifies 97.6%
correctly, 95.5% are right with pens of 5 to 7%, 96.5% with 7 to 9%, 96.3% with 9 to 11% and 95.4% with 11 to 13%."""
FINER = 6
"""Times as fine as the image is the grid on which it is thinned."""
BATCH = 50

DRAW = """
const done = arguments[1], [digits, side] = arguments[0];
inkling.then(async (found) => {
  const pen = new OffscreenCanvas(side, side).getContext("2d", {willReadFrequently: true}), answers = [];
  pen.lineCap = pen.lineJoin = "round";
  for (const {lines, width} of digits) {
    pen.clearRect(0, 0, side, side);
    pen.lineWidth = width;
    for (const line of lines) {
      pen.beginPath();
      pen.moveTo(...line[0]);
      for (const place of line) pen.lineTo(...place);
      pen.stroke();
    }
    const rgba = pen.getImageData(0, 0, side, side).data;
    const image = found.drawing(Float32Array.from({length: side * side}, (_, i) => rgba[4 * i + 3]), side, side);
    answers.push(Array.from(await found.predict(image)));
  }
  done(answers);
}).catch((error) => done(String(error)));"""


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="a run on grey images of digits")
    parser.add_argument("--n", type=int, default=1000, help="test images, %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few small images: the numbers mean nothing")
    options = parser.parse_args()
    if not (CHROMIUM and DRIVER):
        parser.exit(message="chromium or chromedriver is not installed\n")
    print("| network | test images | the images themselves | redrawn | difference, points |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(path) for path in options.runs] or [trained(Path(folder) / "run", options.quick)]
        for i, run in enumerate(runs):
            print_row(run, 20 if options.quick else options.n, Path(folder) / f"{i}.html")


def trained(folder: Path, quick: bool) -> Run:
    """Train a perceptron, in the quick form on the bundled digits and hardly."""
    source = "digits" if quick else "mnist"
    changes: dict[str, Any] = {"epochs": 2} if quick else {}
    settings = recipe("reference" if quick else "strong", network="perceptron", **changes)
    for _ in train_run(RunPlan(source, "perceptron", settings), load_images(source), folder, command=sys.argv):
        pass
    return Run(folder)


def print_row(run: Run, n: int, page: Path) -> None:
    """Redraw test images, let the page of a run answer, and compare with the run's answers to the images."""
    test = run.load_images().test
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(test))[:n]
    images, labels = test.images[chosen], test.labels[chosen]
    export_runs([run], "page", page)
    digits = [placed(strokes(image[..., 0]), rng) for image in images]
    answers: list[list[float]] = []
    browser = open_browser()
    try:
        browser.get(page.resolve().as_uri())
        for start in range(0, n, BATCH):
            found = browser.execute_async_script(DRAW, [digits[start : start + BATCH], CANVAS])
            if isinstance(found, str):
                raise SystemExit(found)
            answers += found
    finally:
        browser.quit()
    own = run.predict(images).argmax(axis=1) == labels
    drawn = np.array(answers).argmax(axis=1) == labels
    cells = [
        f"{percent(right.mean(), n)} {percent_interval(wilson_interval(int(right.sum()), n), n)}"
        for right in (own, drawn)
    ]
    lost, won = int(np.sum(own & ~drawn)), int(np.sum(drawn & ~own))
    between = PairedDifference(n, won, lost).interval()
    difference = f"{100 * (won - lost) / n:+.1f} [{100 * between.low:+.1f}, {100 * between.high:+.1f}]"
    print(f"| {run.label} | {n:,} | {' | '.join(cells)} | {difference} |")


def placed(lines: list[NDArray[np.float64]], rng: np.random.Generator) -> dict[str, Any]:
    """Return a digit somewhere on the canvas, of some size, and the width of the pen, in pixels."""
    height, width = rng.uniform(*HEIGHTS) * CANVAS, rng.uniform(*PENS) * CANVAS
    every = np.concatenate(lines)
    low, size = every.min(axis=0), np.ptp(every, axis=0)
    scale = (height - width) / max(size.max(), 1.0)
    corner = rng.uniform(width / 2, CANVAS - width / 2 - scale * size)
    return {"lines": [np.round((line - low) * scale + corner, 2).tolist() for line in lines], "width": width}


def strokes(image: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Return the lines of a light digit on dark ground: each (points, 2), (x, y) in pixels of a finer grid."""
    height, width = image.shape
    finer = Image.fromarray(image).resize((width * FINER, height * FINER), Image.Resampling.BICUBIC)
    ink = np.pad(np.asarray(finer) > 100, 1)
    lines = walks(thinned(ink))
    return [gaussian_filter1d(line[:, ::-1].astype(float), FINER / 2, axis=0, mode="nearest") for line in lines]


def thinned(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return lines one pixel wide along the middle of the ink (Zhang and Suen, 1984, CACM 27:236)."""
    lines = ink.copy()
    while True:
        before = lines.sum()
        for first in (True, False):
            around = [
                np.roll(lines, shift, (0, 1))
                for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
            ]  # from north, clockwise
            north, _, east, _, south, _, west, _ = around
            neighbours = np.sum(around, axis=0)
            changes = sum((~a & b).astype(int) for a, b in zip(around, [*around[1:], around[0]], strict=True))
            kept = (
                (north & east & south) | (east & south & west)
                if first
                else (north & east & west) | (north & south & west)
            )
            lines &= ~((neighbours >= 2) & (neighbours <= 6) & (changes == 1) & ~kept)
        if lines.sum() == before:
            return lines


def walks(lines: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return walks (row, column) that together pass between every two neighbouring pixels once; at least one."""
    pixels = {(int(row), int(column)) for row, column in np.argwhere(lines)}
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, -1), (-1, 1))
    open_ways = {at: [(at[0] + y, at[1] + x) for y, x in steps if (at[0] + y, at[1] + x) in pixels] for at in pixels}
    found: list[NDArray[np.intp]] = []
    for start in sorted(pixels, key=lambda at: (len(open_ways[at]) != 1, at)):  # from the ends of lines first
        while open_ways[start] or not found:
            walk = [start]
            while open_ways[walk[-1]]:
                here = walk[-1]
                there = open_ways[here].pop(0)
                open_ways[there].remove(here)
                walk.append(there)
            found.append(np.array(walk))
    return found


if __name__ == "__main__":
    main()
