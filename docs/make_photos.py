"""A folder of pictures that stand in for photographs in docs/photos.md: balls, boxes and cones in front of anything.

    python docs/make_photos.py FOLDER

They are drawn and not taken, so that they may be shown: three classes, 120 pictures each, of several sizes, with the
faults of a folder that nobody has tidied: a file cut short, a copy, pictures out of focus and underexposed.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

CLASSES = ("ball", "box", "cone")
SIZES = ((640, 480), (480, 640), (800, 600), (512, 512))
EACH = 120


def picture(kind: str, rng: np.random.Generator) -> Image.Image:
    """Return a picture of a thing of one kind, in any colour, in front of any background."""
    width, height = SIZES[rng.integers(len(SIZES))]
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    scene = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(scene)
    for _ in range(6):
        x, y = rng.integers(0, width), rng.integers(0, height)
        end = (x + int(rng.integers(-200, 200)), y + int(rng.integers(-200, 200)))
        draw.line([(int(x), int(y)), end], fill=tuple(int(v) for v in rng.integers(0, 256, 3)), width=5)
    size = int(rng.integers(110, 260))
    x, y = int(rng.integers(0, width - size)), int(rng.integers(0, height - size))
    colour, shade = (tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(2))
    if kind == "ball":
        draw.ellipse([x, y, x + size, y + size], fill=colour)
        draw.ellipse([x + size // 4, y + size // 5, x + size // 2, y + 2 * size // 5], fill=shade)
    elif kind == "box":
        draw.rectangle([x, y + size // 4, x + 3 * size // 4, y + size], fill=colour)
        top = [(x, y + size // 4), (x + size // 4, y), (x + size, y), (x + 3 * size // 4, y + size // 4)]
        draw.polygon(top, fill=shade)
    else:
        draw.polygon([(x + size // 2, y), (x, y + size), (x + size, y + size)], fill=colour)
        draw.ellipse([x, y + 7 * size // 8, x + size, y + 9 * size // 8], fill=shade)
    noisy = np.asarray(scene.filter(ImageFilter.GaussianBlur(1))) + rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def main() -> None:
    """Draw the pictures, and spoil some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rng = np.random.default_rng(0)
    for kind in CLASSES:
        (folder / kind).mkdir(parents=True)
        for number in range(EACH):
            picture(kind, rng).save(folder / kind / f"{number:03}.jpg", quality=85)
    for path, spoil in (
        (folder / "ball" / "007.jpg", lambda image: image.filter(ImageFilter.GaussianBlur(14))),
        (folder / "cone" / "031.jpg", lambda image: ImageEnhance.Brightness(image).enhance(0.06)),
    ):
        with Image.open(path) as image:
            spoilt = spoil(image)
        spoilt.save(path, quality=85)
    shutil.copy(folder / "box" / "011.jpg", folder / "box" / "011 copy.jpg")
    shutil.copy(folder / "box" / "040.jpg", folder / "cone" / "040b.jpg")
    cut = folder / "ball" / "050.jpg"
    cut.write_bytes(cut.read_bytes()[:9000])


if __name__ == "__main__":
    main()
