"""Thresholds of the check of pictures: the share of spoilt copies of photographs that they find, and of originals.

The photographs are those that come with scikit-learn, matplotlib and, where it is installed, scikit-image; or those of
a source. A copy is blurred by a Gaussian of so many pixels, or exposed by so many stops (a stop doubles the light; the
curve of sRGB is undone before and done again after it), and saved as JPEG of quality 85. Beside the check's sharpness
stands the variance of the Laplacian of the whole picture, at the threshold that finds as many originals.

    python benchmarks/picture_quality.py [--source FOLDER] [--sizes 64,128,224] [--quick]
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, laplace

from inkling import load_images
from inkling.diagnosis.picture_measures import measure_pictures
from inkling.diagnosis.picture_quality import BRIGHT, DARK, judge_quality

CROPS = 6
"""Of each photograph, of a random size and place."""
PHOTOGRAPHS = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
    "skimage": tuple(
        f"data/{name}"
        for name in (
            "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png",
            "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "page.png",
            "retina.jpg", "rocket.jpg",
        )
    ),
}  # fmt: skip
Spoil = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def main() -> None:
    """Print the shares found, for every way to spoil a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", help="a folder of photographs instead of those installed")
    parser.add_argument("--sizes", default="64,128,224", help="pixels a side of the installed ones")
    parser.add_argument("--quick", action="store_true", help="a few pictures, to see that it runs")
    options = parser.parse_args()
    print("| pictures | n | spoilt by | found | by the variance of the Laplacian |")
    print("|---|---|---|---|---|")
    if options.source:
        compare(load_images(options.source).train.images)
    for side in () if options.source else map(int, options.sizes.split(",")):
        compare(crops(side, 1 if options.quick else CROPS))


def compare(images: NDArray[np.uint8]) -> None:
    """Print a row for each way to spoil the images, (N, H, W, 3)."""
    measured = measure_pictures(images)
    quality = judge_quality({"train": measured})
    blurred_below = quality.blurred_below or 0.0
    name = f"{images.shape[1]}x{images.shape[2]}, median sharpness {quality.median_sharpness or 0:.1f}"
    originals = (measured.sharpness < blurred_below).mean()
    threshold = np.quantile(variances(images), originals)
    row(name, images, "not at all: blurred", originals, f"{originals:.3f}")
    row(name, images, "not at all: dark", (measured.highest < DARK).mean())
    row(name, images, "not at all: bright", (measured.lowest > BRIGHT).mean())
    for sigma in (1, 1.5, 2, 3, 4):
        blurred = spoil(images, partial(blur, sigma=sigma))
        found = (measure_pictures(blurred).sharpness < blurred_below).mean()
        row(name, images, f"blur of {sigma:g} pixels", found, f"{(variances(blurred) < threshold).mean():.3f}")
    for stops in (-2, -3, -4, -5, 2, 3, 4, 5):
        exposed = measure_pictures(spoil(images, partial(expose, stops=stops)))
        row(
            name, images, f"{stops:+d} stops", (exposed.highest < DARK if stops < 0 else exposed.lowest > BRIGHT).mean()
        )


def row(name: str, images: NDArray[np.uint8], how: str, found: float, by_variance: str = "") -> None:
    """Print one row of the table."""
    print(f"| {name} | {len(images):,} | {how} | {found:.3f} | {by_variance} |", flush=True)


def crops(side: int, of_each: int) -> NDArray[np.uint8]:
    """Return squares of random size and place, the first as large as the photograph, shrunk to (N, side, side, 3)."""
    rng, cut = np.random.default_rng(0), []
    for path in photographs():
        photograph = Image.open(path).convert("RGB")
        largest = min(photograph.size)
        if largest < side:
            continue
        for number in range(of_each):
            size = int(rng.uniform(max(side, largest / 2), largest)) if number else largest
            x, y = (int(rng.integers(0, length - size + 1)) for length in photograph.size)
            square = photograph.crop((x, y, x + size, y + size))
            cut.append(np.asarray(square.resize((side, side), Image.Resampling.LANCZOS)))
    return np.stack(cut)


def photographs() -> list[Path]:
    """Return those that are installed."""
    found = []
    for package, names in PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec and spec.origin:
            found += [Path(spec.origin).parent / name for name in names]
    return [path for path in found if path.is_file()]


def spoil(images: NDArray[np.uint8], how: Spoil) -> NDArray[np.uint8]:
    """Return copies, each spoilt and saved as JPEG."""
    copies = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(how(image)).save(buffer, "jpeg", quality=85)
        copies.append(np.asarray(Image.open(buffer)))
    return np.stack(copies)


def blur(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Return the picture blurred by a Gaussian."""
    blurred: NDArray[np.uint8] = gaussian_filter(image, (sigma, sigma, 0))
    return blurred


def expose(image: NDArray[np.uint8], stops: int) -> NDArray[np.uint8]:
    """Return the picture as it would be with 2^stops times the light (IEC 61966-2-1)."""
    coded = image / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4) * 2.0**stops
    light = np.clip(light, 0, 1)
    pixels: NDArray[np.uint8] = (
        (255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).round().astype(np.uint8)
    )
    return pixels


def variances(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the variance of the Laplacian of grey, (N,)."""
    return np.array([laplace(image.mean(axis=2)).var() for image in images])


if __name__ == "__main__":
    main()
