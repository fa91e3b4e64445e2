"""From a picture file to an image such as a network takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from inkling.errors import DataError


def read_picture(path: Path, image_shape: tuple[int, int, int], invert: bool = False) -> NDArray[np.uint8]:
    """Return the pixels of a picture file, in the shape asked for.

    It is turned as its camera says, laid on white where it is transparent, made grey or RGB, and shrunk or enlarged to
    fit; what is missing to the sides has the colour of its upper left corner.

    Parameters
    ----------
    path : Path
        Any format that Pillow reads; of a moving picture the first frame is taken.
    image_shape : tuple of int
        (H, W, C), C being 1 or 3.
    invert : bool
        Invert the grey levels: for ink on paper, where the network was trained on light on dark.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)

    Raises
    ------
    DataError
        If it cannot be read as a picture.
    """
    height, width, channels = image_shape
    flat = open_picture(path, "L" if channels == 1 else "RGB")
    if flat.size != (width, height):
        fitted = ImageOps.contain(flat, (width, height), Image.Resampling.LANCZOS)
        flat = flat.crop((0, 0, 1, 1)).resize((width, height))
        flat.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
    if invert:
        flat = ImageOps.invert(flat)
    return np.asarray(flat, np.uint8).reshape(image_shape)


def open_picture(path: Path, mode: str) -> Image.Image:
    """Return a picture file in its own size, turned as its camera says and laid on white where it is transparent.

    Parameters
    ----------
    path : Path
    mode : str
        "L" for grey, "RGB" for colour.

    Raises
    ------
    DataError
        If it cannot be read as a picture.
    """
    with _opened(path) as file:
        picture = _eight_bits(ImageOps.exif_transpose(file), path)
        if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
            return picture.convert(mode)
        picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert(mode)


def header_size(path: Path) -> tuple[int, int]:
    """Return the (width, height) that a picture file's header announces, turned as its camera says.

    Nothing is decoded. A file that says elsewhere that it is to be turned is given unturned.

    Raises
    ------
    DataError
        If it is no picture.
    """
    with _opened(path) as file:
        # Where it does not stand in front, Pillow would decode the whole picture to look for it.
        exif = file.getexif() if "exif" in file.info else {}
        on_its_side = exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (file.height, file.width) if on_its_side else file.size


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture file; what goes wrong with it is a DataError that names it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                yield file
    except UnidentifiedImageError:
        raise DataError(f"{path}: expected a picture (PNG, JPEG, …), found something else") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: expected a picture, which cannot be read ({reason})") from None


def _eight_bits(picture: Image.Image, path: Path) -> Image.Image:
    """Scale 16 bits a pixel to 8, which Pillow would cut off; refuse what has no range of its own."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise DataError(f"{path}: expected 8 or 16 bits per pixel, found 32: save it as 8-bit PNG")
    return picture
