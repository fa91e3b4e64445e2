"""Loading of pictures, the first time (measured, decoded, hashed, written to the cache) and the second (read from it).

Two folders of ten classes, made here of blurred noise with edges, so that files are as large as those of photos:
60,000 small JPEG files, and 2,000 as phones take them (4000x3000 pixels, 12 megapixels). A few hundred different ones
are encoded; the rest are links to them, so that files come from memory and not from a disk.

    python benchmarks/photo_loading.py [--small 60000] [--side 64] [--photos 2000] [--quick]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from inkling import load_images
from inkling.runs.environment import machine, versions


def main() -> None:
    """Make pictures, load each folder twice and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=60_000, help="small pictures")
    parser.add_argument("--side", type=int, default=64, help="of a small picture, in pixels")
    parser.add_argument("--photos", type=int, default=2_000, help="pictures of 12 megapixels")
    parser.add_argument("--quick", action="store_true", help="a few pictures, to see that it runs")
    options = parser.parse_args()
    print(f"{versions()}; {machine()['processor']}, {os.cpu_count()} cores")
    sets = [(options.small, (options.side, options.side), 400), (options.photos, (4000, 3000), 20)]
    if options.quick:
        sets = [(200, (32, 32), 20), (20, (640, 480), 2)]
    for n, size, different in sets:
        if n:
            measure(n, size, different)


def measure(n: int, size: tuple[int, int], different: int) -> None:
    """Print the seconds that n JPEG files of (width, height) pixels take to load, without a cache and with it."""
    with tempfile.TemporaryDirectory() as temporary, mock.patch.dict(os.environ):
        folder = Path(temporary, "photos")
        megabytes = make_pictures(folder, n, size, different)
        os.environ["INKLING_CACHE"] = str(Path(temporary, "cache"))
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            splits = load_images(folder)
            assert splits.fingerprint
            seconds.append(time.perf_counter() - began)
    shape = "x".join(map(str, splits.train.image_shape))
    print(
        f"{n:,} JPEG files of {size[0]}x{size[1]} pixels, {megabytes / n * 1000:,.0f} kB each, to {shape}: "
        f"first load {seconds[0]:.1f} s ({n / seconds[0]:,.0f} a second), second load {seconds[1]:.2f} s",
        flush=True,
    )


def make_pictures(folder: Path, n: int, size: tuple[int, int], different: int) -> float:
    """Write n pictures in ten class folders, and return how many megabytes they have together."""
    rng = np.random.default_rng(0)
    encoded = [folder / f"{number}.jpg" for number in range(different)]
    folder.mkdir()
    for path in encoded:
        picture(rng, size).save(path, quality=90)
    size_of = [path.stat().st_size for path in encoded]
    for number in range(n):
        path = folder / f"class {number % 10}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        try:
            path.hardlink_to(encoded[number % different])
        except OSError:  # a file system without links, or with too many of one file
            shutil.copyfile(encoded[number % different], path)
    for path in encoded:
        path.unlink()
    return sum(size_of[number % different] for number in range(n)) / 1e6


def picture(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Return noise of several grain sizes, with a few bright rectangles and a little of a sensor's own noise."""
    width, height = size
    pixels = np.full((height, width, 3), 40.0, np.float32)
    for grain in (4, 16, 64):
        coarse = rng.integers(0, 256, (max(2, height // grain), max(2, width // grain), 3), dtype=np.uint8)
        pixels += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float32) * 0.25
    for _ in range(6):
        left, top = int(rng.integers(width)), int(rng.integers(height))
        pixels[top : top + height // 4, left : left + width // 4] += rng.uniform(-80, 80, 3)
    pixels += 2 * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
